"""Appending in time: a row that comes later than the trainer looks for it is kept in vain."""

from __future__ import annotations

from collections.abc import Callable

from loop.errors import StorageUnavailable
from loop.events import SECOND, Micros, Observation, Ranked
from storage.event_log import EventSink


class PunctualSink(EventSink):
    """Takes an event for kept only if storage said so within a deadline.

    The trainer looks at a bucket once, when its grace is over: it never sees a row that lands
    later, and nobody would count it as missing. One that was acknowledged well before has landed.

    Args:
        sink: Where the events go.
        clock: The one that the events' times are from.
        deadline: Seconds from an event's time to the acknowledgement of its row.
    """

    def __init__(self, sink: EventSink, clock: Callable[[], Micros], deadline: float) -> None:
        self._sink = sink
        self._clock = clock
        self._deadline = int(deadline * SECOND)

    async def append(self, event: Ranked | Observation) -> None:
        await self._sink.append(event)
        if self._clock() - event.time > self._deadline:
            raise StorageUnavailable("The event log has taken the event too late.")
