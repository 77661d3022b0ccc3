"""Working on feature importances: each is done in one go, in bounded time.

Nothing is kept on the way, so that a crash costs all of the work on one, and changes no number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError

from evaluation.importance import MOST_FEATURES, Importance
from evaluation.importance_task import measure
from evaluation.importances import FeatureImportance, feature_importances
from evaluation.jobs import Status
from evaluation.limits import Limits
from evaluation.processes import TaskFailed, TaskTimedOut
from loop.errors import StorageUnavailable
from loop.events import Micros
from storage.blobs import Blobs, Conflict
from storage.collection import Collection
from storage.documents import Version
from storage.factory import LoopStorage
from storage.settling import settle

logger = logging.getLogger(__name__)

EVENTS_OF_EVALUATION = 4_000
"""How many events are looked at for an evaluation, which has more to do than this."""

TELL_SECONDS = 2.0
"""How often it is written down how far the work is."""


async def examine(storage: LoopStorage, clock: Callable[[], Micros], limits: Limits) -> bool:
    """Work on the oldest feature importance that is not done, to its end.

    Returns at once, after one read, where there is none.

    Returns:
        Whether there was one: then there may be more to do.

    Raises:
        StorageUnavailable: Storage is away; the next call begins again with it.
    """
    collection = feature_importances(storage.blobs)
    agenda = await collection.agenda()
    over: set[str] = set()
    for importance_id in agenda.value.ids:
        try:
            version = await collection.read(importance_id)
        except ValidationError:
            logger.error("feature_importance_unreadable", extra={"id": importance_id})
            version = None
        over.add(importance_id)
        if version is not None and not version.value.status.is_final:
            try:
                await _Work(storage, collection, version, clock, limits).do()
            except Conflict:
                # Its owner has deleted it, or somebody else has begun with it.
                logger.warning("feature_importance_superseded", extra={"id": importance_id})
                return False
            break
    await collection.strike(over, agenda)
    return bool(agenda.value.ids)


class _Work:
    """What is done for a feature importance: each write is over the last one."""

    def __init__(
        self,
        storage: LoopStorage,
        collection: Collection[FeatureImportance],
        version: Version[FeatureImportance],
        clock: Callable[[], Micros],
        limits: Limits,
    ) -> None:
        self._storage = storage
        self._collection = collection
        self._version = version
        self._clock = clock
        self._limits = limits

    async def do(self) -> None:
        """See it through.

        Raises:
            Conflict: It is no longer ours.
        """
        asked = self._version.value
        if asked.attempts >= self._limits.attempts:
            await self._end(
                Status.FAILED,
                f"It was broken off {asked.attempts} times, together with the service that worked"
                " on it. Ask for a shorter range of time.",
            )
            return
        reach = asked.reach
        if reach is None:
            manifest = (await self._storage.manifest.read()).value
            # What the manifest says was joined is seen once its last files are committed.
            await settle(self._storage.blobs, manifest.segments)
            reach = manifest.position
        await self._write(status=Status.RUNNING, reach=reach, attempts=asked.attempts + 1)
        try:
            found = await self._measured(asked.start, min(asked.end, reach), asked.arguments)
        except TaskTimedOut as error:
            await self._end(Status.TIMED_OUT, f"It could not be measured: {error.reason}.")
        except TaskFailed as error:
            await self._end(Status.FAILED, f"It could not be measured: {error.reason}.")
        else:
            await self._end(Status.SUCCEEDED, describe(found), progress=1.0, scores=found.scores)

    async def _measured(self, start: Micros, end: Micros, arguments: str) -> Importance:
        shares = [0.0]
        work = measure(
            self._storage.blobs, start, end, arguments, self._limits, on_progress=shares.append
        )
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=TELL_SECONDS))[0]:
                if shares[-1] > self._version.value.progress:
                    await self._write(progress=shares[-1])
            return task.result()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, TaskFailed, StorageUnavailable):
                await task

    async def _end(self, status: Status, description: str, **changes: object) -> None:
        await self._write(status=status, description=description, finished=self._clock(), **changes)
        logger.info("feature_importance_ended", extra={"status": status.value})

    async def _write(self, **changes: object) -> None:
        changed = self._version.value.model_copy(update=changes)
        self._version = await self._collection.replace(changed.id, changed, self._version)


def describe(found: Importance) -> str:
    """What there is to know about the outcome, in words."""
    words = [
        f"Learned from a sample of {found.learned} choices made in learning mode Online; losses"
        f" were measured on {found.judged}."
    ]
    if found.loss > 0:
        words.append(
            f"A score of 1 stands for a loss of {found.loss:.2g} of reward per choice. What scores"
            " below 0.05 is hard to tell from noise."
        )
    else:
        words.append("No feature makes a difference that can be told from chance.")
    if found.features > len(found.scores):
        words.append(
            f"The log has {found.features} features; the {MOST_FEATURES} that are there most often"
            " were examined."
        )
    return " ".join(words)


async def important_features(
    blobs: Blobs, start: Micros, end: Micros, arguments: str, limits: Limits
) -> tuple[tuple[str, ...], ...]:
    """Names of features in groups, the most important first, as an evaluation's result has them.

    Nothing where it can't be said: an evaluation is none the worse for it.

    Args:
        start: Events decided from here to before ``end`` are looked at, a sample of them.
        arguments: Those of the policy whose features are meant.

    Raises:
        StorageUnavailable: Storage is away.
    """
    try:
        found = await measure(blobs, start, end, arguments, limits, most=EVENTS_OF_EVALUATION)
    except TaskFailed as error:
        logger.info("features_not_measured", extra={"reason": error.end})
        return ()
    return found.groups()
