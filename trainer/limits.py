"""How far a run of the trainer may go."""

from __future__ import annotations

from dataclasses import dataclass

from loop.events import SECOND


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run.

    Attributes:
        seconds: After so long a run stops at the end of a bucket, commits, and leaves the rest
            to the next one. Keep it well below the time that the host gives a function.
        grace_seconds: How long a row may take to become visible after its call arrived. It adds
            to the time until an event is learned. 60 s covers a client's deadline, a server's
            timeout and clocks that differ; on one machine 2 s are enough.
        block_bytes: Lines of a log, uncompressed, that are held before they are uploaded.
        segment_bytes: Size, compressed, from which a file of the log is followed by another.
        quiet_seconds: How far the position moves, with nothing to learn, before that is written
            down; until then the same empty stretch is looked at again.
        sweep_seconds: How often retention is looked after.
    """

    seconds: float = 240.0
    grace_seconds: float = 60.0
    block_bytes: int = 4 * 1024 * 1024
    segment_bytes: int = 64 * 1024 * 1024
    quiet_seconds: float = 300.0
    sweep_seconds: float = 3600.0

    @property
    def grace(self) -> int:
        """``grace_seconds`` in microseconds."""
        return micros(self.grace_seconds)


def micros(seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(seconds * SECOND)
