"""Writing the document of an evaluation that is being worked on."""

from __future__ import annotations

from contextlib import suppress

from evaluation.jobs import Evaluation
from loop.errors import StorageUnavailable
from storage.blobs import Conflict
from storage.collection import Collection
from storage.documents import Version

_ATTEMPTS = 3


class Superseded(Exception):
    """Raised when somebody else has begun to work on an evaluation, or its owner has deleted it."""


class Claim:
    """An evaluation in the hands of one who works on it: each write is over the last one.

    Args:
        version: As it was read.
    """

    def __init__(self, collection: Collection[Evaluation], version: Version[Evaluation]) -> None:
        self._collection = collection
        self._version = version

    @property
    def evaluation(self) -> Evaluation:
        """As it was written last."""
        return self._version.value

    async def write(self, evaluation: Evaluation) -> None:
        """Write the next version.

        An answer may be lost, and the write may still arrive: writing again is harmless, since it
        is guarded by what was written before.

        Raises:
            Superseded: Nothing that is done from here on counts.
            StorageUnavailable: Nobody knows whether it is written; who reads it again will.
        """
        for _ in range(_ATTEMPTS - 1):
            with suppress(StorageUnavailable):
                return await self._attempt(evaluation)
        return await self._attempt(evaluation)

    async def _attempt(self, evaluation: Evaluation) -> None:
        try:
            self._version = await self._collection.replace(evaluation.id, evaluation, self._version)
        except Conflict:
            found = await self._collection.read(evaluation.id)
            if found is None or found.value != evaluation:
                raise Superseded from None
            self._version = found
