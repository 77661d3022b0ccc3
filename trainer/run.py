"""One run of the trainer: scan, join, learn, publish, commit."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from loop.activity import Activity
from loop.configuration import FOREVER
from loop.errors import StorageUnavailable
from loop.events import SECOND, Micros
from loop.joining import EARLY, Joiner, JoinState
from loop.manifest import Manifest
from loop.metrics import LearningMetrics
from loop.segments import JOINED_LOG, LATE_LOG
from loop.settings import LoopSettings
from storage.documents import Version
from storage.factory import LoopStorage
from storage.models import ACTIVITY, METRICS, STATE
from storage.settling import settle
from trainer.commit import commit
from trainer.intake import Intake
from trainer.limits import Limits, micros
from trainer.lineage import Lineage
from trainer.measuring import Tally, tell_standing
from trainer.report import Outcome, RunReport
from trainer.retention import DAY, named_blobs, sweep
from trainer.scan import Observed, Stretch, in_order, start_of_bucket
from trainer.segments import SegmentWriter

logger = logging.getLogger(__name__)

_REBUILD_SHARE = 0.5
"""The part of a run's time that a rebuild may take, so that joining goes on beside it."""


async def train(storage: LoopStorage, clock: Callable[[], Micros], limits: Limits) -> RunReport:
    """Learn what has become ready to be learned, and commit it.

    Returns at once where nothing is due. Any number of runs may be under way: one of them commits,
    the others report ``Outcome.SUPERSEDED`` and leave nothing that anybody sees.

    Raises:
        StorageUnavailable: Storage failed on the way. Nothing of the run counts, unless it was
            the answer to the commit that was lost; the next run finds out and goes on.
    """
    started = clock()
    read = await storage.manifest.read()
    settings = (await storage.settings.read()).value
    if not _is_due(read.value, settings, started):
        tell_standing(read.value, settings.configuration, limits, started, failed=False)
        return RunReport(Outcome.NOT_DUE, read.value.position)
    report = None
    with ExitStack() as models:
        run = _Run(storage, clock, limits, read, settings, started, models)
        try:
            report = await run.run()
        finally:
            failed = report is None
            tell_standing(run.manifest, settings.configuration, limits, clock(), failed)
    if report.outcome is not Outcome.IDLE:
        logger.info("trainer_run", extra={"report": report})
    return report


def _is_due(manifest: Manifest, settings: LoopSettings, now: Micros) -> bool:
    frequency = settings.configuration.model_export_frequency
    return (
        manifest.backlog
        or now - manifest.finished >= frequency // timedelta(microseconds=1)
        or _training_asked(manifest) != settings.training_version
    )


def _training_asked(manifest: Manifest) -> int:
    rebuild = manifest.retrain
    return manifest.training_version if rebuild is None else rebuild.version


def _run_id(now: Micros) -> str:
    """A name for a run, of one length always, that sorts by time."""
    second = datetime.fromtimestamp(now // SECOND, timezone.utc).strftime("%Y%m%dT%H%M%S")
    return f"{second}-{secrets.token_hex(4)}"


class _Run:
    """A run of the trainer.

    Attributes:
        manifest: The loop's, as far as the run knows: its own once that is committed.
    """

    def __init__(
        self,
        storage: LoopStorage,
        clock: Callable[[], Micros],
        limits: Limits,
        read: Version[Manifest],
        settings: LoopSettings,
        started: Micros,
        models: ExitStack,
    ) -> None:
        self._storage = storage
        self._blobs = storage.blobs
        self._clock = clock
        self._limits = limits
        self._read = read
        self.manifest = read.value
        self._configuration = settings.configuration
        self._started = started
        self._id = _run_id(started)
        self._counts = replace(read.value.counts)
        self._metrics_blob = read.value.metrics
        self._activity_blob = read.value.activity
        self._lineage = Lineage(storage.blobs, read.value, settings, started, models)
        self._log = SegmentWriter(storage.blobs, JOINED_LOG, self._id, limits)
        self._late = SegmentWriter(storage.blobs, LATE_LOG, self._id, limits)
        self._tally = Tally()

    async def run(self) -> RunReport:
        position = self.manifest.position or await self._storage.log.earliest()
        if position is None:
            return RunReport(Outcome.IDLE, Micros(0))
        await settle(self._blobs, self.manifest.segments)
        await self._lineage.catch_up(position, self._deadline(_REBUILD_SHARE), self._clock)

        state = await self._join_state()
        metrics = await self._metrics()
        activity = Activity()
        wait = self._configuration.reward_wait_time // timedelta(microseconds=1)
        joiner = Joiner(state, wait, self._counts)
        intake = Intake(
            self._configuration,
            joiner,
            self._counts,
            metrics,
            activity,
            self._lineage,
            self._log,
            self._late,
            self._tally,
        )
        observed = self.manifest.observed or start_of_bucket(max(0, position - EARLY))
        complete = self._started - self._limits.grace
        reached = await self._take_in(intake, Stretch.until(complete, position, observed, wait))

        backlog = reached.end > reached.position or self._lineage.behind
        moved = reached.position - self.manifest.position >= micros(self._limits.quiet_seconds)
        backlog_changed = backlog or self.manifest.backlog
        if not (self._tally.events or self._lineage.moved or backlog_changed or moved):
            return RunReport(Outcome.IDLE, position)
        if self._tally.events:
            await self._write_metrics(metrics)
        if activity.changed:
            await self._write_activity(activity)
        manifest = await self._conclude(state, reached, backlog)
        committed = await commit(self._storage.manifest, self._read, manifest)
        if committed:
            seconds = (manifest.finished - self._started) / SECOND
            await self._tally.tell(self.manifest.counts, manifest.counts, seconds)
            await self._tidy(manifest)
            self.manifest = manifest
        published = manifest.model is not None and manifest.model.id == self._id
        return RunReport(
            Outcome.COMMITTED if committed else Outcome.SUPERSEDED,
            manifest.position,
            self._id,
            events=self._tally.events,
            lessons=self._lineage.lessons,
            published=self._id if published else None,
            backlog=backlog,
        )

    def _deadline(self, share: float) -> Micros:
        return Micros(self._started + micros(self._limits.seconds * share))

    async def _join_state(self) -> JoinState:
        name = self.manifest.join_state
        if name is None:
            return JoinState()
        blob = await self._blobs.read(name)
        if blob is None:
            # A run that has been faster removes it; then this one can't commit whatever it does.
            logger.error("join_state_lost", extra={"blob": name})
            return JoinState()
        return JoinState.decode(blob.data)

    async def _metrics(self) -> LearningMetrics:
        if self._metrics_blob is None:
            return LearningMetrics()
        blob = await self._blobs.read(self._metrics_blob)
        if blob is None:
            logger.error("metrics_lost", extra={"blob": self._metrics_blob})
            return LearningMetrics()
        return LearningMetrics.decode(blob.data)

    async def _kept_activity(self) -> Activity:
        if self._activity_blob is None:
            return Activity()
        blob = await self._blobs.read(self._activity_blob)
        if blob is None:
            logger.error("activity_lost", extra={"blob": self._activity_blob})
            return Activity()
        return Activity.decode(blob.data)

    async def _write_activity(self, fresh: Activity) -> None:
        # What is kept is large, and most runs find nothing to add to it.
        activity = await self._kept_activity()
        activity.include(fresh)
        activity.forget(self._oldest())
        self._activity_blob = f"{ACTIVITY}{self._id}"
        await self._blobs.write(self._activity_blob, activity.encode())

    def _oldest(self) -> int:
        days = self._configuration.log_retention_days
        return 0 if days == FOREVER else self._started - days * DAY

    async def _write_metrics(self, metrics: LearningMetrics) -> None:
        metrics.forget(self._oldest())
        self._metrics_blob = f"{METRICS}{self._id}"
        await self._blobs.write(self._metrics_blob, metrics.encode())

    async def _take_in(self, intake: Intake, stretch: Stretch) -> Stretch:
        """Go through a stretch as far as the time allows; what is left of it is returned."""
        position, observed = stretch.position, stretch.observed
        if position == stretch.end:
            return stretch
        deadline = self._deadline(1.0)
        buckets = in_order(self._storage.log, stretch)
        async with aclosing(buckets):
            async for bucket in buckets:
                if isinstance(bucket, Observed):
                    intake.observed(bucket)
                    observed = bucket.end
                else:
                    await intake.decided(bucket)
                    position = bucket.end
                if self._clock() >= deadline:
                    return replace(stretch, position=position, observed=observed)
        await intake.advance(stretch.end)
        return replace(stretch, position=stretch.end, observed=stretch.observed_end)

    async def _conclude(self, state: JoinState, reached: Stretch, backlog: bool) -> Manifest:
        """Write all that the manifest names, and the manifest, as far as it is not committed."""
        manifest = await self._lineage.conclude(self._id, self._clock(), self._counts)
        segments = (*await self._log.finish(), *await self._late.finish())
        join_state = None
        if state:
            join_state = f"{STATE}{self._id}"
            await self._blobs.write(join_state, state.encode())
        return manifest.model_copy(
            update={
                "run_id": self._id,
                "sequence": manifest.sequence + 1,
                "position": reached.position,
                "observed": reached.observed,
                "finished": self._clock(),
                "backlog": backlog,
                "unpublished": self._unpublished(manifest),
                "swept": self._started if self._sweeps() else manifest.swept,
                "join_state": join_state,
                "metrics": self._metrics_blob,
                "activity": self._activity_blob,
                "segments": segments,
                "counts": self._counts,
            }
        )

    def _unpublished(self, concluded: Manifest) -> Micros:
        counts, before = self._counts, self.manifest.counts
        learned = counts.learned > before.learned or counts.broken_models > before.broken_models
        published = concluded.model is not None and concluded.model.id == self._id
        if not self._configuration.model_auto_publish:
            return Micros(0)
        if learned and not published:
            return concluded.unpublished or self._started
        return concluded.unpublished

    def _sweeps(self) -> bool:
        return self._started - self.manifest.swept >= micros(self._limits.sweep_seconds)

    async def _tidy(self, manifest: Manifest) -> None:
        """What follows a commit; the next run, or a later one, does it where this one can't."""
        try:
            await settle(self._blobs, manifest.segments)
            for name in set(named_blobs(self.manifest)) - set(named_blobs(manifest)):
                await self._blobs.delete(name)
            if self._sweeps():
                await sweep(
                    self._storage.log, self._blobs, manifest, self._configuration, self._started
                )
        except StorageUnavailable:
            logger.warning("run_not_tidied", extra={"run_id": self._id})
