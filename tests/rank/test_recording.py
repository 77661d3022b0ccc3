from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from loop.errors import StorageUnavailable
from loop.events import SECOND, Decision, Dropped, Micros, Observation, Ranked
from rank.recording import Recorder, RecordingOptions
from storage.event_log import EventLog, EventSink
from storage.factory import LoopStorage, open_storage
from storage.options import StorageOptions
from storage.punctual_sink import PunctualSink
from storage.table_rows import DAY
from telemetry.log_lines import SubjectFilter
from telemetry.subject import about_loop, about_request
from tests.fault_proxy import Answer, Delay, FaultProxy, Hang, LoseAnswer, through
from tests.measures import Measures

NOON = Micros(1_700_000_000 * SECOND)
BUSY = Answer(503, "ServerBusy")

QUICK = RecordingOptions(budget=0.05, backoff=0.01, longest_backoff=0.05)
PATIENT = replace(QUICK, budget=3600.0)
ANSWERED = 10.0
"""Seconds, far more than an answer takes and far less than ``PATIENT`` would wait."""


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Micros:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now = Micros(self.now + int(seconds * SECOND))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def proxy(options: StorageOptions) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(options.table_endpoint) as proxy:
        yield proxy


@pytest.fixture
async def log(
    options: StorageOptions, proxy: FaultProxy, loop_name: str, storage: LoopStorage
) -> AsyncIterator[EventLog]:
    """The log behind the proxy, with its table made."""
    await storage.log.append(Dropped(NOON, 0))
    async with open_storage(through(options, proxy)) as opened:
        yield opened.loop(loop_name).log


def decision(event_id: str, size: int = 10) -> Decision:
    return Decision(event_id, NOON, b"x" * size, (0,), (1.0,))


def decisions(count: int) -> list[Decision]:
    return [decision(f"e{i:03d}") for i in range(count)]


async def answered(recorder: Recorder, *asked: Decision) -> None:
    for each in asked:
        await asyncio.wait_for(recorder.record(each), ANSWERED)


async def kept(storage: LoopStorage) -> list[Decision]:
    scan = storage.log.decisions(Micros(NOON - DAY), Micros(NOON + DAY))
    return [row async for _, rows in scan for row in rows if isinstance(row, Decision)]


async def reported(storage: LoopStorage) -> int:
    scan = storage.log.observations(Micros(NOON - DAY), Micros(NOON + DAY))
    found = [row async for _, rows in scan for row in rows]
    return sum(row.count for row in found if isinstance(row, Dropped))


async def test_a_decision_is_kept_before_its_call_is_answered(
    log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    recorder = Recorder(log, clock)
    await recorder.record(decision("e"))
    assert await kept(storage) == [decision("e")]
    assert (recorder.pending, recorder.dropped) == (0, 0)
    await recorder.close()


async def test_a_call_is_answered_while_its_insert_hangs(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    # GIVEN storage that hangs
    recorder = Recorder(log, clock, QUICK)
    proxy.always(Hang())
    # WHEN a decision is recorded THEN its call is answered meanwhile
    await answered(recorder, decision("e"))
    assert (proxy.held, recorder.pending) == (1, 1)
    # AND once storage answers again, it is kept
    proxy.heal()
    await recorder.close()
    assert await kept(storage) == [decision("e")]
    assert recorder.dropped == 0


async def test_a_slow_insert_goes_on_after_the_answer(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    recorder = Recorder(log, clock, QUICK)
    proxy.always(Delay())
    await answered(recorder, decision("e"))
    assert (proxy.held, recorder.pending) == (1, 1)
    proxy.heal()
    await recorder.close()
    assert await kept(storage) == [decision("e")]
    assert len(proxy.requests) == 1


async def test_calls_do_not_wait_while_others_do(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    # GIVEN storage that has refused a decision, and hangs by now
    recorder = Recorder(log, clock, PATIENT)
    proxy.always(BUSY)
    await answered(recorder, decision("e000"))
    proxy.always(Hang())
    await proxy.until_held()
    # WHEN more are recorded THEN none waits for its budget, and one insert at a time is tried
    await answered(recorder, *decisions(50)[1:])
    assert recorder.pending == 50
    assert proxy.held == 1
    # AND all are kept when storage is back
    proxy.heal()
    await recorder.close()
    assert await kept(storage) == decisions(50)
    assert recorder.dropped == 0
    # AND calls wait for their inserts again
    await answered(recorder, decision("later"))
    assert decision("later") in await kept(storage)


async def test_calls_do_not_wait_for_slow_storage_twice(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    # GIVEN an insert that has overrun its budget
    recorder = Recorder(log, clock, QUICK)
    proxy.always(Delay())
    await answered(recorder, decision("e000"))
    # WHEN more are recorded THEN they are answered without any time going by
    calls = [asyncio.create_task(recorder.record(each)) for each in decisions(20)[1:]]
    await asyncio.sleep(0)
    assert all(call.done() for call in calls)
    # AND their inserts go on side by side
    await proxy.until_held(20)
    proxy.heal()
    await recorder.close()
    assert await kept(storage) == decisions(20)


async def test_a_lost_answer_makes_one_row(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    recorder = Recorder(log, clock, QUICK)
    proxy.once(LoseAnswer())
    await answered(recorder, decision("e"))
    await recorder.close()
    assert await kept(storage) == [decision("e")]
    assert recorder.dropped == 0


async def test_many_calls_at_once_survive_storage_going_and_coming(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    recorder = Recorder(log, clock, PATIENT)
    asked = decisions(120)
    await asyncio.gather(*(answered(recorder, each) for each in asked[:40]))
    await proxy.gone()
    await asyncio.gather(*(answered(recorder, each) for each in asked[40:80]))
    assert recorder.pending == 40
    await proxy.back()
    await asyncio.gather(*(answered(recorder, each) for each in asked[80:]))
    await recorder.close()
    assert await kept(storage) == asked
    assert recorder.dropped == 0


async def test_what_outlives_its_deadline_is_dropped_and_reported(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    # GIVEN decisions that storage refuses until their deadline
    recorder = Recorder(log, clock, replace(PATIENT, deadline=20.0))
    proxy.always(BUSY)
    await answered(recorder, *decisions(3))
    proxy.always(Hang())
    await proxy.until_held()
    clock.advance(21.0)
    # WHEN the next one goes through
    proxy.heal()
    late = replace(decision("late"), time=clock.now)
    await answered(recorder, late)
    await recorder.close()
    # THEN the others stay out of the log, where nobody would look any more, and are counted
    assert await kept(storage) == [late]
    assert recorder.dropped == 3
    assert await reported(storage) == 3


async def test_what_is_taken_after_its_deadline_is_dropped_and_reported(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    # GIVEN an insert that goes through only when the trainer may have been there
    recorder = Recorder(PunctualSink(log, clock, 20.0), clock, replace(QUICK, deadline=20.0))
    proxy.always(Delay())
    await answered(recorder, decision("e"))
    clock.advance(21.0)
    proxy.heal()
    # WHEN the next one is in time
    late = replace(decision("late"), time=clock.now)
    await answered(recorder, late)
    await recorder.close()
    # THEN the first one is counted, though it is in the log
    assert len(await kept(storage)) == 2
    assert recorder.dropped == 1
    assert await reported(storage) == 1


@pytest.mark.parametrize(
    "options_", [replace(PATIENT, count=4), replace(PATIENT, size=40)], ids=["count", "bytes"]
)
async def test_what_finds_no_place_is_dropped_and_reported(
    proxy: FaultProxy,
    log: EventLog,
    clock: Clock,
    storage: LoopStorage,
    options_: RecordingOptions,
) -> None:
    # GIVEN room for 4 decisions, and storage that refuses them
    recorder = Recorder(log, clock, options_)
    proxy.always(BUSY)
    # WHEN 10 are recorded
    await answered(recorder, *decisions(10))
    assert (recorder.pending, recorder.dropped) == (4, 6)
    # THEN the first are kept when storage is back, and the number of the others
    proxy.heal()
    await recorder.close()
    assert await kept(storage) == decisions(4)
    assert await reported(storage) == 6
    # AND there is room again
    await answered(recorder, decision("later"))
    assert len(await kept(storage)) == 5


async def test_a_report_whose_answer_is_lost_counts_once(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    recorder = Recorder(log, clock, replace(PATIENT, count=1))
    proxy.always(BUSY)
    await answered(recorder, *decisions(3))
    # WHEN the insert goes through and the answer to the report after it is lost
    faults = [LoseAnswer(), None]
    proxy.when(lambda method, path: faults.pop() if faults else None)
    await recorder.close()
    assert not faults
    # THEN sending it again makes no second row
    assert await reported(storage) == 2


async def test_what_can_not_be_encoded_does_not_hold_up_the_others(
    proxy: FaultProxy, log: EventLog, clock: Clock, storage: LoopStorage
) -> None:
    recorder = Recorder(log, clock, PATIENT)
    proxy.always(BUSY)
    await answered(recorder, decision("e000"), decision("\ud800"), decision("e001"))
    proxy.heal()
    await recorder.close()
    assert await kept(storage) == decisions(2)
    assert recorder.dropped == 1


class TestStrict:
    """No call is answered whose decision is not kept."""

    async def test_keeps_a_decision(
        self, log: EventLog, clock: Clock, storage: LoopStorage
    ) -> None:
        await Recorder(log, clock, replace(PATIENT, strict=True)).record(decision("e"))
        assert await kept(storage) == [decision("e")]

    @pytest.mark.parametrize("fault", [BUSY, Hang()])
    async def test_raises_where_it_can_not(
        self, proxy: FaultProxy, log: EventLog, clock: Clock, fault: Answer | Hang
    ) -> None:
        recorder = Recorder(log, clock, replace(QUICK, strict=True))
        proxy.always(fault)
        for each in decisions(2):
            with pytest.raises(StorageUnavailable):
                await recorder.record(each)
        assert (recorder.pending, recorder.dropped) == (0, 0)


async def test_closing_gives_up_what_storage_does_not_take(
    proxy: FaultProxy,
    log: EventLog,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder(log, clock, QUICK)
    proxy.always(Hang())
    await answered(recorder, *decisions(3))
    with caplog.at_level(logging.ERROR):
        await recorder.close(timeout=0.01)
    assert (recorder.pending, recorder.dropped) == (0, 3)
    assert [(r.message, r.__dict__["count"]) for r in caplog.records] == [("drops_unreported", 3)]


class Away(EventSink):
    """Takes nothing."""

    async def append(self, event: Ranked | Observation) -> None:
        raise StorageUnavailable("away")


async def test_an_operator_is_told_what_was_dropped(
    clock: Clock, measures: Measures, loop_name: str
) -> None:
    # GIVEN a log that is away, and room for two decisions
    recorder = Recorder(Away(), clock, replace(QUICK, count=2))
    with about_loop(loop_name):
        # WHEN five come
        await answered(recorder, *decisions(5))
        # THEN those that found no room are told at once
        assert measures.taken(loop_name) == {"personalizer.dropped": 3}
        # AND the others when they are given up
        await recorder.close(timeout=0)
    assert measures.taken(loop_name) == {"personalizer.dropped": 2}


async def test_what_goes_on_behind_a_call_is_about_its_loop_and_no_call(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a log that is away when a call comes
    monkeypatch.setattr(caplog.handler, "filters", [SubjectFilter()])
    caplog.set_level(logging.INFO)
    recorder = Recorder(Away(), clock, QUICK)
    with about_request("call-1"), about_loop("shop"):
        await answered(recorder, decision("e"))
    # WHEN the decision is given up long after the call
    clock.advance(3600)
    for _ in range(1_000):
        if not recorder.pending:
            break
        await asyncio.sleep(0.01)
    with about_loop("shop"):
        await recorder.close(timeout=0)
    # THEN each line names the loop, and only what the call has met names the call
    told = {(r.getMessage(), vars(r)["loop"], vars(r)["request_id"]) for r in caplog.records}
    assert told == {
        ("recording_interrupted", "shop", "call-1"),
        ("dropping_decisions", "shop", "-"),
        ("drops_unreported", "shop", "-"),
    }
