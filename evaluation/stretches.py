"""Fetching a part of the joined log: what is judged next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from evaluation.limits import Limits
from evaluation.tasks import LogFile, Stretch
from storage.blobs import BlobEntry, Blobs
from storage.joined_log import Cursor, place_of

_AT_ONCE = 2


async def fetch(
    blobs: Blobs,
    files: Sequence[BlobEntry],
    places: Iterable[Cursor | None],
    folder: Path,
    limits: Limits,
) -> Stretch:
    """Copy to ``folder`` what comes next, as it is: compressed.

    Args:
        files: Of the log in the range, in its order.
        places: Where those go on that are still to be judged; at least one.
    """
    first = _first(files, places)
    chosen: list[BlobEntry] = []
    size = 0
    for entry in files[first:]:
        if chosen and (
            size + entry.size > limits.stretch_bytes or len(chosen) == limits.stretch_files
        ):
            break
        chosen.append(entry)
        size += entry.size
    behind = files[first + len(chosen) :]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def copy(number: int, entry: BlobEntry) -> LogFile:
        path = folder / f"log{number:04d}.zst"
        path.touch()
        async with gate:
            async for chunk in blobs.stream(entry.name):
                await asyncio.to_thread(_append, path, chunk)
        return LogFile(name=entry.name, path=path, size=entry.size)

    copies = await asyncio.gather(*(copy(number, entry) for number, entry in enumerate(chosen)))
    return Stretch(
        files=tuple(copies),
        before=sum(entry.size for entry in files[:first]),
        total=max(1, sum(entry.size for entry in files)),
        following=behind[0].name if behind else None,
    )


def _first(files: Sequence[BlobEntry], places: Iterable[Cursor | None]) -> int:
    """The first file that is not behind all of the places."""
    names = [None if place is None else place_of(place.blob) for place in places]
    furthest_behind = [name for name in names if name is not None]
    if len(furthest_behind) < len(names):
        return 0
    behind = min(furthest_behind)
    return next((i for i, entry in enumerate(files) if place_of(entry.name) >= behind), len(files))


def _append(file: Path, data: bytes) -> None:
    with file.open("ab") as stream:
        stream.write(data)
