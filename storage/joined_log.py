"""Reading the joined log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator

import zstandard

from loop.events import Micros
from loop.joined_log import Event, read_line
from loop.segments import HOUR, JOINED_LOG, hour_of, sequence_of
from storage.blobs import Blobs

logger = logging.getLogger(__name__)


async def joined_events(blobs: Blobs, start: Micros, end: Micros) -> AsyncGenerator[Event, None]:
    """The events decided from ``start`` to before ``end``, in the order that they are logged in."""
    for name in await _files(blobs, start, end):
        async for line in lines(blobs.stream(name)):
            try:
                event = read_line(line)
            except ValueError:
                logger.warning("log_line_unreadable", extra={"blob": name})
                continue
            if start <= event.decision.time < end:
                yield event


async def lines(compressed: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines of a file of zstd frames, without their ends."""
    decompressor = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
    rest = b""
    async for chunk in compressed:
        *whole, rest = (rest + decompressor.decompress(chunk)).split(b"\n")
        for line in whole:
            yield line
    if rest:
        yield rest


async def _files(blobs: Blobs, start: Micros, end: Micros) -> list[str]:
    found = []
    async for entry in blobs.list(f"{JOINED_LOG.folder}/"):
        hour = hour_of(entry.name)
        if hour is not None and hour < end and hour + HOUR > start:
            found.append((hour, sequence_of(entry.name), entry.name))
    return [name for _, _, name in sorted(found)]
