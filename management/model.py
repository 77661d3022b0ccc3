"""The model: fetch it, read its dates, start over without it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timezone

import orjson

from loop.errors import StorageUnavailable
from loop.iso import instant_of
from storage.factory import LoopStorage
from storage.revising import revise

logger = logging.getLogger(__name__)

_NEVER = datetime(1, 1, 1, tzinfo=timezone.utc)
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ModelProperties:
    """When there was a model.

    Attributes:
        created: When the first model since the loop began, or since a reset, was published; the
            year 1 before there is one.
        modified: When the model that serves was published; the year 1 before there is one.
    """

    created: datetime = _NEVER
    modified: datetime = _NEVER

    def to_json(self) -> bytes:
        """The body that the API answers with, in whole seconds.

        >>> ModelProperties().to_json()[:45]
        b'{"creationTime":"0001-01-01T00:00:00+00:00","'
        """
        return orjson.dumps(
            {
                "creationTime": self.created.isoformat(timespec="seconds"),
                "lastModifiedTime": self.modified.isoformat(timespec="seconds"),
            }
        )


async def get_model(storage: LoopStorage) -> bytes:
    """The bytes of the model that serves; nothing before a first one is published.

    Raises:
        StorageUnavailable: Storage is away, or models are replaced faster than they are read.
    """
    for _ in range(_ATTEMPTS):
        model = (await storage.manifest.read()).value.model
        if model is None:
            return b""
        blob = await storage.blobs.read(model.blob)
        if blob is not None:
            return blob.data
        # The trainer has cleared it away in between: the manifest names a newer one by now.
    logger.error("model_missing", extra={"attempts": _ATTEMPTS})
    raise StorageUnavailable("The model can't be read right now; try again.")


async def get_model_properties(storage: LoopStorage) -> ModelProperties:
    """When the first and the current model were published."""
    manifest = (await storage.manifest.read()).value
    if manifest.model is None:
        return ModelProperties()
    modified = manifest.model.created
    first = manifest.first_model_created
    return ModelProperties(instant_of(modified if first is None else first), instant_of(modified))


async def reset_model(storage: LoopStorage) -> None:
    """Forget what was learned: ranks are uniform until a model of later events is published.

    The log stays, and a rebuild that was under way or due is called off. A run of the trainer
    that began before loses its commit, and its events are learned by the next one.

    Raises:
        StorageUnavailable: Storage is away, or others are changing the manifest all the time.
    """
    version = (await storage.settings.read()).value.training_version
    former, _ = await revise(storage.manifest, lambda found: found.without_model(version))
    model = former.value.model
    logger.info("model_reset", extra={"model": model.id if model else None})
