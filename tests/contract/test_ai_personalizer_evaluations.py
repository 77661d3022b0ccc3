"""Evaluations through the Python client of the 2022 preview, `azure-ai-personalizer` 1.0.0b1."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from tests.contract.ai_personalizer import Answer, Clients, ask, listed
from tests.contract.conftest import Connect, Loop
from tests.contract.evaluating import CUSTOM, FINISH_SECONDS, log_events, shape
from tests.contract.snapshots import Snapshots

SNAPSHOTS = Snapshots("azure-ai-personalizer-evaluations")
START, END = date.today() - timedelta(days=1), date.today() + timedelta(days=2)
FINAL = ("Succeeded", "Failed", "Timeout", "Canceled")

# The client's own tests write the times of a question so, and those of the contract as dates.
RANGE = {
    "start_time": START.strftime("%Y%m%dT%H%M%S"),
    "end_time": END.strftime("%Y%m%dT%H%M%S"),
}
CONTRACT: dict[str, object] = {
    "name": "python_sdk_test_evaluation",
    "startTime": START,
    "endTime": END,
    "enableOfflineExperimentation": True,
    "policies": [{"name": "Custom learning settings 1", "arguments": CUSTOM}],
}


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


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Estimate(Wire):
    expected_reward: float
    confidence_interval: tuple[float, float]


class TimeSeries(Wire):
    data: list[Estimate]


class Value(Wire):
    name: str
    summary: Estimate
    timeseries: TimeSeries


class Content(Wire):
    interval_in_minutes: int
    value: list[Value]


class Evaluation(Wire):
    id: str
    name: str
    status: str
    description: str
    optimal_policy: str | None = None
    content: Content | None = None

    def value(self, name: str) -> Value:
        assert self.content is not None
        return next(value for value in self.content.value if value.name == name)


def read(found: JsonValue) -> Evaluation:
    return Evaluation.model_validate(found)


async def get(clients: Clients, evaluation_id: str, **asked: object) -> Answer:
    return await ask(clients.manage.get_evaluation, evaluation_id, **RANGE, **asked)


async def finished(clients: Clients, evaluation_id: str) -> Answer:
    """What is answered once an evaluation is done, as the client's own tests wait for it."""
    deadline = time.monotonic() + FINISH_SECONDS
    while True:
        answer = await get(clients, evaluation_id)
        found = read(answer.result)
        if found.status in FINAL:
            return answer
        assert found.content is None
        assert time.monotonic() < deadline, "the evaluation was not finished"
        await asyncio.sleep(0.25)


async def test_an_evaluation_from_beginning_to_end(clients: Clients) -> None:
    # GIVEN an evaluation as the client's own tests create one, with a policy of one's own
    evaluation_id = str(uuid.uuid4())
    created = await ask(clients.manage.create_evaluation, evaluation_id, CONTRACT)
    assert (created.wire.status, created.result) == (200, None)
    SNAPSHOTS.check("create_evaluation", created.wire)
    # WHEN it is waited for
    answer = await finished(clients, evaluation_id)
    # THEN it has found what is better than choosing evenly
    found = read(answer.result)
    assert found.status == "Succeeded", found.description
    assert (found.id, found.name) == (evaluation_id, CONTRACT["name"])
    SNAPSHOTS.check("get_evaluation", shape(answer.wire))
    online = found.value("online").summary
    low, high = online.confidence_interval
    assert low < online.expected_reward < high
    assert found.optimal_policy is not None
    best = found.value(found.optimal_policy).summary
    assert best.expected_reward > online.expected_reward
    # AND how each policy came to its estimate
    assert found.content is not None
    for value in found.content.value:
        assert value.timeseries.data[-1] == value.summary
    daily = await get(clients, evaluation_id, interval_in_minutes=1440, window="Rolling")
    content = read(daily.result).content
    assert content is not None
    assert content.interval_in_minutes == 1440
    # AND it is in the list, until it is deleted
    assert [read(one).id for one in await listed(clients.manage.list_evaluations)] == [
        evaluation_id
    ]
    deleted = await ask(clients.manage.delete_evaluation, evaluation_id)
    assert (deleted.wire.status, deleted.wire.body) == (204, "")
    SNAPSHOTS.check("delete_evaluation", deleted.wire)
    assert await listed(clients.manage.list_evaluations) == []
    gone = await get(clients, evaluation_id)
    assert (gone.wire.status, gone.error.code) == (404, "EvaluationNotFound")
    SNAPSHOTS.check("get_evaluation of none", gone.wire)


async def test_a_list_comes_in_pages(clients: Clients) -> None:
    # GIVEN five evaluations that nobody waits for
    names = [f"page {number}" for number in range(5)]
    for name in names:
        created = await ask(clients.manage.create_evaluation, name, CONTRACT)
        assert created.wire.status == 200
    # WHEN they are listed two at a time THEN the client follows the links to all of them
    small = {"params": {"maxpagesize": "2"}}
    found = [read(one) for one in await listed(clients.manage.list_evaluations, **small)]
    assert [one.id for one in found] == names[::-1]
    assert all(one.content is None for one in found)
    some = await listed(clients.manage.list_evaluations, top=3, skip=1, **small)
    assert [read(one).id for one in some] == names[3:0:-1]
    manual = {"filter_expression": "evaluationType eq 'Manual'", **small}
    assert len(await listed(clients.manage.list_evaluations, **manual)) == 5
    auto = {"filter_expression": "evaluationType eq 'Auto'"}
    assert await listed(clients.manage.list_evaluations, **auto) == []
    # Those that have not begun are called off.
    for name in names:
        assert (await ask(clients.manage.delete_evaluation, name)).wire.status == 204


@pytest.mark.parametrize(
    ("asked", "changes", "code"),
    [
        ("no name", {"name": None}, "InvalidEvaluationContract"),
        ("a reversed range", {"startTime": END, "endTime": START}, "InvalidEvaluationContract"),
        (
            "eleven policies",
            {"policies": [{"name": str(n), "arguments": CUSTOM} for n in range(11)]},
            "InvalidEvaluationContract",
        ),
        (
            "a name twice",
            {"policies": [{"name": "mine", "arguments": CUSTOM}] * 2},
            "DuplicateCustomPolicyNames",
        ),
        (
            "arguments that read a file",
            {"policies": [{"name": "mine", "arguments": "--cb_explore_adf --data x"}]},
            "InvalidPolicyConfiguration",
        ),
        (
            "a range without logs",
            {"startTime": date(2000, 1, 1), "endTime": date(2000, 1, 2)},
            "NoLogsExistInDateRange",
        ),
    ],
)
async def test_what_can_not_be_evaluated(
    clients: Clients, asked: str, changes: dict[str, object], code: str
) -> None:
    refused = await ask(clients.manage.create_evaluation, "refused", {**CONTRACT, **changes})
    assert (refused.wire.status, refused.error.code) == (400, code)
    if asked != "a reversed range":  # the message holds the dates of today
        SNAPSHOTS.check(f"create_evaluation with {asked}", refused.wire)


async def test_an_id_is_used_once(clients: Clients) -> None:
    assert (await ask(clients.manage.create_evaluation, "once", CONTRACT)).wire.status == 200
    refused = await ask(clients.manage.create_evaluation, "once", CONTRACT)
    assert (refused.wire.status, refused.error.code) == (400, "EvaluationAlreadyExists")
    SNAPSHOTS.check("create_evaluation with a used id", refused.wire)
    assert (await ask(clients.manage.delete_evaluation, "once")).wire.status == 204
    unknown = await ask(clients.manage.delete_evaluation, "once")
    assert (unknown.wire.status, unknown.error.code) == (404, "EvaluationNotFound")
    SNAPSHOTS.check("delete_evaluation of none", unknown.wire)
