"""Evaluations over HTTP, in every generation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import zstandard

from api.calls import Generation
from evaluation import management
from evaluation.jobs import Evaluation, Origin, Result, Source, Status, evaluations
from loop.configuration import ServiceConfiguration
from loop.events import LoopKind, Micros
from loop.features import JsonObject, JsonValue
from loop.joined import JoinedEvent
from loop.segments import JOINED_LOG
from loop.settings import Policy
from storage.factory import LoopStorage
from tests.api.conftest import KEYS, OTHER_KEYS, put_multi_slot
from tests.evaluation.results import evaluation, judged
from tests.trainer.scene import decision

V1 = "/personalizer/v1.0/evaluations"
V1_1 = "/personalizer/v1.1-preview.3/evaluations"
V2022 = "/personalizer/evaluations"
QUERY = {"api-version": "2022-09-01-preview"}
PATHS: tuple[tuple[str, dict[str, str], Generation], ...] = (
    (V1, {}, Generation.V1_0),
    (V1_1, {}, Generation.V1_1),
    (V2022, QUERY, Generation.V2022),
)
EVERY = pytest.mark.parametrize(("path", "query", "generation"), PATHS)

# The hour of the events that ``logged`` writes.
CONTRACT: JsonObject = {
    "name": "first",
    "startTime": "2023-11-14T22:00:00Z",
    "endTime": "2023-11-14T23:00:00Z",
    "policies": [{"name": "mine", "arguments": "--cb_explore_adf --epsilon 0.1 -q FT"}],
}
ARGUMENTS = "--cb_explore_adf --cb_type mtr"
RESULT = Result(
    policies=(
        judged("online", Source.ONLINE, only=[(1, 1, 1.0), (62, 1, 0.0)]),
        judged("mine", Source.CUSTOM, ARGUMENTS, only=[(1, 2, 1.0), (62, 0, 0.0)]),
    ),
    feature_importance=(("time",),),
)


@pytest.fixture
async def logged(storage: LoopStorage) -> LoopStorage:
    """The loop with an event in its joined log, at 22:13:20 on 14 November 2023."""
    event = JoinedEvent.of(decision("e", 0), (), ServiceConfiguration())
    name = JOINED_LOG.name(event.decision.time, 0)
    await storage.blobs.write(name, zstandard.compress(event.line() + b"\n"))
    return storage


async def keep(storage: LoopStorage, made: Evaluation, result: Result | None = None) -> None:
    """Write down an evaluation as its job leaves it."""
    jobs = evaluations(storage.blobs)
    if result is not None:
        name = f"{jobs.folder(made.id)}result.json"
        await storage.blobs.write(name, result.model_dump_json().encode())
        made = made.model_copy(update={"result": name})
    await jobs.create(made.id, made)


def changed(**changes: JsonValue) -> JsonObject:
    return {**CONTRACT, **changes}


def code(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    return answer.status_code, error["code"], error.get("target")


async def create(
    client: httpx.AsyncClient, body: JsonValue, keys: Mapping[str, str] = KEYS
) -> httpx.Response:
    return await client.post(V1, headers=keys, json=body)


# Create


@EVERY
async def test_an_evaluation_is_asked_for(
    client: httpx.AsyncClient,
    logged: LoopStorage,
    path: str,
    query: dict[str, str],
    generation: Generation,
) -> None:
    # WHEN an evaluation is posted
    body = changed(enableOfflineExperimentation=True)
    answer = await client.post(path, headers=KEYS, params=query, json=body)
    # THEN it waits
    assert answer.status_code == 201
    made = answer.json()
    waiting = "NotSubmitted" if generation is Generation.V2022 else "pending"
    assert (made["status"], made["name"], made["progress"]) == (waiting, "first", 0)
    assert made["startTime"] == CONTRACT["startTime"]
    assert made["endTime"] == CONTRACT["endTime"]
    assert made["evaluationType"] == "Manual"
    # AND it is found where the answer says
    location = answer.headers["location"]
    assert urlsplit(location).netloc == "test"
    assert urlsplit(location).path == f"{path}/{made['id']}"
    found = await client.get(location, headers=KEYS)
    assert (found.status_code, found.json()) == (200, made)
    # AND is kept with all that its job needs
    kept = await evaluations(logged.blobs).read(made["id"])
    assert kept is not None
    assert kept.value.status is Status.WAITING
    assert kept.value.optimises
    assert kept.value.kind is LoopKind.SINGLE_SLOT
    assert kept.value.exploration == 0.2
    assert [policy.name for policy in kept.value.policies] == ["mine"]


@EVERY
async def test_an_evaluation_may_have_an_id_of_its_owner_s(
    client: httpx.AsyncClient,
    logged: LoopStorage,
    path: str,
    query: dict[str, str],
    generation: Generation,
) -> None:
    # WHEN an evaluation is put under an id
    url = f"{path}/My%20first%20%E2%98%95"
    body = changed(enablePolicyOptimization=True)
    answer = await client.put(url, headers=KEYS, params=query, json=body)
    # THEN it is found under that
    assert answer.status_code == 200
    found = (await client.get(url, headers=KEYS, params=query)).json()
    assert found == answer.json()
    assert found["id"] == "My first ☕"
    # AND there is no other one of it
    again = await client.put(url, headers=KEYS, params=query, json=CONTRACT)
    assert code(again) == (400, "EvaluationAlreadyExists", "evaluationId")
    assert (await client.get(url, headers=KEYS, params=query)).json() == found


async def test_of_two_that_want_one_id_one_gets_it(
    client: httpx.AsyncClient, logged: LoopStorage
) -> None:
    asked = [client.put(f"{V1}/one", headers=KEYS, json=CONTRACT) for _ in range(4)]
    answers = await asyncio.gather(*asked)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 400, 400, 400]


@pytest.mark.parametrize(
    ("body", "expected", "target"),
    [
        ({}, "InvalidEvaluationContract", "name"),
        ([], "InvalidEvaluationContract", None),
        (changed(name="n" * 257), "InvalidEvaluationContract", "name"),
        (changed(startTime="soon"), "InvalidEvaluationContract", "startTime"),
        (changed(endTime="2023-11-14T22:00:00Z"), "InvalidEvaluationContract", "endTime"),
        (changed(endTime="2022-11-14"), "InvalidEvaluationContract", "endTime"),
        (
            changed(policies=[{"name": str(n), "arguments": ARGUMENTS} for n in range(11)]),
            "InvalidEvaluationContract",
            "policies",
        ),
        (
            changed(policies=[{"name": "a", "arguments": ARGUMENTS}] * 2),
            "DuplicateCustomPolicyNames",
            "policies[1].name",
        ),
        (
            changed(policies=[{"name": "online", "arguments": ARGUMENTS}]),
            "DuplicateCustomPolicyNames",
            "policies[0].name",
        ),
        (
            changed(policies=[{"name": "a", "arguments": "--cb_explore_adf --data x"}]),
            "InvalidPolicyConfiguration",
            "policies[0].arguments",
        ),
        (
            changed(policies=[{"name": "a", "arguments": "--ccb_explore_adf"}]),
            "InvalidPolicyConfiguration",
            "policies[0].arguments",
        ),
        (changed(endTime="2023-11-14T22:13:00Z"), "NoLogsExistInDateRange", "startTime"),
        (changed(startTime="2023-11-14T22:13:21Z"), "NoLogsExistInDateRange", "startTime"),
    ],
)
async def test_what_can_not_be_evaluated_is_a_400(
    client: httpx.AsyncClient,
    logged: LoopStorage,
    body: JsonValue,
    expected: str,
    target: str | None,
) -> None:
    for path, query, _ in PATHS:
        posted = await client.post(path, headers=KEYS, params=query, json=body)
        put = await client.put(f"{path}/mine", headers=KEYS, params=query, json=body)
        assert code(posted) == code(put) == (400, expected, target)
    # AND nothing is kept of it
    assert (await client.get(V1, headers=KEYS)).json() == []


async def test_a_range_of_a_second_is_enough(
    client: httpx.AsyncClient, logged: LoopStorage
) -> None:
    second = changed(startTime="2023-11-14T22:13:20Z", endTime="2023-11-14T22:13:21Z")
    assert (await create(client, second)).status_code == 201


async def test_a_log_without_events_is_named_with_its_range(client: httpx.AsyncClient) -> None:
    answer = await create(client, CONTRACT)
    assert code(answer) == (400, "NoLogsExistInDateRange", "startTime")
    message = answer.json()["error"]["message"]
    assert "2023-11-14T22:00:00Z to before 2023-11-14T23:00:00Z" in message
    assert "reward wait time" in message


@pytest.mark.parametrize("evaluation_id", ["x" * 257, "a%2Fb", "a%5Cb", "a%0Ab"])
async def test_ids_that_no_path_can_hold(client: httpx.AsyncClient, evaluation_id: str) -> None:
    answer = await client.put(f"{V1}/{evaluation_id}", headers=KEYS, json=CONTRACT)
    assert code(answer) == (400, "InvalidEvaluationContract", "evaluationId")


async def test_policies_are_those_of_the_loop_s_kind(
    client: httpx.AsyncClient, logged: LoopStorage
) -> None:
    pages: JsonObject = {"name": "pages", "arguments": "--ccb_explore_adf --epsilon 0.1"}
    await put_multi_slot(client, KEYS, pages)
    assert code(await create(client, CONTRACT))[1] == "InvalidPolicyConfiguration"
    answer = await create(client, changed(policies=[pages]))
    assert answer.status_code == 201
    kept = await evaluations(logged.blobs).read(answer.json()["id"])
    assert kept is not None
    assert kept.value.kind is LoopKind.MULTI_SLOT
    assert kept.value.policies == (Policy(name="pages", arguments=str(pages["arguments"])),)


async def test_only_so_many_wait(
    client: httpx.AsyncClient, logged: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN as many evaluations as may wait, one that the loop has asked for, and one that is done
    monkeypatch.setattr(management, "MOST_UNFINISHED", 2)
    await keep(logged, evaluation(id="auto", origin=Origin.AUTO))
    await keep(logged, evaluation(id="done", status=Status.SUCCEEDED))
    for _ in range(2):
        assert (await create(client, CONTRACT)).status_code == 201
    # WHEN another one is asked for THEN it is refused, with what to do
    answer = await create(client, CONTRACT)
    assert code(answer) == (409, "OperationNotAllowed", None)
    assert "delete" in answer.json()["error"]["message"]
    # UNTIL one of them is gone
    waiting = [one["id"] for one in (await client.get(V1, headers=KEYS)).json()]
    waiting = [one for one in waiting if one not in ("auto", "done")]
    await client.delete(f"{V1}/{waiting[0]}", headers=KEYS)
    assert (await create(client, CONTRACT)).status_code == 201


async def test_only_so_many_are_kept(
    client: httpx.AsyncClient, logged: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(management, "MOST_KEPT", 2)
    await keep(logged, evaluation(id="auto", origin=Origin.AUTO, status=Status.SUCCEEDED))
    assert (await create(client, CONTRACT)).status_code == 201
    answer = await create(client, CONTRACT)
    assert code(answer) == (409, "OperationNotAllowed", None)
    assert "There are 2 evaluations" in answer.json()["error"]["message"]


# Get


@EVERY
async def test_what_was_found_is_read(
    client: httpx.AsyncClient,
    storage: LoopStorage,
    path: str,
    query: dict[str, str],
    generation: Generation,
) -> None:
    # GIVEN an evaluation that is done
    done = evaluation(RESULT, optimal_policy="mine", description="mine is best.")
    await keep(storage, done, RESULT)
    # WHEN it is read
    answer = await client.get(f"{path}/e1", headers=KEYS, params=query)
    # THEN it is said in the generation's own words
    assert answer.status_code == 200
    found = answer.json()
    assert (found["optimalPolicy"], found["description"]) == ("mine", "mine is best.")
    assert found["progress"] == 1
    if generation is Generation.V2022:
        assert found["status"] == "Succeeded"
        online, mine = found["content"]["value"]
        assert found["content"]["intervalInMinutes"] == 5
        assert online["summary"]["expectedReward"] == 0.5
        assert len(mine["timeseries"]["data"]) == 2
        assert mine["arguments"] == ARGUMENTS
    else:
        assert found["status"] == "completed"
        online, mine = found["policyResults"]
        assert found["featureImportance"] == [["time"]]
        assert online["totalSummary"]["averageReward"] == 0.5
        assert len(online["summary"]) == len(mine["summary"]) == 13
        assert mine["policySource"] == "Custom"


@EVERY
async def test_what_is_not_there_is_a_404(
    client: httpx.AsyncClient, path: str, query: dict[str, str], generation: Generation
) -> None:
    for method in ("GET", "DELETE"):
        answer = await client.request(method, f"{path}/none", headers=KEYS, params=query)
        assert code(answer) == (404, "EvaluationNotFound", "evaluationId")


async def test_a_time_series_is_asked_for(client: httpx.AsyncClient, storage: LoopStorage) -> None:
    await keep(storage, evaluation(RESULT), RESULT)

    async def points(**asked: str) -> list[str]:
        answer = await client.get(f"{V2022}/e1", headers=KEYS, params={**QUERY, **asked})
        assert answer.status_code == 200
        [online, _] = answer.json()["content"]["value"]
        return [point["timeStamp"][11:16] for point in online["timeseries"]["data"]]

    assert await points() == await points(window="expanding") == ["00:00", "01:00"]
    hourly = {"window": "Rolling", "intervalInMinutes": "60"}
    assert await points(**hourly) == ["00:00", "01:00"]
    assert await points(**hourly, endTime="2024-01-15T00:30:00Z") == ["00:00"]
    assert await points(startTime="2024-01-15T00:30:00Z", endTime="2024-02-01") == ["01:00"]
    assert await points(startTime="2024-01-15T02:30:00+02:00") == ["01:00"]


@pytest.mark.parametrize(
    ("query", "expected", "target"),
    [
        ({"intervalInMinutes": "7"}, "BadRequest", "intervalInMinutes"),
        ({"intervalInMinutes": "-5"}, "BadRequest", "intervalInMinutes"),
        ({"intervalInMinutes": "five"}, "BadRequest", "intervalInMinutes"),
        ({"intervalInMinutes": "60"}, "BadRequest", "window"),
        ({"intervalInMinutes": "5", "window": "Rolling"}, "BadRequest", "window"),
        ({"window": "Sliding"}, "BadRequest", "window"),
        ({"startTime": "soon"}, "InvalidStartDateEndDate", "startTime"),
        ({"endTime": "2024"}, "InvalidStartDateEndDate", "endTime"),
        (
            {"startTime": "2024-01-02", "endTime": "2024-01-02"},
            "InvalidStartDateEndDate",
            "startTime",
        ),
    ],
)
async def test_what_no_time_series_can_be_is_a_400(
    client: httpx.AsyncClient,
    storage: LoopStorage,
    query: dict[str, str],
    expected: str,
    target: str,
) -> None:
    await keep(storage, evaluation(RESULT), RESULT)
    answer = await client.get(f"{V2022}/e1", headers=KEYS, params={**QUERY, **query})
    assert code(answer) == (400, expected, target)
    # v1 has no such parameters.
    assert (await client.get(f"{V1}/e1", headers=KEYS, params=query)).status_code == 200


async def test_one_that_is_deleted_while_it_is_read_is_a_404(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN an evaluation whose result is gone already
    await keep(storage, evaluation(RESULT))
    assert code(await client.get(f"{V1}/e1", headers=KEYS))[:2] == (404, "EvaluationNotFound")


# List


async def many(storage: LoopStorage, count: int) -> list[str]:
    """Evaluations of a minute each, every third of them the loop's own; ids, newest first."""
    names = [f"e{number}" for number in range(count)]
    for number, name in enumerate(names):
        made = evaluation(
            id=name,
            name=f"it's {number}",
            created=Micros(number),
            origin=Origin.AUTO if number % 3 == 0 else Origin.MANUAL,
        )
        await keep(storage, made)
    return names[::-1]


async def test_a_list_is_a_bare_array_in_v1(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    assert (await client.get(V1, headers=KEYS)).content == b"[]"
    names = await many(storage, 5)
    await keep(storage, evaluation(RESULT, id="done", created=Micros(99)), RESULT)
    for path in (V1, V1_1):
        answer = await client.get(path, headers=KEYS)
        assert answer.status_code == 200
        assert [one["id"] for one in answer.json()] == ["done", *names]
        done = answer.json()[0]
        assert [one["summary"] for one in done["policyResults"]] == [[], []]
        assert done["policyResults"][0]["totalSummary"]["averageReward"] == 0.5


async def pages(client: httpx.AsyncClient, **query: str) -> list[list[str]]:
    """The ids of each page, following the links."""
    url, asked = V2022, {**QUERY, **query}
    found = []
    while url:
        answer = await client.get(url, headers=KEYS, params=asked or None)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found.append([one["id"] for one in page["value"]])
        assert all("content" not in one for one in page["value"])
        url, asked = page.get("nextLink", ""), {}
        if url:
            assert parse_qs(urlsplit(url).query)["api-version"] == [QUERY["api-version"]]
    return found


async def test_a_list_comes_in_pages_in_2022(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    assert (await client.get(V2022, headers=KEYS, params=QUERY)).json() == {"value": []}
    names = await many(storage, 7)
    assert await pages(client) == [names]
    assert await pages(client, maxpagesize="3") == [names[:3], names[3:6], names[6:]]
    assert await pages(client, maxpagesize="7") == [names]
    assert await pages(client, maxpagesize="2", skip="4") == [names[4:6], names[6:]]
    assert await pages(client, maxpagesize="2", top="3") == [names[:2], names[2:3]]
    assert await pages(client, top="4", skip="5") == [names[5:]]
    assert await pages(client, top="2147483647", skip="9") == [[]]
    assert await pages(client, top="0") == [[]]


async def test_a_list_is_filtered_in_2022(client: httpx.AsyncClient, storage: LoopStorage) -> None:
    await many(storage, 7)
    manual = ["e5", "e4", "e2", "e1"]
    assert await pages(client, filter="evaluationType eq 'Manual'") == [manual]
    assert await pages(client, filter="metadata=evaluationType eq 'Manual'") == [manual]
    assert await pages(client, filter="evaluationType ne 'Manual'") == [["e6", "e3", "e0"]]
    assert await pages(client, filter="name eq 'it''s 4'") == [["e4"]]
    assert await pages(client, filter="status eq 'NotSubmitted' and id ne 'e6'", top="1") == [
        ["e5"]
    ]
    # The filter holds for the pages that follow.
    assert await pages(client, filter="evaluationType eq 'Manual'", maxpagesize="3") == [
        manual[:3],
        manual[3:],
    ]


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({"filter": "evaluationType"}, "filter"),
        ({"filter": "colour eq 'red'"}, "filter"),
        ({"filter": "name eq 'a' or name eq 'b'"}, "filter"),
        ({"filter": "name eq 'a' and "}, "filter"),
        ({"filter": "name eq 'a"}, "filter"),
        ({"filter": " and ".join(["name eq 'a'"] * 11)}, "filter"),
        ({"top": "-1"}, "top"),
        ({"skip": "few"}, "skip"),
        ({"maxpagesize": "0"}, "maxpagesize"),
        ({"maxpagesize": "99999999999"}, "maxpagesize"),
    ],
)
async def test_what_can_not_be_listed_is_a_400(
    client: httpx.AsyncClient, query: dict[str, str], target: str
) -> None:
    answer = await client.get(V2022, headers=KEYS, params={**QUERY, **query})
    assert code(answer) == (400, "BadRequest", target)
    assert (await client.get(V1, headers=KEYS, params=query)).status_code == 200


# Delete


@EVERY
async def test_an_evaluation_is_deleted_with_all_that_is_its_own(
    client: httpx.AsyncClient,
    storage: LoopStorage,
    path: str,
    query: dict[str, str],
    generation: Generation,
) -> None:
    await keep(storage, evaluation(RESULT), RESULT)
    await keep(storage, evaluation(id="running", status=Status.RUNNING))
    folder = evaluations(storage.blobs).folder("e1")
    for name in ("e1", "running"):
        answer = await client.delete(f"{path}/{name}", headers=KEYS, params=query)
        assert (answer.status_code, answer.content) == (204, b"")
        # Gone is gone: a second call is told so.
        again = await client.delete(f"{path}/{name}", headers=KEYS, params=query)
        assert code(again)[:2] == (404, "EvaluationNotFound")
    assert [entry.name async for entry in storage.blobs.list(folder)] == []
    assert (await client.get(V1, headers=KEYS)).json() == []


async def test_loops_have_evaluations_of_their_own(
    client: httpx.AsyncClient, logged: LoopStorage
) -> None:
    made = (await create(client, CONTRACT)).json()
    assert (await client.get(V1, headers=OTHER_KEYS)).json() == []
    url = f"{V1}/{made['id']}"
    assert (await client.get(url, headers=OTHER_KEYS)).status_code == 404
    assert (await client.delete(url, headers=OTHER_KEYS)).status_code == 404
    assert (await client.get(url, headers=KEYS)).status_code == 200
    # The other one has no log, either.
    assert code(await create(client, CONTRACT, OTHER_KEYS))[1] == "NoLogsExistInDateRange"


async def test_an_address_with_the_loop_in_it_is_kept(
    client: httpx.AsyncClient, logged: LoopStorage, loop_name: str
) -> None:
    path = f"/loops/{loop_name}{V1}"
    answer = await client.post(path, headers=KEYS, json=CONTRACT)
    location = answer.headers["location"]
    assert location == f"http://test{path}/{answer.json()['id']}"
    assert (await client.get(location, headers=KEYS)).status_code == 200
