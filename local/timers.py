"""Timer triggers: six-field cron in UTC, one run of a function at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from cronsim import CronSim, CronSimError

logger = logging.getLogger(__name__)


class ScheduleError(ValueError):
    """Raised for a schedule that is no six-field cron expression."""


class Schedule:
    """``second minute hour day month day-of-week``, in UTC.

    >>> from datetime import datetime, timezone
    >>> noon = datetime(2026, 3, 1, 12, 0, 7, tzinfo=timezone.utc)
    >>> Schedule("*/15 * * * * *").after(noon).time().isoformat()
    '12:00:15'
    """

    def __init__(self, expression: str) -> None:
        """Read an expression.

        Raises:
            ScheduleError: It hasn't six fields, or one of them is out of its range.
        """
        if len(expression.split()) != 6:
            raise ScheduleError(f"a schedule has six fields, from seconds on: {expression!r}")
        try:
            CronSim(expression, datetime.now(timezone.utc))
        except CronSimError as error:
            raise ScheduleError(f"{error} in schedule {expression!r}") from error
        self._expression = expression

    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than ``moment``."""
        return next(CronSim(self._expression, moment))


@dataclass(frozen=True, slots=True)
class Timer:
    """A function that a schedule starts."""

    name: str
    schedule: Schedule
    run: Callable[[], Awaitable[None]]


class Clock(ABC):
    """Time as the timers see it."""

    @abstractmethod
    def now(self) -> datetime:
        """The time, in UTC."""

    @abstractmethod
    async def sleep_until(self, moment: datetime) -> None:
        """Return at ``moment``, give or take the precision of the machine's timers."""


class SystemClock(Clock):
    """The machine's own."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), timezone.utc)

    async def sleep_until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


class Timers:
    """Runs timers until it is stopped.

    A run that takes longer than its schedule's interval delays the next one; runs of one function
    never overlap. One that fails is logged, and the schedule goes on.
    """

    def __init__(self, timers: Sequence[Timer], clock: Clock) -> None:
        self._timers = timers
        self._clock = clock
        self._loops: list[asyncio.Task[None]] = []
        self._runs: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin; the first run of each comes at its first occurrence from now on."""
        self._loops = [asyncio.create_task(self._repeat(timer)) for timer in self._timers]

    async def stop(self, patience: float) -> None:
        """Start no more runs, and wait ``patience`` seconds for those under way."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._runs:
            _, unfinished = await asyncio.wait(self._runs, timeout=patience)
            for run in unfinished:
                logger.warning("timer_abandoned", extra={"function": run.get_name()})

    async def _repeat(self, timer: Timer) -> None:
        due = self._clock.now()
        while True:
            # Woken a little early, now is still before the occurrence that has just been served.
            due = timer.schedule.after(max(due, self._clock.now()))
            await self._clock.sleep_until(due)
            run = asyncio.create_task(_run(timer), name=timer.name)
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
            # Stopping cancels the waiting, not the run.
            await asyncio.shield(run)


async def _run(timer: Timer) -> None:
    try:
        await timer.run()
    except Exception:  # whatever a function raises, its next run is due all the same
        logger.exception("timer_failed", extra={"function": timer.name})
