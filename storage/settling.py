"""Committing the last files of the joined log, which whoever reads it to its end may have to do."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from loop.manifest import LogSegment
from storage.blobs import Blobs, Conflict

logger = logging.getLogger(__name__)

_ATTEMPTS = 3


async def settle(blobs: Blobs, segments: Sequence[LogSegment]) -> None:
    """Commit what a manifest names and is not committed yet.

    Any number of runs may do this for the same manifest, or for an older one: files only grow,
    so one that goes on from what is named has been settled before.
    """
    for segment in segments:
        if not await _settled(blobs, segment):
            # Either the owner has deleted the log in between, or blocks were staged more than a
            # week ago and are gone: there is nothing left to commit.
            logger.error("log_segment_lost", extra={"blob": segment.blob})


async def _settled(blobs: Blobs, segment: LogSegment) -> bool:
    for _ in range(_ATTEMPTS):
        committed, etag = await blobs.blocks(segment.blob)
        if committed[: len(segment.blocks)] == segment.blocks:
            return True
        if segment.blocks[: len(committed)] != committed:
            return False
        try:
            await blobs.commit_blocks(segment.blob, segment.blocks, etag)
        except Conflict:
            continue
        return True
    return False
