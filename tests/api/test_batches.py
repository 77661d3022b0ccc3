"""Batches of local-inference clients over HTTP, into real storage and through the trainer."""

from __future__ import annotations

from dataclasses import replace

import httpx
import orjson
import pytest

from api.deployment import now
from api.options import Options
from loop.batched_decisions import read_interactions
from loop.events import SECOND, Activation, Decision, LearningMode, Micros, Reward
from loop.features import JsonObject, JsonValue, tree_of
from loop.model import Model
from loop.multi_slot_model import AskedSlot, MultiSlotModel
from loop.vw_lines import vw_lines
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, NOWHERE, OTHER_KEYS, Serve, put_multi_slot
from tests.api.test_service import PATHS, code, logged
from tests.batches import (
    APPRENTICE,
    CCB,
    DEDUP_INFO,
    OUTCOME,
    Event,
    Slot,
    cb,
    ccb,
    dedup_info,
    interactions,
    message,
    observations,
    outcome,
)
from trainer.limits import Limits
from trainer.run import train

INTERACTIONS = "/personalizer/v1.1-preview.2/logs/interactions"
OBSERVATIONS = "/personalizer/v1.1-preview.3/logs/observations"
HEADERS = {**KEYS, "Content-Type": "application/octet-stream"}


async def post(client: httpx.AsyncClient, path: str, body: bytes) -> httpx.Response:
    return await client.post(path, headers=HEADERS, content=body)


@pytest.mark.parametrize("form", PATHS)
async def test_every_form_of_address_takes_batches(
    form: str, client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # WHEN a client sends what it has decided, and what came of it
    before = now()
    decided = await post(client, form.format("logs/interactions"), interactions("e 1", "e/2"))
    seen = await post(client, form.format("logs/observations"), observations(e1=0.5))
    # THEN both are taken, and the log holds them at the time of their arrival
    assert [(a.status_code, a.content) for a in (decided, seen)] == [(204, b"")] * 2
    decisions, rewards = await logged(storage)
    assert {d.event_id for d in decisions} == {"e 1", "e/2"}
    assert [(o.event_id, o.value) for o in rewards if isinstance(o, Reward)] == [("e1", 0.5)]
    assert all(before <= row.time <= now() for row in (*decisions, *rewards))


async def test_a_batch_sent_again_is_the_same_batch(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN batches whose answers were lost
    decided = interactions("e1", "e2")
    seen = message([Event(outcome(1.0), id="e1", type=OUTCOME)] * 2)
    # WHEN they are sent three times
    for _ in range(3):
        assert (await post(client, INTERACTIONS, decided)).status_code == 204
        assert (await post(client, OBSERVATIONS, seen)).status_code == 204
    # THEN they are learned as once, whichever bucket of the log they came to lie in
    await train_all(storage)
    counts = (await storage.manifest.read()).value.counts
    assert (counts.learned, counts.rewards, counts.joined) == (2, 2, 2)


async def test_batches_are_joined_and_learned(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN two hundred decisions in batches that share their actions and are compressed, one of
    # them deferred and one an apprentice's; whoever had the second action was pleased
    shared = {7: '{"TAction":{"a1":"f1"}}', 2**40: '{"TAction":{"a2":"f2"}}'}
    context: JsonValue = {"GUser": {"id": "a"}, "_multi": [{"__aid": 7}, {"__aid": 2**40}]}
    events = [Event(dedup_info(shared), type=DEDUP_INFO, compressed=True)]
    outcomes = [Event(dedup_info({}), type=DEDUP_INFO, compressed=True)]
    for index in range(200):
        second = index % 2 == 1
        payload = cb(context, (2, 1) if second else (1, 2), (0.5, 0.5), deferred=index == 0)
        events.append(Event(payload, id=f"e{index}", compressed=True))
        reward = outcome(1.0 if second else 0.0)
        outcomes.append(Event(reward, id=f"e{index}", type=OUTCOME, compressed=True))
    events.append(Event(cb(context, (2, 1), mode=APPRENTICE), id="apprentice"))
    outcomes.append(Event(outcome(action_taken=True), id="e0", type=OUTCOME))
    # WHEN they come, and their wait is over
    assert (await post(client, OBSERVATIONS, message(outcomes))).status_code == 204
    assert (await post(client, INTERACTIONS, message(events, "DEDUP"))).status_code == 204
    decisions, rewards = await logged(storage)
    await train_all(storage)
    # THEN all of them are learned, each with what came of it
    assert len(decisions) == 201
    assert sum(isinstance(o, Activation) for o in rewards) == 1
    manifest = (await storage.manifest.read()).value
    counts = manifest.counts
    assert (counts.decisions, counts.learned, counts.defaulted) == (201, 201, 1)
    assert (counts.rewards, counts.joined, counts.activated) == (200, 200, 1)
    # AND the model has understood
    assert manifest.model
    data = await storage.blobs.read(manifest.model.blob)
    assert data
    with Model(manifest.model.arguments, data.data) as model:
        (first, *_) = [d for d in decisions if isinstance(d, Decision)]
        assert model.decide(vw_lines(tree_of(first.features))).ranking == (1, 0)
    modes = [d.mode for d in decisions if d.event_id == "apprentice"]
    assert modes == [LearningMode.APPRENTICE]


async def test_pages_are_joined_and_learned(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN a multi-slot loop, and pages whose visitors liked the third action on top, whatever
    # stood at the side; one of them says so for a slot that is not there
    policy: JsonObject = {"name": "pages", "arguments": "--ccb_explore_adf --epsilon 0.2"}
    await put_multi_slot(client, KEYS, policy)
    events, outcomes = [], []
    for index in range(100):
        top = Slot((2, 1), (0.5, 0.5), "top") if index % 2 else Slot((1, 2), (0.5, 0.5), "top")
        events.append(Event(ccb(slots=[top, Slot((0,), (1.0,), "side")]), id=f"e{index}", type=CCB))
        reward = outcome(float(index % 2), index="top")
        outcomes.append(Event(reward, id=f"e{index}", type=OUTCOME))
    outcomes.append(Event(outcome(1.0, index="bottom"), id="e0", type=OUTCOME))
    # WHEN they come in batches, and their wait is over
    assert (await post(client, INTERACTIONS, message(events))).status_code == 204
    assert (await post(client, OBSERVATIONS, message(outcomes))).status_code == 204
    await train_all(storage)
    # THEN they are learned
    manifest = (await storage.manifest.read()).value
    counts = manifest.counts
    assert (counts.learned, counts.joined, counts.slotless) == (100, 101, 1)
    assert manifest.model
    data = await storage.blobs.read(manifest.model.blob)
    assert data
    with MultiSlotModel(manifest.model.arguments, data.data) as model:
        (page,) = read_interactions(message(events[:1]), now())
        lines = vw_lines(tree_of(page.features))
        (scores, _) = model.decide(lines, [AskedSlot((1, 2), "0"), AskedSlot((0,), "1")])
    assert dict(zip(scores.ranking, scores.probabilities, strict=True))[2] == pytest.approx(0.9)


async def train_all(storage: LoopStorage) -> None:
    """As the trainer does when everything that is in the log has been waited for."""
    later = Micros(now() + 3_600 * SECOND)
    await train(storage, lambda: later, Limits(grace_seconds=2.0))


async def test_what_is_wrong_with_a_batch_is_told(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    body = message([Event(cb()), Event(cb(action_ids=[1, 1]))])
    answer = await post(client, INTERACTIONS, body)
    assert answer.status_code == 400
    assert code(answer) == "InvalidRequest"
    assert answer.json()["error"]["target"] == "events[1].payload.action_ids"
    assert await logged(storage) == ([], [])


async def test_json_is_no_batch(client: httpx.AsyncClient) -> None:
    for path in (INTERACTIONS, OBSERVATIONS):
        for body in (b"", orjson.dumps({"events": []})):
            answer = await post(client, path, body)
            assert (answer.status_code, code(answer)) == (400, "InvalidRequest")
            assert answer.json()["error"]["target"] == "preamble"


async def test_too_many_events_are_too_large(client: httpx.AsyncClient) -> None:
    answer = await post(client, OBSERVATIONS, message([Event(b"", type=OUTCOME)] * 5_001))
    assert (answer.status_code, code(answer)) == (413, "PayloadSizeExceeded")


async def test_batches_need_a_key_and_are_posted(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    body = interactions("e1")
    for path in (INTERACTIONS, OBSERVATIONS):
        assert (await client.post(path, content=body)).status_code == 401
        answer = await client.get(path, headers=KEYS)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    # AND those of another loop's key are another loop's
    other = await client.post(INTERACTIONS, headers=OTHER_KEYS, content=body)
    assert other.status_code == 204
    assert await logged(storage) == ([], [])


async def test_storage_that_is_away_is_a_503(serve: Serve, options: StorageOptions) -> None:
    gone = replace(options, table_endpoint="http://127.0.0.1:9/devstoreaccount1", timeouts=NOWHERE)
    async with serve(Options(), gone) as client:
        for path, body in ((INTERACTIONS, interactions("e1")), (OBSERVATIONS, observations(e1=1))):
            answer = await post(client, path, body)
            assert (answer.status_code, code(answer)) == (503, "RequestTimeout")
            assert answer.headers["retry-after"]
