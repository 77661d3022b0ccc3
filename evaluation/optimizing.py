"""The loop improves its own policy: when it looks for a better one, and what it does about it.

A run is an evaluation of origin ``AUTO``. It is planned in a document of its own, then made, then
judged by the rules of ``evaluation.selection``, and what was done is written into the evaluation.
Each of these steps may be the last one before a crash, and is repeated without harm.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from evaluation.applying import Changeover, Trained, found_by, load_trained, take_over
from evaluation.jobs import Evaluation, Origin, Status, evaluations
from evaluation.search import CURRENT
from evaluation.selection import verdict
from loop.configuration import ServiceConfiguration
from loop.errors import EvaluationModelNotFound
from loop.events import SECOND, LearningMode, LoopKind, Micros
from loop.iso import format_instant, instant_of, micros_of
from loop.manifest import Manifest
from loop.metrics import LearningMetrics
from loop.segments import HOUR, JOINED_LOG, hour_of
from loop.settings import LoopSettings
from storage.blobs import Blobs, Conflict
from storage.documents import Document, Version
from storage.factory import LoopStorage

logger = logging.getLogger(__name__)

FIRST_EVENTS = 1_000
"""How many events have to be joined before the first run."""

KEPT_RUNS = 24
"""How many runs are kept as evaluations."""

DAY: int = 24 * HOUR
WINDOW: int = 14 * DAY
"""How far back a run looks, in microseconds, where that is enough."""

ENOUGH_BYTES = 2_000_000
"""Below so much of log, as it is stored, a run looks further back. Lines are stored in a tenth of
their size, or much less, so that these are 20 MB of lines or more."""


class Stage(str, Enum):
    """How far a run is."""

    PLANNED = "planned"
    UNDER_WAY = "under-way"
    OVER = "over"


class Run(BaseModel):
    """One run.

    Attributes:
        evaluation: As it is created.
        events: How many had been decided in ``LearningMode.ONLINE`` and joined when it began.
        policy: Name of the policy in force then.
        training_version: That of the settings then.
        interventions: Those that the manifest had counted then.
    """

    model_config = ConfigDict(frozen=True)

    evaluation: Evaluation
    events: int
    policy: str
    training_version: int
    interventions: int
    stage: Stage = Stage.PLANNED


class Optimization(BaseModel):
    """The state of a loop's auto-optimization.

    Attributes:
        run: The last one; None before a first.
    """

    model_config = ConfigDict(frozen=True)

    run: Run | None = None


class _Overtaken(Exception):
    """Raised when a run's outcome does not fit any more; the text says why."""


async def optimize(storage: LoopStorage, now: Micros) -> bool:
    """Begin a run where one is due, or conclude the one whose evaluation is done.

    Call it often, and after evaluations were worked on: where there is nothing to do it reads three
    small documents at most. Any number of processes may: one of them gets on.

    Returns:
        Whether a run has begun, so that there is an evaluation to work on.

    Raises:
        StorageUnavailable: Storage is away; the next call goes on from where this one came to.
    """
    with suppress(Conflict):  # somebody else has just done the same
        return await _get_on(storage, now)
    return False


async def _get_on(storage: LoopStorage, now: Micros) -> bool:
    document = optimization_document(storage.blobs)
    read = await document.read()
    run = read.value.run
    if run is None or run.stage is Stage.OVER:
        run = await _due(storage, run, now)
        if run is None:
            return False
        read = await document.replace(Optimization(run=run), read)
        logger.info("optimization_begun", extra={"evaluation": run.evaluation.id})
    collection = evaluations(storage.blobs)
    if run.stage is Stage.PLANNED:
        with suppress(Conflict):  # it was created before a crash
            await collection.create(run.evaluation.id, run.evaluation)
        run = run.model_copy(update={"stage": Stage.UNDER_WAY})
        await document.replace(Optimization(run=run), read)
        return True
    found = await collection.read(run.evaluation.id)
    if found is not None:
        if not found.value.status.is_final:
            return False
        await _conclude(storage, run, found, now)
    await _prune(storage.blobs)
    over = run.model_copy(update={"stage": Stage.OVER})
    await document.replace(Optimization(run=over), read)
    return False


def optimization_document(blobs: Blobs) -> Document[Optimization]:
    """Where the state is kept."""
    return Document(blobs, "optimization.json", Optimization())


async def _due(storage: LoopStorage, last: Run | None, now: Micros) -> Run | None:
    settings = (await storage.settings.read()).value
    if settings.optimization_hindrance is not None:
        return None
    start = settings.configuration.auto_optimization_start_date
    if start is not None and now < micros_of(start):
        return None
    manifest = (await storage.manifest.read()).value
    needed = _events_needed(settings.configuration, manifest, last, now)
    if manifest.counts.learned < needed:
        return None
    events = await online_events(storage.blobs, manifest)
    if events < needed:
        return None
    at = format_instant(instant_of(Micros(now - now % SECOND)))
    return Run(
        evaluation=Evaluation(
            id=str(uuid4()),
            name=f"Auto-optimization {at}",
            origin=Origin.AUTO,
            start=await _window_start(storage.blobs, now),
            end=now,
            optimises=True,
            kind=LoopKind.SINGLE_SLOT,
            exploration=settings.configuration.exploration_percentage,
            created=now,
        ),
        events=events,
        policy=settings.policy_in_force().name,
        training_version=settings.training_version,
        interventions=manifest.interventions,
    )


def _events_needed(
    configuration: ServiceConfiguration, manifest: Manifest, last: Run | None, now: Micros
) -> int:
    """How many events have to be joined for a run to be due now.

    Twice as many as at the last run, or just enough for any where the period is over: so the loop
    looks often while it is young, and the period takes over by itself as the log grows.
    """
    if last is None or now >= period_end(configuration, last):
        return FIRST_EVENTS
    return grown(manifest, last)


def grown(manifest: Manifest, last: Run | None) -> int:
    """How many events have to be joined for a run to be due at any time."""
    if last is None or manifest.counts.learned < last.events:  # the log was deleted
        return FIRST_EVENTS
    return max(FIRST_EVENTS, 2 * last.events)


def period_end(configuration: ServiceConfiguration, last: Run) -> Micros:
    """When the period is over in which the last run has begun."""
    began = last.evaluation.created
    frequency = configuration.auto_optimization_frequency // timedelta(microseconds=1)
    if configuration.auto_optimization_start_date is None:
        return Micros(began + frequency)
    start = micros_of(configuration.auto_optimization_start_date)
    periods = max(0, (began - start) // frequency + 1)
    return Micros(start + periods * frequency)


async def online_events(blobs: Blobs, manifest: Manifest) -> int:
    """How many events can be judged: in other modes the application showed the baseline."""
    blob = None if manifest.metrics is None else await blobs.read(manifest.metrics)
    if blob is None:
        return 0
    periods = LearningMetrics.decode(blob.data).periods
    return sum(period.events for period in periods if period.mode is LearningMode.ONLINE)


async def _window_start(blobs: Blobs, now: Micros) -> Micros:
    """Two weeks ago, or so many days more that there is enough log; not before its first hour."""
    sizes: dict[Micros, int] = {}
    async for entry in blobs.list(f"{JOINED_LOG.folder}/"):
        hour = hour_of(entry.name)
        if hour is not None:
            sizes[hour] = sizes.get(hour, 0) + entry.size
    start = now - WINDOW
    while sum(size for hour, size in sizes.items() if hour >= start) < ENOUGH_BYTES:
        older = [hour for hour in sizes if hour < start]
        if not older:
            break
        start = max(older) // DAY * DAY
    return Micros(max(start, min(sizes, default=now)))


async def _conclude(
    storage: LoopStorage, run: Run, found: Version[Evaluation], now: Micros
) -> None:
    """Do what the outcome calls for, and write it down; nothing where that is done already."""
    evaluation = found.value
    if evaluation.status is not Status.SUCCEEDED:
        return
    result = await found_by(storage, evaluation)
    decided = verdict(result.policies, CURRENT)
    status, words = Status.ONLINE_POLICY_RETAINED, decided.reason
    if decided.replacement is not None:
        judged = next(policy for policy in result.policies if policy.name == decided.replacement)
        try:
            trained = await load_trained(storage.blobs, evaluation, judged)
            await _replace(storage, run, trained, now)
        except (_Overtaken, EvaluationModelNotFound) as reason:
            words += f" It was not put online, though: {reason}"
        else:
            status = Status.OPTIMAL_POLICY_APPLIED
            words += f" It was put online in the place of {run.policy}."
    update = {"status": status, "description": words}
    await evaluations(storage.blobs).replace(
        evaluation.id, evaluation.model_copy(update=update), found
    )
    logger.info(
        "optimization_concluded", extra={"evaluation": evaluation.id, "status": status.value}
    )


async def _replace(storage: LoopStorage, run: Run, trained: Trained, now: Micros) -> None:
    """Put a policy online, once, however often it is called for a run.

    Raises:
        _Overtaken: The loop has been changed since the run began.
    """
    version = run.training_version + 1
    configuration = (await storage.settings.read()).value.configuration
    interventions = (await storage.manifest.read()).value.interventions

    def is_done(settings: LoopSettings) -> bool:
        return (settings.training_version, settings.policy) == (version, trained.policy)

    def change(settings: LoopSettings) -> LoopSettings:
        if is_done(settings):
            return settings
        if settings.training_version != run.training_version:
            raise _Overtaken(
                "while it was looked for, the policy was changed, or a setting that resets models."
            )
        if settings.optimization_hindrance is not None:
            raise _Overtaken(f"by then, {settings.optimization_hindrance}.")
        if interventions != run.interventions:
            raise _Overtaken(
                "while it was looked for, a model was reset, imported or published, or the log"
                " deleted."
            )
        return settings.with_policy(trained.policy)

    def fits(manifest: Manifest) -> bool:
        return manifest.training_version < version and manifest.interventions == run.interventions

    how = Changeover(change, fits, configuration.model_auto_publish)
    await take_over(storage, trained, how, now)


async def _prune(blobs: Blobs) -> None:
    collection = evaluations(blobs)
    runs = [e async for e in collection.read_all() if e.origin is Origin.AUTO]
    for run in sorted(runs, key=lambda run: run.created, reverse=True)[KEPT_RUNS:]:
        await collection.delete(run.id)
