"""The logs: from when to when they reach, and their removal."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import orjson

from loop.events import Micros
from loop.iso import format_instant, instant_of
from loop.manifest import Manifest
from loop.segments import HOUR, JOINED_LOG, LATE_LOG, hour_of
from storage.blobs import Conflict
from storage.event_log import BUCKET
from storage.factory import LoopStorage
from storage.revising import revise

logger = logging.getLogger(__name__)

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class LogProperties:
    """How far the logs reach.

    Attributes:
        start: Start of the hour of the oldest joined event. While nothing is joined, start of
            the day of the oldest event that waits to be joined. None for empty logs.
        end: End of the hour of the newest joined event, or the time up to which all is joined if
            that comes first. While nothing is joined, now. None for empty logs.
    """

    start: datetime | None = None
    end: datetime | None = None

    def to_json(self) -> bytes:
        """The body that the API answers with.

        >>> LogProperties().to_json()
        b'{"dateRange":{"from":null,"to":null}}'
        """
        start = None if self.start is None else format_instant(self.start)
        end = None if self.end is None else format_instant(self.end)
        return orjson.dumps({"dateRange": {"from": start, "to": end}})


async def get_log_properties(storage: LoopStorage, now: Micros) -> LogProperties:
    """How far the logs reach, from the names of their files: no event is read.

    Raises:
        StorageUnavailable: Storage is away.
    """
    hours = [
        hour
        async for entry in storage.blobs.list(f"{JOINED_LOG.folder}/")
        if (hour := hour_of(entry.name)) is not None
    ]
    if hours:
        position = (await storage.manifest.read()).value.position
        first, last = min(hours), max(hours)
        # Inside the last hour the position is exact; elsewhere it says nothing of that hour.
        end = position if last < position < last + HOUR else last + HOUR
        return LogProperties(instant_of(first), instant_of(Micros(end)))
    oldest = await storage.log.earliest()
    if oldest is None:
        return LogProperties()
    return LogProperties(instant_of(oldest), instant_of(now))


async def delete_logs(storage: LoopStorage, now: Micros) -> None:
    """Remove the joined log, late rewards, and all events that are not joined yet.

    The model stays, and counting begins anew. Nothing that was removed comes back: the manifest
    goes first, so that a run of the trainer under way loses its commit, and blocks that a run has
    staged but not committed go too. What is sent while this runs may be removed with the rest.
    A call that failed half-way is repeated with the same effect.

    Raises:
        StorageUnavailable: Storage is away, or others are changing the manifest all the time.
    """

    def change(manifest: Manifest) -> Manifest:
        bucket = max(now - now % BUCKET, manifest.position)
        return manifest.without_log(Micros(bucket))

    former, _ = await revise(storage.manifest, change)
    for segment in former.value.segments:
        await _drop_staged_blocks(storage, segment.blob)
    names = await _files_newest_first(storage)
    for place in range(0, len(names), _AT_ONCE):
        some = names[place : place + _AT_ONCE]
        await asyncio.gather(*(storage.blobs.delete(name) for name in some))
    await storage.log.drop_all()
    logger.info("logs_deleted", extra={"files": len(names)})


async def _drop_staged_blocks(storage: LoopStorage, name: str) -> None:
    """Commit a file without blocks, and delete it: what is staged and not named is gone then."""
    _, etag = await storage.blobs.blocks(name)
    # On a conflict a run has committed its blocks just now, and has nothing staged any more.
    with suppress(Conflict):
        await storage.blobs.commit_blocks(name, (), etag)
    await storage.blobs.delete(name)


async def _files_newest_first(storage: LoopStorage) -> list[str]:
    """All files, those first that a run of the trainer may want to add new events to."""
    names = [
        entry.name
        for series in (JOINED_LOG, LATE_LOG)
        async for entry in storage.blobs.list(f"{series.folder}/")
    ]
    return sorted(names, key=lambda name: hour_of(name) or 0, reverse=True)
