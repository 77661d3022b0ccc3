"""Counting what the event log has taken, and how long that took."""

from __future__ import annotations

from collections.abc import Callable

from loop.events import SECOND, Decision, Dropped, Micros, MultiSlotDecision, Observation, Ranked
from storage.event_log import EventSink
from telemetry.metrics import DECISIONS, INSERT_LAG, OUTCOMES
from telemetry.subject import attributes


class CountedSink(EventSink):
    """Measures each event that is kept: decisions, outcomes, and their way into the log.

    Args:
        sink: Where the events go.
        clock: The one that the events' times are from.
    """

    def __init__(self, sink: EventSink, clock: Callable[[], Micros]) -> None:
        self._sink = sink
        self._clock = clock

    async def append(self, event: Ranked | Observation) -> None:
        await self._sink.append(event)
        if isinstance(event, Dropped):
            return
        loop = attributes()
        decided = isinstance(event, (Decision, MultiSlotDecision))
        (DECISIONS if decided else OUTCOMES).add(1, loop)
        # A clock that was set back meanwhile is no reason to measure less than nothing.
        INSERT_LAG.record(max(0, self._clock() - event.time) / SECOND, loop)
