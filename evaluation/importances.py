"""Feature importances as their owner sees them: ask for one, look at it, list all, delete one."""

from __future__ import annotations

import logging
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from evaluation.contracts import check_id, read_range
from evaluation.importance import ScoredFeature
from evaluation.jobs import Status
from evaluation.logged import has_events
from loop.errors import (
    FeatureImportanceAlreadyExists,
    FeatureImportanceNotFound,
    InvalidContract,
    NoLogsExistInDateRange,
    OperationConflict,
)
from loop.events import Micros
from loop.features import JsonObject
from loop.iso import format_micros
from loop.validation import parse
from storage.blobs import Blobs, Conflict
from storage.collection import Collection
from storage.factory import LoopStorage

logger = logging.getLogger(__name__)

FOLDER = "feature-importances/"

MOST_UNFINISHED = 20
"""How many may wait or run at once."""

MOST_KEPT = 500
"""How many a loop keeps."""

PARAMETER = "featureImportanceId"

_STATUS = {
    Status.WAITING: "NotSubmitted",
    Status.RUNNING: "Running",
    Status.SUCCEEDED: "Succeeded",
    Status.FAILED: "Failed",
    Status.TIMED_OUT: "Timeout",
}


class FeatureImportanceContract(BaseModel):
    """The body of a call that asks for a feature importance."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)

    name: Annotated[str, Field(min_length=1, max_length=256)]
    start_time: str
    end_time: str


class FeatureImportance(BaseModel):
    """One feature importance: what was asked for, how far it is, and what came of it.

    Attributes:
        start: Events decided from here to before ``end`` are looked at.
        arguments: Those of the policy that was in force when it was asked for.
        status: One of those that ``to_json`` has a word for.
        reach: Events before it were joined when the work began; None before.
        attempts: How often the work was begun.
        progress: 0 to 1.
        description: In words: what there is to know about the outcome, or why it failed.
        scores: The highest first; empty before the end.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    start: Micros
    end: Micros
    arguments: str
    created: Micros
    status: Status = Status.WAITING
    reach: Micros | None = None
    attempts: int = 0
    progress: float = 0.0
    description: str = ""
    scores: tuple[ScoredFeature, ...] = ()
    finished: Micros | None = None

    def listed(self) -> JsonObject:
        """What is answered in a list."""
        return {
            "id": self.id,
            "name": self.name,
            "startTime": format_micros(self.start),
            "endTime": format_micros(self.end),
            "creationTime": format_micros(self.created),
            "status": _STATUS[self.status],
            "description": self.description,
            "progress": round(self.progress, 4),
        }

    def whole(self) -> JsonObject:
        """What is answered to a question for this one."""
        answer = self.listed()
        answer["featureScores"] = [
            {
                "namespace": scored.namespace,
                "featureName": scored.name,
                "score": round(scored.score, 4),
            }
            for scored in self.scores
        ]
        return answer


def feature_importances(blobs: Blobs) -> Collection[FeatureImportance]:
    """All feature importances of a loop."""
    return Collection(blobs, FOLDER, FeatureImportance)


async def create_feature_importance(
    storage: LoopStorage, importance_id: str, body: bytes, now: Micros
) -> FeatureImportance:
    """Take in a feature importance, to be worked on by the evaluator's timer.

    Raises:
        InvalidContract: A member is missing, mistyped or too long, the range is empty or reversed,
            or the id is none that can be named in a path.
        FeatureImportanceAlreadyExists: There is one of that id.
        NoLogsExistInDateRange: No event of the range is joined.
        OperationConflict: There are as many as there may be.
        StorageUnavailable: Storage is away.
    """
    contract = parse(FeatureImportanceContract, body, InvalidContract)
    start, end = read_range(contract.start_time, contract.end_time, InvalidContract)
    check_id(importance_id, PARAMETER, InvalidContract)
    collection = feature_importances(storage.blobs)
    if await collection.read(importance_id) is not None:
        raise _taken(importance_id)
    if not await has_events(storage.blobs, start, end):
        raise NoLogsExistInDateRange(
            f"The log has no joined event from {format_micros(start)} to before"
            f" {format_micros(end)}. An event is joined once its reward wait time is over; the log"
            " properties say how far the log reaches.",
            "startTime",
        )
    _check_room(await list_feature_importances(storage))
    settings = (await storage.settings.read()).value
    made = FeatureImportance(
        id=importance_id,
        name=contract.name,
        start=start,
        end=end,
        arguments=settings.policy_in_force().arguments,
        created=now,
    )
    try:
        await collection.create(importance_id, made)
    except Conflict:
        raise _taken(importance_id) from None
    logger.info("feature_importance_created")
    return made


async def get_feature_importance(storage: LoopStorage, importance_id: str) -> FeatureImportance:
    """One feature importance.

    Raises:
        FeatureImportanceNotFound: There is none of that id.
        StorageUnavailable: Storage is away.
    """
    version = await feature_importances(storage.blobs).read(importance_id)
    if version is None:
        raise _unknown(importance_id)
    return version.value


async def list_feature_importances(storage: LoopStorage) -> list[FeatureImportance]:
    """All feature importances, the newest first.

    Raises:
        StorageUnavailable: Storage is away.
    """
    found = [each async for each in feature_importances(storage.blobs).read_all()]
    return sorted(found, key=lambda each: (-each.created, each.id))


async def delete_feature_importance(storage: LoopStorage, importance_id: str) -> None:
    """Remove a feature importance; one that is worked on is called off.

    Raises:
        FeatureImportanceNotFound: There is none of that id, or not any more.
        StorageUnavailable: Storage is away.
    """
    if not await feature_importances(storage.blobs).delete(importance_id):
        raise _unknown(importance_id)
    logger.info("feature_importance_deleted")


def _check_room(kept: list[FeatureImportance]) -> None:
    unfinished = sum(not each.status.is_final for each in kept)
    if unfinished >= MOST_UNFINISHED:
        raise OperationConflict(
            f"{unfinished} feature importances wait or run, and no more can: wait for some of them,"
            " or delete them."
        )
    if len(kept) >= MOST_KEPT:
        raise OperationConflict(
            f"There are {len(kept)} feature importances, and no more are kept: delete some of them."
        )


def _taken(importance_id: str) -> FeatureImportanceAlreadyExists:
    return FeatureImportanceAlreadyExists(
        f"There is a feature importance {importance_id!r} already.", PARAMETER
    )


def _unknown(importance_id: str) -> FeatureImportanceNotFound:
    return FeatureImportanceNotFound(
        f"There is no feature importance {importance_id!r}.", PARAMETER
    )
