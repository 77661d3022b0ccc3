"""Evaluations as their owner sees them: ask for one, look at it, list all, delete one."""

from __future__ import annotations

import asyncio
import logging
import uuid

from evaluation.contracts import Asked, check_id, check_policies, read_contract
from evaluation.jobs import Evaluation, Origin, evaluations
from evaluation.logged import has_events
from loop.errors import (
    EvaluationAlreadyExists,
    EvaluationNotFound,
    NoLogsExistInDateRange,
    OperationConflict,
)
from loop.events import Micros
from loop.iso import format_micros
from storage.blobs import Conflict
from storage.collection import Collection
from storage.factory import LoopStorage

logger = logging.getLogger(__name__)

MOST_UNFINISHED = 20
"""How many evaluations of its owner's may wait or run at once."""

MOST_KEPT = 500
"""How many evaluations a loop may have for its owner to ask for another one."""


async def create_evaluation(
    storage: LoopStorage, body: bytes, now: Micros, evaluation_id: str | None = None
) -> Evaluation:
    """Take in an evaluation, to be run by its timer.

    Args:
        body: As ``read_contract`` reads it.
        evaluation_id: None has one made.

    Raises:
        InvalidEvaluationContract: As ``read_contract`` and ``check_id``.
        DuplicateCustomPolicyNames: As ``read_contract``.
        EvaluationAlreadyExists: There is one of that id.
        InvalidPolicyConfiguration: As ``check_policies``.
        NoLogsExistInDateRange: No event of the range is joined.
        OperationConflict: There are as many evaluations as there may be.
        StorageUnavailable: Storage is away.
    """
    asked = read_contract(body)
    jobs = evaluations(storage.blobs)
    if evaluation_id is None:
        evaluation_id = str(uuid.uuid4())
    else:
        check_id(evaluation_id)
        if await jobs.read(evaluation_id) is not None:
            raise _taken(evaluation_id)
    settings = (await storage.settings.read()).value
    await asyncio.to_thread(check_policies, asked.policies, settings.kind)
    if not await has_events(storage.blobs, asked.start, asked.end):
        raise _no_logs(asked)
    await _check_room(jobs)
    evaluation = Evaluation(
        id=evaluation_id,
        name=asked.name,
        origin=Origin.MANUAL,
        start=asked.start,
        end=asked.end,
        optimises=asked.optimises,
        policies=asked.policies,
        kind=settings.kind,
        exploration=settings.configuration.exploration_percentage,
        created=now,
    )
    try:
        await jobs.create(evaluation_id, evaluation)
    except Conflict:
        raise _taken(evaluation_id) from None
    logger.info(
        "evaluation_created",
        extra={"policies": len(asked.policies), "optimises": asked.optimises},
    )
    return evaluation


async def get_evaluation(storage: LoopStorage, evaluation_id: str) -> Evaluation:
    """One evaluation.

    Raises:
        EvaluationNotFound: There is none of that id.
        StorageUnavailable: Storage is away.
    """
    version = await evaluations(storage.blobs).read(evaluation_id)
    if version is None:
        raise _unknown(evaluation_id)
    return version.value


async def read_result(storage: LoopStorage, evaluation: Evaluation) -> bytes | None:
    """The ``Result`` of an evaluation, as it is kept; None while there is none.

    Raises:
        EvaluationNotFound: It was deleted just now.
        StorageUnavailable: Storage is away.
    """
    if evaluation.result is None:
        return None
    blob = await storage.blobs.read(evaluation.result)
    if blob is None:
        raise _unknown(evaluation.id)
    return blob.data


async def list_evaluations(storage: LoopStorage) -> list[Evaluation]:
    """All evaluations, the newest first; no result is read.

    Raises:
        StorageUnavailable: Storage is away.
    """
    found = [evaluation async for evaluation in evaluations(storage.blobs).read_all()]
    return sorted(found, key=lambda evaluation: (-evaluation.created, evaluation.id))


async def delete_evaluation(storage: LoopStorage, evaluation_id: str) -> None:
    """Remove an evaluation with all that belongs to it; one that runs is called off.

    A policy that was applied from it stays, with its model.

    Raises:
        EvaluationNotFound: There is none of that id, or not any more.
        StorageUnavailable: Storage is away; what is left is removed by calling again.
    """
    if not await evaluations(storage.blobs).delete(evaluation_id):
        raise _unknown(evaluation_id)
    logger.info("evaluation_deleted")


async def _check_room(jobs: Collection[Evaluation]) -> None:
    # What is on the agenda may be done or gone by now; seldom is it so long that this matters.
    waiting = (await jobs.agenda()).value.ids
    if len(waiting) >= MOST_UNFINISHED:
        found = await asyncio.gather(*(jobs.read(each) for each in waiting))
        unfinished = sum(each is not None and _is_awaited(each.value) for each in found)
        if unfinished >= MOST_UNFINISHED:
            raise OperationConflict(
                f"{unfinished} evaluations wait or run, and no more can: wait for some of them, or"
                " delete them."
            )
    kept = await jobs.count()
    if kept >= MOST_KEPT:
        raise OperationConflict(
            f"There are {kept} evaluations, and no more are kept: delete some of them."
        )


def _is_awaited(evaluation: Evaluation) -> bool:
    return evaluation.origin is Origin.MANUAL and not evaluation.status.is_final


def _no_logs(asked: Asked) -> NoLogsExistInDateRange:
    return NoLogsExistInDateRange(
        f"The log has no joined event from {format_micros(asked.start)} to before"
        f" {format_micros(asked.end)}. An event is joined once its reward wait time is over; the"
        " log properties say how far the log reaches.",
        "startTime",
    )


def _taken(evaluation_id: str) -> EvaluationAlreadyExists:
    return EvaluationAlreadyExists(
        f"There is an evaluation {evaluation_id!r} already.", "evaluationId"
    )


def _unknown(evaluation_id: str) -> EvaluationNotFound:
    return EvaluationNotFound(f"There is no evaluation {evaluation_id!r}.", "evaluationId")
