"""What the event log has taken is measured."""

from __future__ import annotations

import pytest

from loop.errors import StorageUnavailable
from loop.events import (
    SECOND,
    Activation,
    Decision,
    Dropped,
    Micros,
    MultiSlotDecision,
    Observation,
    Ranked,
    Reward,
    SlotDecision,
    SlotRewards,
)
from storage.counted_sink import CountedSink
from storage.event_log import EventSink
from telemetry.subject import about_loop
from tests.measures import Distribution, Measures

ARRIVED = Micros(1_700_000_000 * SECOND)


class Slow(EventSink):
    """Takes events, each in its time on a clock of its own; none while it is away."""

    def __init__(self, *seconds: float) -> None:
        self.now = ARRIVED
        self._seconds = list(seconds)

    def clock(self) -> Micros:
        return self.now

    async def append(self, event: Ranked | Observation) -> None:
        if not self._seconds:
            raise StorageUnavailable("away")
        self.now = Micros(ARRIVED + int(self._seconds.pop(0) * SECOND))


async def test_decisions_and_outcomes_are_counted_with_their_way_into_the_log(
    measures: Measures, loop_name: str
) -> None:
    page = MultiSlotDecision("e2", ARRIVED, b"{}", (SlotDecision("s", (0,), (1.0,), 0),))
    events: list[Ranked | Observation] = [
        Decision("e1", ARRIVED, b"{}", (0,), (1.0,)),
        page,
        Reward("e1", ARRIVED, 1.0),
        SlotRewards("e2", ARRIVED, (("s", 1.0), ("s", 0.5))),
        Activation("e2", ARRIVED),
    ]
    slow = Slow(0.25, 0.5, 0.75, 1.0, 2.5)
    sink = CountedSink(slow, slow.clock)
    # WHEN a loop's events are taken
    with about_loop(loop_name):
        for event in events:
            await sink.append(event)
    # THEN each call counts once, with the seconds since it came in
    assert measures.taken(loop_name) == {
        "personalizer.decisions": 2,
        "personalizer.outcomes": 3,
        "personalizer.insert.lag": Distribution(5, 5.0, 0.25, 2.5),
    }


async def test_what_is_not_taken_is_not_counted(measures: Measures, loop_name: str) -> None:
    slow = Slow()
    with about_loop(loop_name), pytest.raises(StorageUnavailable):
        await CountedSink(slow, slow.clock).append(Activation("e1", ARRIVED))
    assert measures.taken(loop_name) == {}


async def test_a_report_of_the_service_s_own_is_no_outcome(
    measures: Measures, loop_name: str
) -> None:
    slow = Slow(1.0)
    with about_loop(loop_name):
        await CountedSink(slow, slow.clock).append(Dropped(ARRIVED, 3))
    assert measures.taken(loop_name) == {}


async def test_a_clock_that_was_set_back_measures_nothing_less_than_nothing(
    measures: Measures, loop_name: str
) -> None:
    slow = Slow(-60.0)
    with about_loop(loop_name):
        await CountedSink(slow, slow.clock).append(Activation("e1", ARRIVED))
    assert measures.taken(loop_name)["personalizer.insert.lag"] == Distribution(1, 0.0, 0.0, 0.0)
