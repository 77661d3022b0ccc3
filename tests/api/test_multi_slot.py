"""Multi-slot calls over HTTP: a whole page, and calls of the wrong kind."""

from __future__ import annotations

import httpx
import pytest

from loop.events import (
    SECOND,
    Activation,
    Micros,
    MultiSlotDecision,
    Observation,
    Ranked,
    SlotRewards,
)
from loop.features import JsonObject
from storage.event_log import BUCKET
from storage.factory import LoopStorage
from tests.api.conftest import KEYS, put_multi_slot

V1_1 = "/personalizer/v1.1-preview.3"
MULTI_SLOT: JsonObject = {"name": "page", "arguments": "--ccb_explore_adf --epsilon 0.2 -q ::"}
SINGLE_SLOT = {"name": "one", "arguments": "--cb_explore_adf --epsilon 0.2 -q ::"}
PAGE = {
    "eventId": "e1",
    "actions": [{"id": name, "features": []} for name in "abc"],
    "slots": [
        {"id": "top", "features": [{"size": "big"}], "baselineAction": "a"},
        {"id": "side", "excludedActions": ["c"], "baselineAction": "b"},
    ],
    "deferActivation": True,
}
RANK = {"actions": PAGE["actions"]}
REWARDS = {"reward": [{"slotId": "top", "value": 1.0}]}


async def rows(storage: LoopStorage) -> tuple[list[Ranked], list[Observation]]:
    first = await storage.log.earliest()
    if first is None:
        return [], []
    start, end = Micros(first // BUCKET * BUCKET), Micros(first + 3 * 86_400 * SECOND)
    end = Micros(end // BUCKET * BUCKET)
    decisions = [row async for _, found in storage.log.decisions(start, end) for row in found]
    observations = [row async for _, found in storage.log.observations(start, end) for row in found]
    return decisions, observations


def code(answer: httpx.Response) -> str:
    error: str = answer.json()["error"]["code"]
    assert answer.headers["x-ms-error-code"] == error
    return error


@pytest.mark.parametrize(
    ("prefix", "query"),
    [
        ("/personalizer/v1.0", ""),
        ("/personalizer/v1.1-preview.1", ""),
        ("/personalizer/v1.1-preview.2", ""),
        (V1_1, ""),
        ("/personalizer", "?api-version=2022-09-01-preview"),
        ("/personalizer//v1.1-preview.1/", ""),
    ],
)
async def test_every_generation_answers_for_pages(
    client: httpx.AsyncClient, storage: LoopStorage, prefix: str, query: str
) -> None:
    # GIVEN a loop that was made multi-slot
    await put_multi_slot(client, KEYS, MULTI_SLOT)
    # WHEN a page is ranked, rewarded and activated
    ranked = await client.post(f"{prefix}/multislot/rank{query}", headers=KEYS, json=PAGE)
    events = f"{prefix}/multislot/events/e1"
    rewarded = await client.post(f"{events}/reward{query}", headers=KEYS, json=REWARDS)
    activated = await client.post(f"{events}/activate{query}", headers=KEYS)
    # THEN each is answered as it should, and is in the log
    assert (ranked.status_code, rewarded.status_code, activated.status_code) == (201, 204, 204)
    answer = ranked.json()
    assert list(answer) == ["slots", "eventId"]
    assert [list(slot) for slot in answer["slots"]] == [["id", "rewardActionId"]] * 2
    assert [slot["id"] for slot in answer["slots"]] == ["top", "side"]
    [decision], observations = await rows(storage)
    assert isinstance(decision, MultiSlotDecision)
    assert (decision.event_id, decision.deferred) == ("e1", True)
    given = ["abc"[slot.ranking[0]] for slot in decision.slots]
    assert [slot["rewardActionId"] for slot in answer["slots"]] == given
    assert [type(row) for row in observations] == [SlotRewards, Activation]


async def test_a_call_of_the_wrong_kind_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    async def asked(path: str, body: object = None) -> str | int:
        answer = await client.post(f"{V1_1}/{path}", headers=KEYS, json=body)
        return code(answer) if answer.status_code == 400 else answer.status_code

    # GIVEN a single-slot loop
    of_slots: list[tuple[str, object]] = [
        ("multislot/rank", PAGE),
        ("multislot/events/e1/reward", REWARDS),
        ("multislot/events/e1/activate", None),
    ]
    for path, body in of_slots:
        assert await asked(path, body) == "InvalidMultiSlotApiAccess"
    # WHEN it is made multi-slot
    await put_multi_slot(client, KEYS, MULTI_SLOT)
    # THEN it is the other way round, at once
    of_one: list[tuple[str, object]] = [
        ("rank", RANK),
        ("events/e1/reward", {"value": 1}),
        ("events/e1/activate", None),
    ]
    for path, body in of_one:
        assert await asked(path, body) == "InvalidApiAccess"
    assert await rows(storage) == ([], [])
    assert await asked("multislot/rank", PAGE) == 201
    # AND back again
    await client.put(f"{V1_1}/configurations/policy", headers=KEYS, json=SINGLE_SLOT)
    assert await asked("rank", RANK) == 201


async def test_a_page_that_breaks_a_rule_names_its_place(client: httpx.AsyncClient) -> None:
    await put_multi_slot(client, KEYS, MULTI_SLOT)
    slots = [{"id": "top", "baselineAction": "a"}, {"id": "side", "baselineAction": "x"}]
    answer = await client.post(
        f"{V1_1}/multislot/rank", headers=KEYS, json={**PAGE, "slots": slots}
    )
    assert (answer.status_code, code(answer)) == (400, "InvalidRankRequest")
    assert answer.json()["error"]["target"] == "slots[1].baselineAction"
    answer = await client.post(
        f"{V1_1}/multislot/events/e1/reward", headers=KEYS, json={"reward": [{"slotId": "a"}]}
    )
    assert (answer.status_code, code(answer)) == (400, "InvalidRewardRequest")
    assert answer.json()["error"]["target"] == "reward[0].value"


async def test_auto_optimization_and_slots_exclude_each_other(client: httpx.AsyncClient) -> None:
    path = f"{V1_1}/configurations"
    configuration = (await client.get(f"{path}/service", headers=KEYS)).json()
    optimising = {**configuration, "isAutoOptimizationEnabled": True}
    await client.put(f"{path}/service", headers=KEYS, json=optimising)
    refused = await client.put(f"{path}/policy", headers=KEYS, json=MULTI_SLOT)
    assert code(refused) == "ProblemTypeIncompatibleWithAutoOptimization"
