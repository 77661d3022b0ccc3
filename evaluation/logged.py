"""Whether the joined log has anything of a range of time, reading as little of it as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

from loop.events import Micros
from loop.joined_log import read_line
from loop.segments import HOUR, hour_of
from storage.blobs import BlobEntry, Blobs
from storage.joined_log import lines, log_files

MOST_LINES = 50_000
"""How many lines are read at most; where they say nothing, more may follow that would."""

_LINES_AT_ONCE = 50


async def has_events(blobs: Blobs, start: Micros, end: Micros) -> bool:
    """Whether the joined log has an event decided from ``start`` to before ``end``.

    A file of an hour that lies within the range has some, since none is empty. Only files of the
    hours that the range begins and ends in are read, until an event is found or ``MOST_LINES``
    are read: then there are taken to be some.

    Raises:
        StorageUnavailable: Storage is away.
    """
    files = [(_hour(entry), entry) for entry in await log_files(blobs, start, end)]
    if any(start <= hour and hour + HOUR <= end for hour, _ in files):
        return True
    # The last hour of a range is found in its first lines, the first one often in its last.
    names = [entry.name for hour, entry in sorted(files, key=lambda file: -file[0])]
    return await _holds(blobs, names, start, end)


def _hour(entry: BlobEntry) -> Micros:
    hour = hour_of(entry.name)
    assert hour is not None, "log_files gives no others"
    return hour


async def _holds(blobs: Blobs, names: Iterable[str], start: Micros, end: Micros) -> bool:
    read = 0
    for name in names:
        found = lines(blobs.stream(name))
        async with aclosing(found):
            async for line in found:
                if read == MOST_LINES or _is_within(line, start, end):
                    return True
                read += 1
                if read % _LINES_AT_ONCE == 0:
                    # Nothing is waited for while a chunk is read, and requests wait for this.
                    await asyncio.sleep(0)
    return False


def _is_within(line: bytes, start: Micros, end: Micros) -> bool:
    try:
        return start <= read_line(line).decision.time < end
    except ValueError:
        return False
