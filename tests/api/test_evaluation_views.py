"""What the web page shows of evaluations, over HTTP."""

from __future__ import annotations

import httpx
import pytest

from api.views import EVALUATIONS
from evaluation.jobs import Origin, Result, Source, Status, evaluations
from loop.events import SECOND, Micros
from storage.factory import LoopStorage
from tests.api.conftest import KEYS
from tests.api.test_evaluations import keep
from tests.evaluation.results import MONDAY, evaluation, judged

VIEWS = "/personalizer/v1.0/views/evaluations"
RESULT = Result(
    policies=(
        judged("online", Source.ONLINE, top=[(1, 1, 1.0)], side=[(1, 1, 0.0)]),
        judged("mine", Source.CUSTOM, "--ccb_explore_adf", top=[(1, 2, 1.0)], side=[(1, 0, 0.0)]),
    )
)


async def view(client: httpx.AsyncClient, path: str = "", **query: str | int) -> httpx.Response:
    return await client.get(VIEWS + path, headers=KEYS, params=query)


async def test_they_need_a_key(client: httpx.AsyncClient) -> None:
    for path in ("", "/e1"):
        assert (await client.get(VIEWS + path)).status_code == 401


async def test_a_fresh_loop_has_none(client: httpx.AsyncClient, loop_name: str) -> None:
    found = (await view(client)).json()
    assert (found["loop"], found["decisions"], found["count"]) == (loop_name, 0, 0)
    assert (found["evaluations"], found["unfinished"]) == ([], 0)
    assert found["policy"]["name"] == "app1"
    assert found["autoOptimization"] == {
        "isEnabled": True,
        "hindrance": None,
        "frequency": "P28D",
        "startDate": None,
        "runningEvaluationId": None,
        "events": 0,
        "eventsNeeded": 1_000,
        "nextDue": None,
        "leastEvents": 1_000,
    }


async def test_they_are_listed_in_parts_and_by_type(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN more than a page of them, with long names and reasons; every tenth is the loop's own
    jobs = evaluations(storage.blobs)
    for number in range(EVALUATIONS + 10):
        made = evaluation(
            RESULT,
            id=f"an-id-of-some-length-{number}",
            name=f"{number} " + "n" * 250,
            origin=Origin.AUTO if number % 10 == 0 else Origin.MANUAL,
            description="d" * 500,
            optimal_policy="mine",
            created=Micros(MONDAY + number * SECOND),
            status=Status.RUNNING if number == 3 else Status.SUCCEEDED,
        )
        await jobs.create(made.id, made)
    # THEN the newest are there first, in an answer that is small
    answer = await view(client)
    assert len(answer.content) < 200_000
    first = answer.json()
    assert (first["count"], first["unfinished"]) == (EVALUATIONS + 10, 1)
    names = [each["name"].split()[0] for each in first["evaluations"]]
    assert names == [str(number) for number in range(EVALUATIONS + 9, 9, -1)]
    assert first["evaluations"][0]["best"]["name"] == "mine"
    # AND the others are behind them
    rest = (await view(client, skip=EVALUATIONS)).json()["evaluations"]
    assert [each["name"].split()[0] for each in rest] == [str(n) for n in range(9, -1, -1)]
    # AND the loop's own can be had alone
    own = (await view(client, type="auto")).json()
    assert (own["count"], own["unfinished"]) == (6, 1)
    assert {each["evaluationType"] for each in own["evaluations"]} == {"Auto"}
    # BUT there are no other types
    refused = await view(client, type="Other")
    assert (refused.status_code, refused.json()["error"]["target"]) == (400, "type")


async def test_one_is_shown_with_its_policies(
    client: httpx.AsyncClient, storage: LoopStorage, loop_name: str
) -> None:
    await keep(storage, evaluation(RESULT, optimal_policy="mine"), RESULT)
    # WHEN it is asked for, and in the form of the 2022 preview
    found = (await view(client, "/e1")).json()
    said = await client.get(
        "/personalizer/evaluations/e1", headers=KEYS, params={"api-version": "2022-09-01-preview"}
    )
    # THEN both say the same
    assert (found["loop"], found["evaluation"]["status"], found["slot"]) == (
        loop_name,
        "Succeeded",
        None,
    )
    values = {
        (each["name"], each.get("slotId")): each["summary"]["expectedReward"]
        for each in said.json()["content"]["value"]
    }
    assert {(p["name"], None): p["expectedReward"] for p in found["policies"]} == {
        place: value for place, value in values.items() if place[1] is None
    }
    # AND so they do of a slot
    side = (await view(client, "/e1", slot="side")).json()
    assert side["slot"] == "side"
    assert [p["expectedReward"] for p in side["policies"]] == [
        values["online", "side"],
        values["mine", "side"],
    ]


@pytest.mark.parametrize(
    ("path", "query", "code"), [("/none", {}, 404), ("/e1", {"slot": "x"}, 400)]
)
async def test_what_is_not_there_is_refused(
    client: httpx.AsyncClient, storage: LoopStorage, path: str, query: dict[str, str], code: int
) -> None:
    await keep(storage, evaluation(RESULT), RESULT)
    assert (await view(client, path, **query)).status_code == code
