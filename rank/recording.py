"""Keeps answered decisions in the event log, without making an application wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from loop.errors import StorageUnavailable
from loop.events import SECOND, Dropped, Micros, Ranked
from storage.event_log import EventSink
from telemetry.metrics import DROPPED
from telemetry.subject import attributes, leave_request

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """How long a decision may be on its way into the log, and how many may be.

    Attributes:
        budget: Seconds that a rank call waits for its insert.
        deadline: Seconds from a decision's arrival to the start of the last attempt to insert it;
            that of the log, where it has one.
        count: Most decisions that may be pending.
        size: Most bytes of their features.
        parallel: Most waiting decisions that are inserted at a time.
        backoff: Seconds before the next attempt after the first failed one; it doubles up to
            ``longest_backoff``.
        strict: Answer no call whose decision was not kept within the budget.
    """

    budget: float = 0.25
    deadline: float = 20.0
    count: int = 1_000
    size: int = 32 * 1024 * 1024
    parallel: int = 16
    backoff: float = 0.1
    longest_backoff: float = 2.0
    strict: bool = False


class Recorder:
    """Records the decisions of one loop.

    A decision is inserted at once, and whoever asked waits for that up to the budget. While others
    have overrun theirs, nobody waits. An insert that fails is tried again until the decision's
    deadline. While inserts fail, decisions only wait in line: one task tries the first of it, and
    when that gets through, the others follow and calls wait for their inserts again.

    A decision that finds no place, or whose deadline passes, is dropped. Once storage is back the
    number of them is reported into the log. It may be more than are missing, never less: an
    insert whose answer was lost may have been kept.
    """

    def __init__(
        self,
        log: EventSink,
        clock: Callable[[], Micros],
        options: RecordingOptions | None = None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._options = options or RecordingOptions()
        self._waiting: deque[Ranked] = deque()
        self._inserting: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self._drainer: asyncio.Task[None] | None = None
        self._failing = False
        self._slow = False
        self._dropped = 0
        self._unreported = 0
        self._report: Dropped | None = None

    @property
    def dropped(self) -> int:
        """Decisions that were answered and given up, since the process began."""
        return self._dropped

    @property
    def pending(self) -> int:
        """Decisions that are neither kept nor given up yet."""
        return len(self._waiting) + len(self._inserting)

    async def record(self, decision: Ranked) -> None:
        """Insert ``decision``; return when it is kept, or when the budget is spent.

        Raises:
            StorageUnavailable: In strict mode, when it was not kept within the budget.
        """
        if self._options.strict:
            await self._insert_or_raise(decision)
        elif self._full(decision):
            self._drop(1)
            self._wake()
        elif self._failing and self.pending:
            self._wait(decision)
        else:
            await self._insert_within_budget(decision)

    async def close(self, timeout: float = 5.0) -> None:
        """Give what is pending ``timeout`` seconds, then give it up."""
        clock = asyncio.get_running_loop().time
        end = clock() + timeout
        while (tasks := self._tasks()) and (left := end - clock()) > 0:
            await asyncio.wait(tasks, timeout=left)
        given_up = self.pending
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.clear()
        self._bytes = 0
        if given_up:
            self._drop(given_up)
        if self._unreported:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._report_drops(), self._options.budget)
        if self._unreported:
            logger.error("drops_unreported", extra={"count": self._unreported})

    def _tasks(self) -> set[asyncio.Task[None]]:
        drainer = {self._drainer} if self._drainer and not self._drainer.done() else set()
        return drainer | self._inserting

    def _full(self, decision: Ranked) -> bool:
        size = self._bytes + len(decision.features)
        return self.pending >= self._options.count or size > self._options.size

    async def _insert_or_raise(self, decision: Ranked) -> None:
        try:
            await asyncio.wait_for(self._log.append(decision), self._options.budget)
        except asyncio.TimeoutError as e:
            raise StorageUnavailable("The event log did not take the decision in time.") from e

    async def _insert_within_budget(self, decision: Ranked) -> None:
        nobody_waits = self._slow and self.pending > 0
        insert = asyncio.create_task(self._insert(decision))
        self._inserting.add(insert)
        insert.add_done_callback(self._inserting.discard)
        if nobody_waits:
            return
        done, _ = await asyncio.wait({insert}, timeout=self._options.budget)
        if done:
            insert.result()
        else:
            self._slow = True

    async def _insert(self, decision: Ranked) -> None:
        self._bytes += len(decision.features)
        try:
            await self._log.append(decision)
        except StorageUnavailable as e:
            self._failed(e)
            self._wait(decision)
        else:
            self._succeeded()
        finally:
            self._bytes -= len(decision.features)

    def _wait(self, decision: Ranked) -> None:
        self._waiting.append(decision)
        self._bytes += len(decision.features)
        self._wake()

    def _wake(self) -> None:
        if self._drainer is None or self._drainer.done():
            self._drainer = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        leave_request()
        backoff = self._options.backoff
        while True:
            self._expire()
            if self._waiting:
                passed = await self._insert_some()
            elif self._unreported:
                passed = await self._report_drops()
            else:
                return
            if passed:
                backoff = self._options.backoff
            else:
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, self._options.longest_backoff)

    def _expire(self) -> None:
        oldest = self._clock() - int(self._options.deadline * SECOND)
        expired = [decision for decision in self._waiting if decision.time < oldest]
        if expired:
            self._waiting = deque(d for d in self._waiting if d.time >= oldest)
            self._bytes -= sum(len(decision.features) for decision in expired)
            self._drop(len(expired))

    async def _insert_some(self) -> bool:
        """Insert the first that wait; those that fail go to the end, out of the others' way."""
        batch = list(islice(self._waiting, 1 if self._failing else self._options.parallel))
        outcomes = await asyncio.gather(
            *(self._log.append(decision) for decision in batch), return_exceptions=True
        )
        failed: list[Ranked] = []
        for decision, outcome in zip(batch, outcomes, strict=True):
            self._waiting.popleft()
            if isinstance(outcome, StorageUnavailable):
                self._failed(outcome)
                failed.append(decision)
                continue
            self._bytes -= len(decision.features)
            if outcome is None:
                self._succeeded()
            else:
                logger.error("decision_unrecordable", exc_info=outcome)
                self._drop(1)
        self._waiting.extend(failed)
        return not failed

    async def _report_drops(self) -> bool:
        now = self._clock()
        fresh = now - int(self._options.deadline * SECOND)
        if self._report is None or self._report.time < fresh:
            self._report = Dropped(now, self._unreported)
        try:
            await self._log.append(self._report)
        except StorageUnavailable as e:
            self._failed(e)
            return False
        logger.warning("decisions_dropped", extra={"count": self._report.count})
        self._unreported -= self._report.count
        self._report = None
        self._succeeded()
        return True

    def _drop(self, count: int) -> None:
        if not self._unreported:
            logger.warning("dropping_decisions", extra={"pending": self.pending})
        DROPPED.add(count, attributes())
        self._dropped += count
        self._unreported += count

    def _failed(self, error: StorageUnavailable) -> None:
        if not self._failing:
            logger.warning("recording_interrupted", extra={"reason": error.message})
        self._failing = True

    def _succeeded(self) -> None:
        if self._failing:
            logger.info("recording_resumed", extra={"pending": self.pending})
        self._failing = self._slow = False
        if self._unreported:
            self._wake()
