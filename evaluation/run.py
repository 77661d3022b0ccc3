"""Working on the evaluations of a loop, the oldest one first."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import ValidationError

from evaluation.claim import Claim, Superseded
from evaluation.jobs import Evaluation, evaluations
from evaluation.limits import Limits
from evaluation.turn import Turn
from loop.events import Micros
from storage.collection import Collection
from storage.factory import LoopStorage

logger = logging.getLogger(__name__)


async def evaluate(storage: LoopStorage, clock: Callable[[], Micros], limits: Limits) -> bool:
    """Work on the oldest evaluation that is not done, for one round of judging at most.

    Returns at once, after one read, where there is none.

    Returns:
        Whether there was one: then there may be more to do. Not where others are at it.

    Raises:
        StorageUnavailable: Storage is away; the next call goes on from the last commit.
    """
    collection = evaluations(storage.blobs)
    agenda = await collection.agenda()
    over: set[str] = set()
    for evaluation_id in agenda.value.ids:
        claim = await _claim(collection, evaluation_id)
        if claim is None:
            over.add(evaluation_id)
            continue
        try:
            await Turn(storage, claim, clock, limits).take()
        except Superseded:
            logger.warning("evaluation_superseded", extra={"evaluation": evaluation_id})
            return False
        if claim.evaluation.status.is_final:
            over.add(evaluation_id)
        break
    await collection.strike(over, agenda)
    return bool(agenda.value.ids)


async def _claim(collection: Collection[Evaluation], evaluation_id: str) -> Claim | None:
    """The evaluation, if there is something to do for it."""
    try:
        version = await collection.read(evaluation_id)
    except ValidationError:
        logger.error("evaluation_unreadable", extra={"evaluation": evaluation_id})
        return None
    if version is None or version.value.status.is_final:
        return None
    return Claim(collection, version)
