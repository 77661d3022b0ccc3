"""Feature importances as their owner asks for them."""

from __future__ import annotations

import orjson
import pytest

from evaluation import importances as room
from evaluation.importance import ScoredFeature
from evaluation.importances import (
    FeatureImportance,
    create_feature_importance,
    delete_feature_importance,
    feature_importances,
    get_feature_importance,
    list_feature_importances,
)
from evaluation.jobs import Status
from loop.errors import (
    FeatureImportanceAlreadyExists,
    FeatureImportanceNotFound,
    InvalidContract,
    NoLogsExistInDateRange,
    OperationConflict,
)
from loop.events import Micros
from loop.features import JsonObject
from loop.settings import LoopSettings, Policy
from storage.factory import LoopStorage
from tests.evaluation.past import happened, log
from tests.trainer.scene import after

CONTRACT: JsonObject = {
    "name": "mine",
    "startTime": "2023-11-14T22:00:00Z",
    "endTime": "2023-11-15T00:00:00Z",
}
NOW = after(1_000)


@pytest.fixture
async def logged(storage: LoopStorage) -> LoopStorage:
    """The loop with some events, from 22:13:20 on 14 November 2023."""
    await log(storage, happened(10))
    return storage


async def create(
    storage: LoopStorage,
    importance_id: str = "f1",
    now: Micros = NOW,
    changes: JsonObject | None = None,
) -> FeatureImportance:
    body = orjson.dumps({**CONTRACT, **(changes or {})})
    return await create_feature_importance(storage, importance_id, body, now)


async def test_it_waits_with_all_that_its_work_needs(logged: LoopStorage) -> None:
    # GIVEN a loop with a policy
    settings = LoopSettings(policy=Policy(name="p", arguments="--cb_explore_adf -q FT"))
    await logged.settings.replace(settings, await logged.settings.read())
    # WHEN it is asked which features matter
    made = await create(logged)
    # THEN the question is kept with that policy, whatever comes after it
    assert made == await get_feature_importance(logged, "f1")
    assert (made.name, made.status, made.created) == ("mine", Status.WAITING, NOW)
    assert made.arguments == "--cb_explore_adf -q FT"
    assert made.end - made.start == 2 * 3600 * 1_000_000
    # AND its work is announced
    assert (await feature_importances(logged.blobs).agenda()).value.ids == ("f1",)


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "n" * 257}, "name"),
        ({"startTime": 5}, "startTime"),
        ({"startTime": "yesterday"}, "startTime"),
        ({"endTime": "2023-11-14T22:00:00Z"}, "endTime"),
        ({"endTime": "2023-11-13"}, "endTime"),
    ],
)
async def test_what_can_not_be_asked(logged: LoopStorage, changes: JsonObject, target: str) -> None:
    with pytest.raises(InvalidContract) as refused:
        await create(logged, changes=changes)
    assert refused.value.target == target


@pytest.mark.parametrize("importance_id", ["", ".", "a/b", "i" * 257, "a\tb"])
async def test_ids_that_no_path_can_hold(logged: LoopStorage, importance_id: str) -> None:
    with pytest.raises(InvalidContract) as refused:
        await create(logged, importance_id)
    assert refused.value.target == "featureImportanceId"


async def test_a_range_without_events_is_refused(logged: LoopStorage) -> None:
    with pytest.raises(NoLogsExistInDateRange, match="2022-01-01T00:00:00"):
        await create(logged, changes={"startTime": "2022-01-01", "endTime": "2022-01-02"})
    assert await list_feature_importances(logged) == []


async def test_an_id_is_used_once(logged: LoopStorage) -> None:
    await create(logged)
    with pytest.raises(FeatureImportanceAlreadyExists, match="'f1'"):
        await create(logged, changes={"name": "another"})
    assert (await get_feature_importance(logged, "f1")).name == "mine"


async def test_the_newest_is_listed_first(logged: LoopStorage) -> None:
    for number, importance_id in enumerate(("old", "new", "newer")):
        await create(logged, importance_id, after(number))
    found = await list_feature_importances(logged)
    assert [each.id for each in found] == ["newer", "new", "old"]


async def test_what_is_deleted_is_gone(logged: LoopStorage) -> None:
    await create(logged)
    await delete_feature_importance(logged, "f1")
    for again in (delete_feature_importance, get_feature_importance):
        with pytest.raises(FeatureImportanceNotFound, match="'f1'"):
            await again(logged, "f1")
    # Its id may be used anew.
    await create(logged)


async def test_there_is_room_for_so_many(
    logged: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN as many as may wait
    monkeypatch.setattr(room, "MOST_UNFINISHED", 2)
    for importance_id in ("f1", "f2"):
        await create(logged, importance_id)
    # THEN no more are taken
    with pytest.raises(OperationConflict, match="2 feature importances wait"):
        await create(logged, "f3")
    # AND none beyond what is kept, done or not
    collection = feature_importances(logged.blobs)
    version = await collection.read("f1")
    assert version is not None
    done = version.value.model_copy(update={"status": Status.SUCCEEDED})
    await collection.replace("f1", done, version)
    monkeypatch.setattr(room, "MOST_KEPT", 2)
    with pytest.raises(OperationConflict, match="There are 2 feature importances"):
        await create(logged, "f3")


async def test_answers_have_the_scores_the_highest_first(logged: LoopStorage) -> None:
    made = await create(logged)
    scores = (
        ScoredFeature(namespace="FromUrl", name="day", score=1.0),
        ScoredFeature(namespace="j", name="kind", score=0.123456),
    )
    done = made.model_copy(
        update={"status": Status.SUCCEEDED, "scores": scores, "description": "d", "progress": 1.0}
    )
    assert done.whole() == {
        "id": "f1",
        "name": "mine",
        "startTime": "2023-11-14T22:00:00Z",
        "endTime": "2023-11-15T00:00:00Z",
        "creationTime": "2023-11-14T22:30:00Z",
        "status": "Succeeded",
        "description": "d",
        "progress": 1.0,
        "featureScores": [
            {"namespace": "FromUrl", "featureName": "day", "score": 1.0},
            {"namespace": "j", "featureName": "kind", "score": 0.1235},
        ],
    }
    assert done.listed() == {k: v for k, v in done.whole().items() if k != "featureScores"}
