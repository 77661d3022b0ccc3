"""Blobs: immutable files, small documents guarded by ETags, and files that grow by blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime


class Conflict(Exception):
    """Raised when a guarded write meets a blob that has changed since it was read."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What one read returned."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """One row of a listing."""

    name: str
    size: int
    modified: datetime


class Blobs(ABC):
    """The blobs of one loop. Names are relative to the loop.

    Every call raises ``StorageUnavailable`` when storage does not answer in its time. A write may
    have been done all the same. A guarded write (``replace``, ``commit_blocks``) is sent once, so
    that its ``Conflict`` always is with somebody else.
    """

    @abstractmethod
    async def read(self, name: str) -> Blob | None:
        """The whole blob; None where there is none."""

    @abstractmethod
    async def read_if_changed(self, name: str, etag: str) -> Blob | None:
        """The whole blob; None where there is none or it still has ``etag``."""

    @abstractmethod
    def stream(self, name: str) -> AsyncIterator[bytes]:
        """The committed content in chunks; nothing where there is no such blob.

        A blob that grows meanwhile gives what it held at the start.
        """

    @abstractmethod
    async def write(self, name: str, data: bytes) -> str:
        """Write unconditionally and return the ETag; for names that are written once."""

    @abstractmethod
    async def replace(self, name: str, data: bytes, etag: str | None) -> str:
        """Write over the version that has ``etag``, or create where ``etag`` is None.

        Raises:
            Conflict: Somebody else has written in between.
        """

    @abstractmethod
    async def stage_block(self, name: str, block_id: str, data: bytes) -> None:
        """Upload a block that nobody sees until ``commit_blocks`` names it.

        Args:
            block_id: Up to 64 bytes; all ids of one blob have the same length.
        """

    @abstractmethod
    async def blocks(self, name: str) -> tuple[tuple[str, ...], str | None]:
        """Ids of the committed blocks in order, and the ETag; ``((), None)`` where none is."""

    @abstractmethod
    async def commit_blocks(self, name: str, block_ids: Sequence[str], etag: str | None) -> None:
        """Make the blob consist of these blocks, committed or staged, in this order.

        Raises:
            Conflict: The blob no longer has ``etag`` (None: it exists by now), or a block that
                was named is gone.
        """

    @abstractmethod
    def list(self, prefix: str) -> AsyncIterator[BlobEntry]:
        """Blobs whose names start with ``prefix``, in order of name."""

    @abstractmethod
    async def delete(self, name: str) -> None:
        """Remove a blob; one that is gone already is no error."""
