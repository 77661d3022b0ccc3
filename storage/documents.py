"""JSON documents: a loop's settings and its manifest, and the register of all loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from loop.manifest import Manifest
from loop.register import Register
from loop.settings import LoopSettings
from storage.blobs import Blobs

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Version(Generic[T]):
    """A document as it was read; ``etag`` is None where nothing has been written yet."""

    value: T
    etag: str | None


class Document(Generic[T]):
    """One JSON document in a blob, written only over the version that was read."""

    def __init__(self, blobs: Blobs, name: str, default: T) -> None:
        self._blobs = blobs
        self._name = name
        self._default = default

    async def read(self) -> Version[T]:
        """The current version, or the default where nothing has been written."""
        blob = await self._blobs.read(self._name)
        if blob is None:
            return Version(self._default, None)
        return Version(type(self._default).model_validate_json(blob.data), blob.etag)

    async def read_if_changed(self, etag: str | None) -> Version[T] | None:
        """The current version; None while it still is the one with ``etag``."""
        if etag is None:
            version = await self.read()
            return version if version.etag is not None else None
        blob = await self._blobs.read_if_changed(self._name, etag)
        if blob is None:
            return None
        return Version(type(self._default).model_validate_json(blob.data), blob.etag)

    async def replace(self, value: T, read: Version[T]) -> Version[T]:
        """Write ``value`` over ``read``.

        Raises:
            Conflict: Somebody else has written since ``read``.
        """
        data = value.model_dump_json().encode()
        return Version(value, await self._blobs.replace(self._name, data, read.etag))


def settings_document(blobs: Blobs) -> Document[LoopSettings]:
    """What the owner has set."""
    return Document(blobs, "settings.json", LoopSettings())


def manifest_document(blobs: Blobs) -> Document[Manifest]:
    """What the trainer has committed."""
    return Document(blobs, "manifest.json", Manifest())


def register_document(blobs: Blobs) -> Document[Register]:
    """Which loops the owner has made, and their keys."""
    return Document(blobs, "loops.json", Register())
