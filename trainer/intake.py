"""From rows of the event log to lines of the joined log, learning on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import groupby

from loop.activity import Activity
from loop.configuration import ServiceConfiguration
from loop.events import LearningMode, Micros
from loop.joined import unjoined_line
from loop.joined_log import Event, join, without_slot
from loop.joining import Joiner, Unjoined
from loop.manifest import Counts
from loop.metrics import LearningMetrics
from loop.segments import HOUR
from trainer.learner import is_one_line, loggable
from trainer.lineage import Lineage
from trainer.measuring import Tally
from trainer.scan import Decided, Observed
from trainer.segments import SegmentWriter

_BREATH = 8
"""Events between two looks at the network: so the next page is fetched while this one is learned,
and other loops of the process get their turn."""


class Intake:
    """What a run does with each bucket that it reads.

    Args:
        joiner: Counts into ``counts`` as well.
        metrics: What is added to, and so is ``activity``.
        log: Where joined events go.
        late: Where rewards and activations go that no event was learned with.
        tally: What is added to as well.
    """

    def __init__(
        self,
        configuration: ServiceConfiguration,
        joiner: Joiner,
        counts: Counts,
        metrics: LearningMetrics,
        activity: Activity,
        lineage: Lineage,
        log: SegmentWriter,
        late: SegmentWriter,
        tally: Tally,
    ) -> None:
        self._configuration = configuration
        self._joiner = joiner
        self._counts = counts
        self._metrics = metrics
        self._activity = activity
        self._told = replace(counts)
        self._lineage = lineage
        self._log = log
        self._late = late
        self._tally = tally

    def observed(self, bucket: Observed) -> None:
        """Take in rewards and activations."""
        self._joiner.observe(bucket.rows)
        self._tell(Micros(bucket.end - 1))

    async def decided(self, bucket: Decided) -> None:
        """Join decisions, learn from them, and log them."""
        learner = await self._lineage.learner()
        lines = []
        for number, (decision, observations) in enumerate(self._joiner.join(bucket.rows)):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            self._counts.slotless += without_slot(decision, observations)
            event = join(decision, observations, self._configuration)
            if learner is not None:
                event = learner.teach(event)
            # What a model has learned from is JSON; reading it twice would cost a tenth of it all.
            taught = learner is not None and learner.takes(event)
            if not (taught and is_one_line(decision.features)):
                event = loggable(event)
            self._count(event)
            self._metrics.add(event)
            self._activity.add(event)
            self._tally.add(event)
            lines.append(event.line())
        await self._log.add(Micros(bucket.end - 1), lines)
        await self.advance(bucket.end)

    async def advance(self, position: Micros) -> None:
        """Every decision before ``position`` is joined: sort out what has waited in vain."""
        for _, unjoined in groupby(self._joiner.advance(position), key=_hour):
            rows = list(unjoined)
            await self._late.add(rows[0].observation.time, map(unjoined_line, rows))
            for each in rows:
                self._activity.add_late(each)
        self._tell(Micros(position - 1))

    def _tell(self, time: Micros) -> None:
        """Put what was counted since the last time down as known at ``time``."""
        self._activity.count(time, self._counts.since(self._told))
        self._told = replace(self._counts)

    def _count(self, event: Event) -> None:
        counts = self._counts
        if not event.rewarded:
            counts.defaulted += 1
        if event.withheld:
            counts.unlearnable += 1
        elif event.decision.mode is LearningMode.LOGGING_ONLY:
            counts.logged_only += 1
        elif not event.activated:
            counts.not_activated += 1
        elif event.decision.kind is not self._lineage.kind:
            counts.other_kind += 1
        else:
            counts.learned += 1


def _hour(unjoined: Unjoined) -> int:
    return unjoined.observation.time // HOUR
