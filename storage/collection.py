"""JSON documents of one kind, each under an id of its own; and which of them are to be worked on.

Whoever works on them looks every few seconds whether there is anything to do. The agenda makes
that one read of a small blob, instead of a listing and a read of each document.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Container
from contextlib import suppress
from hashlib import blake2b
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from storage.blobs import Blobs, Conflict
from storage.documents import Document, Version
from storage.revising import revise

T = TypeVar("T", bound=BaseModel)

_DOCUMENT = "/document.json"
_AT_ONCE = 16


class Agenda(BaseModel):
    """The documents that are to be worked on.

    Attributes:
        ids: Oldest first. One may be there for a moment before its document is, or stay there
            after its document was deleted.
        announced: How often one was put there; it makes each time a change.
    """

    model_config = ConfigDict(frozen=True)

    ids: tuple[str, ...] = ()
    announced: int = 0

    def with_(self, document_id: str) -> Agenda:
        """The agenda with one more, or with one again that is there."""
        ids = self.ids if document_id in self.ids else (*self.ids, document_id)
        return Agenda(ids=ids, announced=self.announced + 1)


class Collection(Generic[T]):
    """Documents of one kind under a folder; each has a folder of its own for what belongs to it.

    Args:
        folder: Ends in a slash.
    """

    def __init__(self, blobs: Blobs, folder: str, kind: type[T]) -> None:
        self._blobs = blobs
        self._folder = folder
        self._kind = kind
        self._agenda = Document(blobs, f"{folder}agenda.json", Agenda())

    def folder(self, document_id: str) -> str:
        """Where a document's blobs are; ids may hold what names of blobs may not."""
        key = blake2b(document_id.encode(), digest_size=16).hexdigest()
        return f"{self._folder}{key}/"

    async def read(self, document_id: str) -> Version[T] | None:
        """The current version; None where there is none."""
        return await self._read(self._name(document_id))

    async def read_all(self) -> AsyncGenerator[T, None]:
        """Every document, in no order that means anything."""
        names = await self._names()
        for place in range(0, len(names), _AT_ONCE):
            some = names[place : place + _AT_ONCE]
            for version in await asyncio.gather(*(self._read(name) for name in some)):
                if version is not None:
                    yield version.value

    async def count(self) -> int:
        """How many documents there are."""
        return len(await self._names())

    async def create(self, document_id: str, value: T) -> Version[T]:
        """Write the first version, and put it on the agenda.

        Raises:
            Conflict: There is one of that id.
        """
        # Before, so that no document is ever missed. And again, since whoever works may have found
        # no document in between, and have struck it off.
        await revise(self._agenda, lambda agenda: agenda.with_(document_id))
        data = value.model_dump_json().encode()
        etag = await self._blobs.replace(self._name(document_id), data, None)
        await revise(self._agenda, lambda agenda: agenda.with_(document_id))
        return Version(value, etag)

    async def agenda(self) -> Version[Agenda]:
        """What is to be worked on; read it before the documents that it names."""
        return await self._agenda.read()

    async def strike(self, document_ids: Container[str], agenda: Version[Agenda]) -> None:
        """Take off the agenda what there is nothing left to do for.

        Args:
            agenda: As it was read before that was found. Where it has changed since, nothing is
                taken off: one of them may have come again.
        """
        ids = tuple([each for each in agenda.value.ids if each not in document_ids])
        if ids != agenda.value.ids:
            with suppress(Conflict):
                await self._agenda.replace(agenda.value.model_copy(update={"ids": ids}), agenda)

    async def replace(self, document_id: str, value: T, read: Version[T]) -> Version[T]:
        """Write ``value`` over ``read``.

        Raises:
            Conflict: Somebody else has written since ``read``, or removed it.
        """
        data = value.model_dump_json().encode()
        return Version(value, await self._blobs.replace(self._name(document_id), data, read.etag))

    async def tidy(self, document_id: str, keep: Container[str] = ()) -> None:
        """Remove what belongs to a document, but for these blobs, and for itself."""
        async for entry in self._blobs.list(self.folder(document_id)):
            if entry.name != self._name(document_id) and entry.name not in keep:
                await self._blobs.delete(entry.name)

    async def delete(self, document_id: str) -> bool:
        """Remove a document, and then all that belongs to it; whether there was one."""
        found = await self.read(document_id) is not None
        await self._blobs.delete(self._name(document_id))
        await self.tidy(document_id)
        return found

    async def _names(self) -> list[str]:
        listed = self._blobs.list(self._folder)
        return [entry.name async for entry in listed if entry.name.endswith(_DOCUMENT)]

    def _name(self, document_id: str) -> str:
        return self.folder(document_id).rstrip("/") + _DOCUMENT

    async def _read(self, name: str) -> Version[T] | None:
        blob = await self._blobs.read(name)
        if blob is None:
            return None
        return Version(self._kind.model_validate_json(blob.data), blob.etag)
