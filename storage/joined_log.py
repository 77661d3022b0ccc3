"""Reading the joined log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import zstandard

from loop.events import Micros
from loop.joined_log import Event, read_line
from loop.segments import HOUR, JOINED_LOG, hour_of, sequence_of
from storage.blobs import BlobEntry, Blobs

logger = logging.getLogger(__name__)

_SLICE = 64 * 1024

_SAMPLED_FILES = 20
_SAMPLED_BYTES = 32 * 1024 * 1024
_LOOKED_AT = 16 * 1024 * 1024
"""Compressed bytes that a sample is taken from, of all files together."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the joined log: behind the first ``lines`` of the file ``blob``.

    Files only grow, so it stays where it is. Retention may remove files in front of it, and its
    own.
    """

    blob: str
    lines: int


async def joined_events(blobs: Blobs, start: Micros, end: Micros) -> AsyncGenerator[Event, None]:
    """The events decided from ``start`` to before ``end``, in the order that they are logged in."""
    found = joined_lines(blobs, start, end)
    async with aclosing(found):
        async for cursor, line in found:
            try:
                event = read_line(line)
            except ValueError:
                logger.warning("log_line_unreadable", extra={"blob": cursor.blob})
                continue
            if start <= event.decision.time < end:
                yield event


async def joined_lines(
    blobs: Blobs, start: Micros, end: Micros, after: Cursor | None = None
) -> AsyncGenerator[tuple[Cursor, bytes], None]:
    """The lines of every hour that has a part in ``start`` to ``end``, in the order of the log.

    Args:
        after: Where an earlier reading has stopped; None begins with the first line.

    Returns:
        Each line, without its end, and the place behind it. Some of the first and of the last hour
        are outside the range.
    """
    for entry in await log_files(blobs, start, end):
        if after is not None and place_of(entry.name) < place_of(after.blob):
            continue
        read = after.lines if after is not None and entry.name == after.blob else 0
        found = lines(blobs.stream(entry.name))
        count = 0
        async with aclosing(found):
            async for line in found:
                count += 1
                if count > read:
                    yield Cursor(entry.name, count), line


async def sampled_lines(blobs: Blobs, start: Micros, end: Micros, most: int) -> list[bytes]:
    """Some lines that are spread over ``start`` to ``end``, in the order of the log.

    The same log gives the same lines. However long the log is, no more than the first megabytes of
    a few of its files are read. As with ``joined_lines``, some are outside the range.

    Args:
        most: How many there are at most; fewer where what is read holds no more, or where they are
            so long that they would be more than 32 MB together.
    """
    files = await log_files(blobs, start, end)
    count = min(len(files), _SAMPLED_FILES)
    sample: list[bytes] = []
    for number in range(count):
        entry = files[(2 * number + 1) * len(files) // (2 * count)]
        wanted = most * (number + 1) // count - most * number // count
        data = await anext(blobs.stream(entry.name), b"")
        sample += _picked(data[: _LOOKED_AT // count], wanted, _SAMPLED_BYTES // count)
    return sample


async def log_files(blobs: Blobs, start: Micros, end: Micros) -> list[BlobEntry]:
    """The files of every hour that has a part in ``start`` to ``end``, in the order of the log."""
    found = []
    async for entry in blobs.list(f"{JOINED_LOG.folder}/"):
        hour = hour_of(entry.name)
        if hour is not None and hour < end and hour + HOUR > start:
            found.append(entry)
    return sorted(found, key=lambda entry: place_of(entry.name))


async def lines(compressed: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines of a file of zstd frames, without their ends."""
    reader = LineReader()
    async for chunk in compressed:
        for line in reader.lines(chunk):
            yield line
    if reader.rest:
        yield reader.rest


class LineReader:
    """The lines of a file of zstd frames, of which one part is given after the other.

    Attributes:
        rest: What is behind the last line end so far.
    """

    def __init__(self) -> None:
        zstd = zstandard.ZstdDecompressor()
        self._zstd = zstd.decompressobj(read_across_frames=True)
        self.rest = b""

    def lines(self, data: bytes) -> Iterator[bytes]:
        """The lines that end in ``data``, without their ends."""
        # A little at a time: the lines of a log repeat each other, and grow by much.
        for start in range(0, len(data), _SLICE):
            text = self._zstd.decompress(data[start : start + _SLICE])
            *whole, self.rest = (self.rest + text).split(b"\n")
            yield from whole


def _picked(data: bytes, wanted: int, room: int) -> list[bytes]:
    """So many of the lines of what may be the first part of a file, at even distances.

    Args:
        room: For how many bytes of lines there is room, about.
    """
    there = size = 0
    for line in LineReader().lines(data):
        there += 1
        size += len(line)
    fitting = there if size <= room else there * room // size
    count = min(wanted, fitting)
    chosen = {number * there // count for number in range(count)}
    return [line for place, line in enumerate(LineReader().lines(data)) if place in chosen]


def place_of(name: str) -> tuple[int, int, str]:
    """By what the files of the log are in order."""
    return hour_of(name) or 0, sequence_of(name), name
