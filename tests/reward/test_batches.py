"""Batches: kept as a whole, or answered with an error, with a bounded number under way."""

from __future__ import annotations

import asyncio

import pytest

from loop.errors import InvalidRequest, StorageUnavailable
from loop.events import Activation, Decision, Micros, Observation, Ranked, Reward
from reward.batches import PARALLEL, Batches
from storage.event_log import EventSink
from tests.batches import OUTCOME, Event, interactions, message, observations, outcome

NOW = Micros(1_700_000_000_000_000)
PATIENCE = 60.0


class Log(EventSink):
    """Keeps; refuses the events whose ids it is told, as often as it is told."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.kept: list[Ranked | Observation] = []
        self.most_at_once = 0
        self._at_once = 0

    async def append(self, event: Ranked | Observation) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        name = event.event_id if isinstance(event, (Decision, Reward, Activation)) else ""
        if self.failures.get(name, 0):
            self.failures[name] -= 1
            raise StorageUnavailable("away")
        self.kept.append(event)


class HangingLog(Log):
    """Never answers; notes how many were told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.called = asyncio.Event()
        self.stopped = 0

    async def append(self, event: Ranked | Observation) -> None:
        self.called.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.stopped += 1


async def test_every_decision_and_every_observation_is_kept() -> None:
    # GIVEN more events than may be under way
    log = Log()
    batches = Batches(log, PATIENCE)
    ids = [f"e{index}" for index in range(3 * PARALLEL)]
    # WHEN they come
    await batches.interactions(interactions(*ids), NOW)
    await batches.observations(observations(**dict.fromkeys(ids, 0.5)), NOW)
    # THEN they are all kept
    assert [e.event_id for e in log.kept if isinstance(e, Decision)] == ids
    assert [e for e in log.kept if isinstance(e, Reward)] == [Reward(i, NOW, 0.5) for i in ids]


async def test_an_empty_batch_is_kept() -> None:
    log = Log()
    await Batches(log, PATIENCE).interactions(message([]), NOW)
    assert log.kept == []


async def test_the_number_under_way_is_bounded_over_all_batches() -> None:
    log = Log()
    batches = Batches(log, PATIENCE)
    bodies = [interactions(*[f"{b}-{index}" for index in range(40)]) for b in range(4)]
    await asyncio.gather(*[batches.interactions(body, NOW) for body in bodies])
    assert len(log.kept) == 160
    assert log.most_at_once == PARALLEL


async def test_a_batch_that_can_not_be_read_leaves_nothing() -> None:
    log = Log()
    body = message([Event(outcome(1.0), type=OUTCOME), Event(outcome("much"), type=OUTCOME)])
    with pytest.raises(InvalidRequest):
        await Batches(log, PATIENCE).observations(body, NOW)
    assert log.kept == []


async def test_an_append_that_fails_is_tried_once_more() -> None:
    log = Log(e1=1)
    await Batches(log, PATIENCE).interactions(interactions("e0", "e1"), NOW)
    assert {e.event_id for e in log.kept if isinstance(e, Decision)} == {"e0", "e1"}


async def test_one_event_that_is_not_kept_fails_the_batch() -> None:
    with pytest.raises(StorageUnavailable, match="away"):
        await Batches(Log(e1=2), PATIENCE).interactions(interactions("e0", "e1", "e2"), NOW)


async def test_a_log_that_hangs_is_given_up_and_nothing_goes_on() -> None:
    log = HangingLog()
    with pytest.raises(StorageUnavailable, match="in time"):
        await Batches(log, 0.01).interactions(interactions("e0", "e1"), NOW)
    assert log.stopped == 2


async def test_a_caller_that_goes_away_leaves_nothing_going_on() -> None:
    # GIVEN a batch on its way into a log that hangs
    log = HangingLog()
    keeping = asyncio.create_task(Batches(log, PATIENCE).interactions(interactions("e0"), NOW))
    await log.called.wait()
    # WHEN its caller is cancelled
    keeping.cancel()
    # THEN so is the append
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert log.stopped == 1
