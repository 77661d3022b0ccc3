"""Feature importances through the Python client of the 2022 preview, `azure-ai-personalizer`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from tests.contract.ai_personalizer import Answer, Clients, ask, listed
from tests.contract.conftest import Connect, Loop
from tests.contract.evaluating import EVENTS, FINISH_SECONDS, log_events, shape
from tests.contract.snapshots import Snapshots

SNAPSHOTS = Snapshots("azure-ai-personalizer-importances")
START, END = date.today() - timedelta(days=1), date.today() + timedelta(days=2)
FINAL = ("Succeeded", "Failed", "Timeout", "Canceled")

CONTRACT: dict[str, object] = {"name": "sdk_test_importance", "startTime": START, "endTime": END}


@pytest.fixture(scope="module")
def loops(unused_loops: Iterator[Loop]) -> dict[str, Loop]:
    """A loop with a log for each kind of clients."""
    made = {kind: next(unused_loops) for kind in ("sync", "async")}
    log_events(list(made.values()))
    return made


@pytest.fixture
async def clients(
    connect: Connect, loops: dict[str, Loop], request: pytest.FixtureRequest
) -> Clients:
    loop = loops[request.node.callspec.params["connect"]]
    return await connect(loop.endpoint, loop.key)


class Score(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    namespace: str
    feature_name: str
    score: float


class Importance(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    id: str
    name: str
    status: str
    description: str
    feature_scores: list[Score] = []


def read(found: JsonValue) -> Importance:
    return Importance.model_validate(found)


async def finished(clients: Clients, importance_id: str) -> Answer:
    """What is answered once it is done, as the client's own tests wait for it."""
    deadline = time.monotonic() + FINISH_SECONDS
    while True:
        answer = await ask(clients.manage.get_feature_importance, importance_id)
        if read(answer.result).status in FINAL:
            return answer
        assert time.monotonic() < deadline, "the feature importance was not finished"
        await asyncio.sleep(0.25)


async def test_which_features_matter(clients: Clients) -> None:
    # GIVEN a feature importance as the client's own tests create one
    created = await ask(clients.manage.create_feature_importance, "from the sdk", CONTRACT)
    assert (created.wire.status, created.result) == (200, None)
    SNAPSHOTS.check("create_feature_importance", created.wire)
    # WHEN it is waited for
    answer = await finished(clients, "from the sdk")
    # THEN the day is among what matters: it tells which drink is liked
    found = read(answer.result)
    assert found.status == "Succeeded", found.description
    assert f"sample of {EVENTS} choices" in found.description
    SNAPSHOTS.check("get_feature_importance", shape(answer.wire))
    scores = {(each.namespace, each.feature_name): each.score for each in found.feature_scores}
    assert set(scores) == {("FromUrl", "day"), ("i", "id"), ("j", "kind")}
    assert scores["FromUrl", "day"] > 0.5
    assert max(scores.values()) == found.feature_scores[0].score == 1.0
    # AND it is in the list, until it is deleted
    [entry] = await listed(clients.manage.list_feature_importances)
    assert (read(entry).id, read(entry).status) == ("from the sdk", "Succeeded")
    deleted = await ask(clients.manage.delete_feature_importance, "from the sdk")
    assert (deleted.wire.status, deleted.wire.body) == (204, "")
    SNAPSHOTS.check("delete_feature_importance", deleted.wire)
    gone = await ask(clients.manage.get_feature_importance, "from the sdk")
    assert (gone.wire.status, gone.error.code) == (404, "FeatureImportanceNotFound")
    SNAPSHOTS.check("get_feature_importance of none", gone.wire)


async def test_a_list_comes_in_pages(clients: Clients) -> None:
    # GIVEN five of them that nobody waits for
    names = [f"page {number}" for number in range(5)]
    for name in names:
        created = await ask(clients.manage.create_feature_importance, name, CONTRACT)
        assert created.wire.status == 200
    # WHEN they are listed two at a time THEN the client follows the links to all of them
    small = {"params": {"maxpagesize": "2"}}
    found = await listed(clients.manage.list_feature_importances, **small)
    assert [read(one).id for one in found] == names[::-1]
    some = await listed(clients.manage.list_feature_importances, top=3, skip=1, **small)
    assert [read(one).id for one in some] == names[3:0:-1]
    # Those that have not begun are called off.
    for name in names:
        assert (await ask(clients.manage.delete_feature_importance, name)).wire.status == 204


@pytest.mark.parametrize(
    ("asked", "changes", "code"),
    [
        ("no name", {"name": None}, "InvalidContract"),
        ("a reversed range", {"startTime": END, "endTime": START}, "InvalidContract"),
        (
            "a range without logs",
            {"startTime": date(2000, 1, 1), "endTime": date(2000, 1, 2)},
            "NoLogsExistInDateRange",
        ),
    ],
)
async def test_what_can_not_be_asked(
    clients: Clients, asked: str, changes: dict[str, object], code: str
) -> None:
    refused = await ask(
        clients.manage.create_feature_importance, "refused", {**CONTRACT, **changes}
    )
    assert (refused.wire.status, refused.error.code) == (400, code)
    if asked != "a reversed range":  # the message holds the dates of today
        SNAPSHOTS.check(f"create_feature_importance with {asked}", refused.wire)


async def test_an_id_is_used_once(clients: Clients) -> None:
    create = clients.manage.create_feature_importance
    assert (await ask(create, "once", CONTRACT)).wire.status == 200
    refused = await ask(create, "once", CONTRACT)
    assert (refused.wire.status, refused.error.code) == (400, "FeatureImportanceAlreadyExists")
    SNAPSHOTS.check("create_feature_importance with a used id", refused.wire)
    assert (await ask(clients.manage.delete_feature_importance, "once")).wire.status == 204
    unknown = await ask(clients.manage.delete_feature_importance, "once")
    assert (unknown.wire.status, unknown.error.code) == (404, "FeatureImportanceNotFound")
    SNAPSHOTS.check("delete_feature_importance of none", unknown.wire)
