"""The event log: two insert-only logs, of decisions and of observations, read by time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from loop.events import SECOND, Micros, Observation, Ranked

BUCKET: int = 10 * SECOND
"""Length of the stretch of time, in microseconds, that events are kept together by."""


class EventSink(ABC):
    """What events are appended to."""

    @abstractmethod
    async def append(self, event: Ranked | Observation) -> None:
        """Insert one row; a repeat of the same decision in its bucket is the same row.

        Raises:
            StorageUnavailable: The row may or may not have been kept. Calling again with the
                same object is safe: a row has one key, however often it is sent.
        """


class EventLog(EventSink):
    """The event log of one loop.

    A row belongs to the bucket of its ``time``. Scans give whole buckets in order of time, each
    with its rows sorted by ``time``; ``start`` and ``end`` are multiples of ``BUCKET``, the end
    is not included, and buckets without rows are left out.
    """

    @abstractmethod
    def decisions(self, start: Micros, end: Micros) -> AsyncIterator[tuple[Micros, list[Ranked]]]:
        """Scan decisions, a bucket at a time."""

    @abstractmethod
    def observations(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Observation]]]:
        """Scan rewards, activations and drop reports, a bucket at a time."""

    @abstractmethod
    async def earliest(self) -> Micros | None:
        """Start of the first day that the log may hold rows of; None while it holds none."""

    @abstractmethod
    async def drop_before(self, time: Micros) -> None:
        """Remove whole days that end at or before ``time``."""

    @abstractmethod
    async def drop_all(self) -> None:
        """Remove every row."""
