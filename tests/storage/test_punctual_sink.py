"""What storage has taken too late does not count as kept."""

from __future__ import annotations

import pytest

from loop.errors import StorageUnavailable
from loop.events import SECOND, Activation, Micros, Observation, Ranked
from storage.event_log import EventSink
from storage.punctual_sink import PunctualSink

ARRIVED = Micros(1_700_000_000 * SECOND)
EVENT = Activation("e1", ARRIVED)


class Slow(EventSink):
    """Takes its time, on a clock of its own."""

    def __init__(self, seconds: float) -> None:
        self.now = ARRIVED
        self.kept: list[Ranked | Observation] = []
        self._seconds = seconds

    def clock(self) -> Micros:
        return self.now

    async def append(self, event: Ranked | Observation) -> None:
        self.now = Micros(self.now + int(self._seconds * SECOND))
        self.kept.append(event)


async def test_an_event_is_kept_up_to_the_deadline() -> None:
    slow = Slow(1.5)
    await PunctualSink(slow, slow.clock, 1.5).append(EVENT)
    assert slow.kept == [EVENT]


async def test_an_event_that_was_taken_later_is_not_said_to_be_kept() -> None:
    slow = Slow(1.500001)
    with pytest.raises(StorageUnavailable, match="too late"):
        await PunctualSink(slow, slow.clock, 1.5).append(EVENT)
