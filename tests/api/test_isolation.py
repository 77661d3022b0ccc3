"""Loops of one deployment: whatever one of them is asked for, the others are not in it."""

from __future__ import annotations

import httpx
import pytest
from pydantic import JsonValue

from api.keys import KEY_HEADER
from api.operations import OPERATIONS, Operation
from api.options import Options
from api.training import train_every_loop
from loop.events import Micros, Observation, Ranked
from storage.event_log import BUCKET
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from storage.table_rows import DAY
from tests.api.conftest import KEYS, OTHER_KEYS
from tests.api.test_training import past_events

EVENT = "event-of-one"
BODIES: dict[str, JsonValue] = {
    "rank": {"eventId": EVENT, "actions": [{"id": "tea", "features": []}]},
    "reward": {"value": 1.0},
    "put_configuration": {
        "rewardWaitTime": "PT5S",
        "defaultReward": 0.5,
        "rewardAggregation": "sum",
        "explorationPercentage": 0.9,
        "modelExportFrequency": "PT5S",
        "logRetentionDays": 7,
    },
    "put_policy": {"name": "of-another", "arguments": "--cb_explore_adf --epsilon 0.5"},
}
"""What changes something, if it is let; the others get an empty object."""

Snapshot = tuple[dict[str, bytes], list[Ranked], list[Observation]]


async def snapshot(storage: LoopStorage) -> Snapshot:
    """All that a loop keeps."""
    blobs = {}
    async for entry in storage.blobs.list(""):
        blob = await storage.blobs.read(entry.name)
        assert blob is not None
        blobs[entry.name] = blob.data
    first = await storage.log.earliest()
    if first is None:
        return blobs, [], []
    start, end = Micros(first // BUCKET * BUCKET), Micros(first + 3 * DAY)
    decisions = [row async for _, rows in storage.log.decisions(start, end) for row in rows]
    observations = [row async for _, rows in storage.log.observations(start, end) for row in rows]
    return blobs, decisions, observations


async def send(
    client: httpx.AsyncClient, operation: Operation, keys: dict[str, str], root: str = ""
) -> httpx.Response:
    """Call an operation, about the event that both loops have where it is about one."""
    path = operation.template.replace("{eventId}", EVENT)
    return await client.request(
        operation.method,
        f"{root}/personalizer/v1.0/{path}",
        headers=keys,
        json=BODIES.get(operation.name, {}),
    )


@pytest.fixture
async def full(
    client: httpx.AsyncClient, storage: LoopStorage, options: StorageOptions
) -> Snapshot:
    """What the first loop keeps: events, settings, a joined log and a model."""
    await past_events(storage, 200)
    actions: JsonValue = [{"id": "latte-of-one", "features": [{"taste": "of-one"}]}]
    body = {"eventId": EVENT, "actions": actions}
    assert (await client.post("/personalizer/v1.0/rank", headers=KEYS, json=body)).is_success
    policy = {"name": "policy-of-one", "arguments": "--cb_explore_adf --epsilon 0.2"}
    path = "/personalizer/v1.0/configurations/policy"
    assert (await client.put(path, headers=KEYS, json=policy)).is_success
    # Two runs: the second one builds the model that the policy asks for.
    for _ in range(2):
        await train_every_loop(Options(trainer_grace=2.0), options)
    kept = await snapshot(storage)
    assert (await storage.manifest.read()).value.model is not None
    assert any(name.startswith("log/") for name in kept[0])
    assert len(kept[1]) == 201
    return kept


async def test_no_operation_of_one_loop_shows_or_changes_another(
    client: httpx.AsyncClient, full: Snapshot, storage: LoopStorage
) -> None:
    # GIVEN a loop full of data, and another one of the deployment
    model = (await client.get("/personalizer/v1.0/model", headers=KEYS)).content
    assert model
    # WHEN everything there is is asked of the other one
    for operation in OPERATIONS:
        answer = await send(client, operation, OTHER_KEYS)
        # THEN no answer holds anything of the first
        assert answer.status_code < 500, operation.name
        assert b"of-one" not in answer.content.replace(EVENT.encode(), b""), operation.name
        assert model not in answer.content, operation.name
    # AND the first has all it had
    assert await snapshot(storage) == full


async def test_no_operation_is_open_under_another_loop_s_name(
    client: httpx.AsyncClient, full: Snapshot, storage: LoopStorage, loop_name: str
) -> None:
    for operation in OPERATIONS:
        answer = await send(client, operation, OTHER_KEYS, root=f"/loops/{loop_name}")
        assert answer.status_code == 401, operation.name
    assert await snapshot(storage) == full


async def test_what_one_loop_is_told_reaches_no_other(
    client: httpx.AsyncClient,
    full: Snapshot,
    opened: Storage,
    options: StorageOptions,
    loop_name: str,
) -> None:
    # WHEN the first loop has learned and is asked for everything
    other = opened.loop(f"{loop_name}b")
    for operation in OPERATIONS:
        await send(client, operation, KEYS)
    await train_every_loop(Options(trainer_grace=2.0), options)
    # THEN the other one is as fresh as before
    assert await snapshot(other) == ({}, [], [])
    logs = await client.get("/personalizer/v1.0/logs/properties", headers=OTHER_KEYS)
    assert logs.json() == {"dateRange": {"from": None, "to": None}}
    ranked = await client.post(
        "/personalizer/v1.0/rank",
        headers={KEY_HEADER: "key-two-of-another-loop"},
        json={"actions": [{"id": "juice", "features": []}, {"id": "latte", "features": []}]},
    )
    assert [action["probability"] for action in ranked.json()["ranking"]] == [0.5, 0.5]
