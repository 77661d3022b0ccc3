"""JSON documents of one kind, each under an id of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from hashlib import blake2b
from typing import Generic, TypeVar

from pydantic import BaseModel

from storage.blobs import Blobs
from storage.documents import Version

T = TypeVar("T", bound=BaseModel)

_DOCUMENT = "/document.json"


class Collection(Generic[T]):
    """Documents of one kind under a folder; each has a folder of its own for what belongs to it.

    Args:
        folder: Ends in a slash.
    """

    def __init__(self, blobs: Blobs, folder: str, kind: type[T]) -> None:
        self._blobs = blobs
        self._folder = folder
        self._kind = kind

    def folder(self, document_id: str) -> str:
        """Where a document's blobs are; ids may hold what names of blobs may not."""
        key = blake2b(document_id.encode(), digest_size=16).hexdigest()
        return f"{self._folder}{key}/"

    async def read(self, document_id: str) -> Version[T] | None:
        """The current version; None where there is none."""
        return await self._read(self._name(document_id))

    async def read_all(self) -> AsyncGenerator[T, None]:
        """Every document, in no order that means anything."""
        async for entry in self._blobs.list(self._folder):
            if entry.name.endswith(_DOCUMENT):
                version = await self._read(entry.name)
                if version is not None:
                    yield version.value

    async def create(self, document_id: str, value: T) -> Version[T]:
        """Write the first version.

        Raises:
            Conflict: There is one of that id.
        """
        data = value.model_dump_json().encode()
        return Version(value, await self._blobs.replace(self._name(document_id), data, None))

    async def replace(self, document_id: str, value: T, read: Version[T]) -> Version[T]:
        """Write ``value`` over ``read``.

        Raises:
            Conflict: Somebody else has written since ``read``, or removed it.
        """
        data = value.model_dump_json().encode()
        return Version(value, await self._blobs.replace(self._name(document_id), data, read.etag))

    async def delete(self, document_id: str) -> bool:
        """Remove a document, and then all that belongs to it; whether there was one."""
        found = await self.read(document_id) is not None
        await self._blobs.delete(self._name(document_id))
        async for entry in self._blobs.list(self.folder(document_id)):
            await self._blobs.delete(entry.name)
        return found

    def _name(self, document_id: str) -> str:
        return self.folder(document_id).rstrip("/") + _DOCUMENT

    async def _read(self, name: str) -> Version[T] | None:
        blob = await self._blobs.read(name)
        if blob is None:
            return None
        return Version(self._kind.model_validate_json(blob.data), blob.etag)
