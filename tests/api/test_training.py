"""The trainer's timer: what it learns reaches the ranks of a running service."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from api.deployment import now
from api.options import Options
from api.training import train_every_loop
from loop.errors import StorageUnavailable
from loop.events import SECOND, Decision, Micros, Reward
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, NOWHERE, Serve, register_loops

RANK = {
    "contextFeatures": [{"time": "morning"}],
    "actions": [{"id": "latte", "features": [{"hot": True}]}, {"id": "juice", "features": []}],
}


async def test_a_model_that_was_learned_is_served_without_a_restart(
    serve: Serve, options: StorageOptions, loop_name: str, storage: LoopStorage
) -> None:
    # GIVEN a running service that has no model, and events whose wait is over: juice is liked
    await past_events(storage, 200)
    async with serve(Options(model_refresh=0.05)) as client:
        ranked = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=RANK)
        assert {action["probability"] for action in ranked.json()["ranking"]} == {0.5}
        # WHEN the trainer's timer has come round
        await train_every_loop(Options(trainer_grace=2.0), options)
        # THEN ranks are drawn with its model
        for _ in range(1_000):
            ranked = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=RANK)
            shares = {a["id"]: a["probability"] for a in ranked.json()["ranking"]}
            if shares["juice"] > 0.5:
                break
        assert shares == {"juice": pytest.approx(0.9), "latte": pytest.approx(0.1)}
        # AND the API tells of it
        model = await client.get("/personalizer/v1.0/model", headers=KEYS)
        assert len(model.content) > 0
        assert model.headers["content-disposition"] == "attachment; filename=model.vw"
        logs = await client.get("/personalizer/v1.0/logs/properties", headers=KEYS)
        assert logs.json()["dateRange"]["from"] is not None
        # AND after a reset there is none again, here at once
        assert (await client.delete("/personalizer/v1.0/model", headers=KEYS)).status_code == 204
        ranked = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=RANK)
        assert {action["probability"] for action in ranked.json()["ranking"]} == {0.5}


async def test_one_loop_s_failure_does_not_hold_up_the_others(
    options: StorageOptions,
    loop_name: str,
    opened: Storage,
    storage: LoopStorage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # GIVEN three loops, one of which has lost what its next run starts from
    broken = opened.loop(f"{loop_name}b")
    await broken.blobs.write("manifest.json", b"{not a manifest")
    await past_events(storage, 20)
    keys = {f"{loop_name}{letter}": (f"{letter}1", f"{letter}2") for letter in "ab"}
    await register_loops(opened, {**keys, loop_name: ("1", "2")})
    # WHEN the timer comes round
    with pytest.raises(ValueError, match="Manifest"):
        await train_every_loop(Options(trainer_grace=2.0), options)
    # THEN the call has failed, and the others have learned
    assert (await storage.manifest.read()).value.model is not None
    assert [r.message for r in caplog.records if r.name == "api.training"] == ["training_failed"]


async def test_storage_that_is_away_fails_the_call(options: StorageOptions) -> None:
    gone = replace(options, blob_endpoint="http://127.0.0.1:9/devstoreaccount1", timeouts=NOWHERE)
    with pytest.raises(StorageUnavailable):
        await train_every_loop(Options(), gone)


async def past_events(storage: LoopStorage, count: int) -> None:
    """Events of half an hour ago, in which the second action is always rewarded."""
    then = now() - 1_800 * SECOND
    features = orjson.dumps(
        {
            "FromUrl": [{"time": "morning"}],
            "_multi": [
                {"_tag": "latte", "i": {"constant": 1, "id": "latte"}, "j": [{"hot": True}]},
                {"_tag": "juice", "i": {"constant": 1, "id": "juice"}, "j": []},
            ],
        }
    )
    for i in range(count):
        chosen = i % 2
        time = Micros(then + i)
        await storage.log.append(
            Decision(f"e{i}", time, features, (chosen, 1 - chosen), (0.5, 0.5))
        )
        await storage.log.append(Reward(f"e{i}", Micros(time + SECOND), float(chosen)))
