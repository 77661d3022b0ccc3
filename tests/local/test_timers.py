"""Timers on a clock that jumps from one occurrence to the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone

import pytest

from local.timers import Clock, Schedule, ScheduleError, Timer, Timers

START = datetime(2026, 3, 1, 23, 59, 50, 250_000, timezone.utc)


class JumpingClock(Clock):
    """Is at once where somebody sleeps until, a number of times; then its sleepers sleep on."""

    def __init__(self, jumps: int, early: timedelta = timedelta(0)) -> None:
        self.time = START
        self.exhausted = asyncio.Event()
        self._jumps = jumps
        self._early = early

    def now(self) -> datetime:
        return self.time

    async def sleep_until(self, moment: datetime) -> None:
        if self._jumps == 0:
            self.exhausted.set()
            await asyncio.Event().wait()
        self._jumps -= 1
        self.time = moment - self._early


def _timers(
    clock: JumpingClock, run: Callable[[], Awaitable[None]], schedule: str = "*/15 * * * * *"
) -> Timers:
    return Timers([Timer("trainer", Schedule(schedule), run)], clock)


def _times(moments: list[datetime]) -> list[str]:
    return [moment.time().isoformat(timespec="seconds") for moment in moments]


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("* * * * * *", "2026-03-01T23:59:51"),
        ("*/15 * * * * *", "2026-03-02T00:00:00"),
        ("5,40 * * * * *", "2026-03-02T00:00:05"),
        ("0 30 4 * * *", "2026-03-02T04:30:00"),
        ("0 0 0 * * MON-FRI", "2026-03-02T00:00:00"),
        ("0 0 0 1 6 *", "2026-06-01T00:00:00"),
    ],
)
def test_a_schedule_has_seconds_first(expression: str, first: str) -> None:
    assert Schedule(expression).after(START).isoformat() == f"{first}+00:00"


@pytest.mark.parametrize(
    "expression", ["", "* * * * *", "60 * * * * *", "* * * * * * *", "x y z a b c"]
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        Schedule(expression)


async def test_a_timer_runs_at_its_occurrences_and_not_at_start() -> None:
    clock, runs = JumpingClock(3), list[datetime]()

    async def run() -> None:
        runs.append(clock.now())

    timers = _timers(clock, run)
    timers.start()
    await clock.exhausted.wait()
    await timers.stop(1)
    assert _times(runs) == ["00:00:00", "00:00:15", "00:00:30"]


async def test_waking_a_little_early_is_not_a_second_occurrence() -> None:
    clock, runs = JumpingClock(3, early=timedelta(milliseconds=2)), list[datetime]()

    async def run() -> None:
        runs.append(clock.now())

    timers = _timers(clock, run)
    timers.start()
    await clock.exhausted.wait()
    await timers.stop(1)
    assert _times(runs) == ["23:59:59", "00:00:14", "00:00:29"]


async def test_a_long_run_delays_the_next_instead_of_overlapping() -> None:
    clock, runs = JumpingClock(2), list[datetime]()

    async def run() -> None:
        runs.append(clock.now())
        clock.time += timedelta(seconds=40)

    timers = _timers(clock, run)
    timers.start()
    await clock.exhausted.wait()
    await timers.stop(1)
    # THEN what fell into the 40 s from midnight on is left out
    assert _times(runs) == ["00:00:00", "00:00:45"]


async def test_a_failure_is_logged_and_the_timer_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    clock, runs = JumpingClock(2), list[datetime]()

    async def run() -> None:
        runs.append(clock.now())
        raise RuntimeError("no storage")

    timers = _timers(clock, run)
    timers.start()
    await clock.exhausted.wait()
    await timers.stop(1)
    assert len(runs) == 2
    assert [(r.message, r.levelno) for r in caplog.records] == [("timer_failed", logging.ERROR)] * 2


async def test_stopping_waits_for_a_run_under_way() -> None:
    clock, may_end, ended = JumpingClock(1), asyncio.Event(), asyncio.Event()
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        await may_end.wait()
        ended.set()

    timers = _timers(clock, run)
    timers.start()
    await started.wait()
    stopping = asyncio.create_task(timers.stop(60))
    # WHEN the run ends after stopping was asked for
    may_end.set()
    await stopping
    assert ended.is_set()


async def test_stopping_gives_up_on_a_run_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    clock, started, may_end = JumpingClock(1), asyncio.Event(), asyncio.Event()

    async def run() -> None:
        started.set()
        await may_end.wait()

    timers = _timers(clock, run)
    timers.start()
    await started.wait()
    await timers.stop(0)
    assert [(r.message, vars(r)["function"]) for r in caplog.records] == [
        ("timer_abandoned", "trainer")
    ]
    may_end.set()
