"""Writing the joined log: blocks are staged, the manifest names them, then they are committed.

A reader sees a block only once it is committed, and a block is committed only once a manifest
names it. So a run that never reaches its manifest leaves nothing, and one that dies behind it is
finished by the next, or by who reads (``storage.settling``).
"""

from __future__ import annotations

from collections.abc import Iterable

import zstandard

from loop.events import Micros
from loop.manifest import LogSegment
from loop.segments import HOUR, Series, sequence_of
from storage.blobs import Blobs
from trainer.limits import Limits


class SegmentWriter:
    """Stages the lines of one series of log files, as a run makes them.

    Args:
        run_id: All runs' ids have one length, since the ids of all blocks of a blob must.
    """

    def __init__(self, blobs: Blobs, series: Series, run_id: str, limits: Limits) -> None:
        self._blobs = blobs
        self._series = series
        self._run_id = run_id
        self._limits = limits
        self._segments: dict[str, list[str]] = {}
        self._staged = 0
        self._hour: int | None = None
        self._name = ""
        self._size = 0
        self._lines: list[bytes] = []
        self._held = 0

    async def add(self, time: Micros, lines: Iterable[bytes]) -> None:
        """Add lines of the hour of ``time``; it never lies before that of an earlier call."""
        if time // HOUR != self._hour:
            await self._stage()
            await self._open(time)
        for line in lines:
            self._lines.append(line)
            self._held += len(line) + 1
            if self._held >= self._limits.block_bytes:
                await self._stage()

    async def finish(self) -> tuple[LogSegment, ...]:
        """Stage what is held, and say what the manifest has to name."""
        await self._stage()
        return tuple(
            LogSegment(blob=name, blocks=tuple(blocks)) for name, blocks in self._segments.items()
        )

    async def _open(self, time: Micros) -> None:
        self._hour = time // HOUR
        entries = [entry async for entry in self._blobs.list(self._series.prefix(time))]
        last = max(entries, key=lambda entry: sequence_of(entry.name), default=None)
        self._name = self._series.name(time, 0) if last is None else last.name
        self._size = 0 if last is None else last.size

    async def _stage(self) -> None:
        if not self._lines:
            return
        if self._size >= self._limits.segment_bytes:
            assert self._hour is not None
            following = sequence_of(self._name) + 1
            self._name = self._series.name(Micros(self._hour * HOUR), following)
            self._size = 0
        if self._name not in self._segments:
            committed, _ = await self._blobs.blocks(self._name)
            self._segments[self._name] = list(committed)
        data = zstandard.compress(b"\n".join(self._lines) + b"\n")
        block_id = f"{self._run_id}-{self._staged:06d}"
        await self._blobs.stage_block(self._name, block_id, data)
        self._segments[self._name].append(block_id)
        self._staged += 1
        self._size += len(data)
        self._lines.clear()
        self._held = 0
