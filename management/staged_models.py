"""The history of models: list them, describe them, publish one, remove one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from loop.errors import InvalidModelMetadata, OperationConflict, ResourceNotFound
from loop.events import Micros
from loop.iso import format_instant, instant_of
from loop.learning_settings import kind_of
from loop.manifest import Manifest, StagedModel
from loop.validation import parse
from storage.factory import LoopStorage
from storage.revising import revise

logger = logging.getLogger(__name__)

MOST_PINNED = 100
"""How many models may be pinned; each is a file, and a part of a document that is read often."""


class _Metadata(BaseModel):
    """What the owner may say of a model; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)

    user_description: Annotated[str, Field(max_length=1024)] | None = None
    saved_in_history: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A model of the history, and whether ranks are drawn with it."""

    model: StagedModel
    serves: bool

    def members(self) -> dict[str, str | int | bool]:
        """What the API says of it."""
        model = self.model
        return {
            "modelId": model.id,
            "userDescription": model.description,
            "creationDate": format_instant(instant_of(model.created)),
            "lastConfigEditDate": format_instant(instant_of(model.configured)),
            "firstEventId": model.first_event,
            "lastEventId": model.last_event,
            "savedInHistory": model.pinned,
            "numberOfEventsLearnedSinceLastExport": model.lessons,
            "isPublished": self.serves,
        }

    def to_json(self) -> bytes:
        """The body that the API answers with."""
        return orjson.dumps(self.members())


def list_to_json(models: Sequence[Listed]) -> bytes:
    """The body that the API answers a list with."""
    return orjson.dumps([listed.members() for listed in models])


async def list_staged_models(storage: LoopStorage) -> list[Listed]:
    """The history, newest first."""
    manifest = (await storage.manifest.read()).value
    return [_listed(manifest, model) for model in manifest.staged]


async def get_staged_model(storage: LoopStorage, model_id: str) -> Listed:
    """One model of the history.

    Raises:
        ResourceNotFound: It is not in the history, or not any more.
    """
    manifest = (await storage.manifest.read()).value
    return _listed(manifest, _find(manifest, model_id))


async def describe_staged_model(storage: LoopStorage, model_id: str, body: bytes) -> Listed:
    """Describe a model, or pin it: a pinned one stays, however many come after it.

    Raises:
        InvalidModelMetadata: A member is mistyped or too long.
        ResourceNotFound: It is not in the history, or not any more.
        OperationConflict: ``MOST_PINNED`` models are pinned already.
    """
    metadata = parse(_Metadata, body, InvalidModelMetadata)

    def described(found: Manifest) -> Manifest:
        before = _find(found, model_id)
        after = before.model_copy(
            update={
                "description": before.description
                if metadata.user_description is None
                else metadata.user_description,
                "pinned": before.pinned
                if metadata.saved_in_history is None
                else metadata.saved_in_history,
            }
        )
        staged = tuple(after if model.id == model_id else model for model in found.staged)
        if sum(model.pinned for model in staged) > MOST_PINNED:
            raise OperationConflict(f"At most {MOST_PINNED} models may be saved in history.")
        return found.model_copy(update={"staged": staged})

    _, manifest = await revise(storage.manifest, described)
    return _listed(manifest, _find(manifest, model_id))


async def publish_staged_model(storage: LoopStorage, model_id: str, now: Micros) -> None:
    """Let a model of the history serve. An older one than that which serves is a roll-back: what
    is learned from here on, is learned on from it.

    Raises:
        ResourceNotFound: It is not in the history, or not any more.
        OperationConflict: It is single-slot and the loop multi-slot by now, or the other way round.
    """
    kind = (await storage.settings.read()).value.kind

    def published(found: Manifest) -> Manifest:
        model = _find(found, model_id)
        if kind_of(model.arguments) is not kind:
            raise OperationConflict(f"The loop is {kind.value} by now, and the model is not.")
        return found.with_published(model, now).with_intervention()

    await revise(storage.manifest, published)
    logger.info("model_published", extra={"model": model_id})


async def delete_staged_model(storage: LoopStorage, model_id: str) -> None:
    """Take a model out of the history.

    Raises:
        ResourceNotFound: It is not in the history, or not any more.
        OperationConflict: It serves, or learning goes on from it.
    """

    def without(found: Manifest) -> Manifest:
        model = _find(found, model_id)
        in_use = [used.id for used in (found.model, found.trained) if used is not None]
        if model.id in in_use:
            raise OperationConflict(
                "The model serves, or is being learned on from: publish another one first."
            )
        staged = tuple(other for other in found.staged if other.id != model_id)
        return found.model_copy(update={"staged": staged})

    former, _ = await revise(storage.manifest, without)
    await storage.blobs.delete(_find(former.value, model_id).blob)


def _find(manifest: Manifest, model_id: str) -> StagedModel:
    for model in manifest.staged:
        if model.id == model_id:
            return model
    raise ResourceNotFound(f"There is no model {model_id!r} in the history.", "modelId")


def _listed(manifest: Manifest, model: StagedModel) -> Listed:
    return Listed(model, manifest.model is not None and manifest.model.id == model.id)
