"""Applying what an evaluation has found, over HTTP."""

from __future__ import annotations

import httpx
import pytest

from evaluation.jobs import evaluations
from storage.factory import LoopStorage
from tests.api.conftest import KEYS
from tests.e2e.running import rows
from tests.evaluation.finished import BUILT, OTHER_ARGUMENTS, asked, finished
from tests.trainer.scene import Scene, after, stream

V1 = "/personalizer/v1.0"
PATH = "configurations/applyFromEvaluation"
REFERENCE = {"evaluationId": "e1", "policyName": "Hyper1"}


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    """A loop that has learned something, and an evaluation of it."""
    scene = Scene(storage)
    await scene.configure()
    await scene.happen(stream(30))
    await scene.train(200)
    await finished(scene, "e1", after(205))
    return scene


@pytest.mark.parametrize(
    "path",
    [
        f"{V1}/{PATH}",
        f"/personalizer/v1.1-preview.1/{PATH}",
        f"/personalizer/v1.1-preview.2/{PATH}",
        f"/personalizer/v1.1-preview.3/{PATH}",
        f"/personalizer/{PATH}?api-version=2022-09-01-preview",
    ],
)
async def test_every_generation_applies(client: httpx.AsyncClient, scene: Scene, path: str) -> None:
    answer = await client.post(path, headers=KEYS, json=REFERENCE)
    assert (answer.status_code, answer.content) == (204, b"")
    policy = (await client.get(f"{V1}/configurations/policy", headers=KEYS)).json()
    assert policy == {"name": "Hyper1", "arguments": OTHER_ARGUMENTS}
    published = (await scene.manifest()).model
    assert published is not None and published.arguments == BUILT
    model = await client.get(f"{V1}/model", headers=KEYS)
    assert model.content == await scene.model()


async def test_ranks_are_drawn_with_its_model_at_once(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    rank = {"actions": [{"id": name, "features": [{"T": {"kind": name}}]} for name in "abc"]}
    for event_id in ("before", "after"):
        answer = await client.post(f"{V1}/rank", headers=KEYS, json={**rank, "eventId": event_id})
        assert answer.status_code == 201
        if event_id == "before":
            await client.post(f"{V1}/{PATH}", headers=KEYS, json=REFERENCE)
    decisions, _ = await rows(scene.storage)
    models = {decision.event_id: decision.model for decision in decisions}
    published = (await scene.manifest()).model
    assert published is not None
    assert models["after"] == published.id != models["before"]


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ({}, 400, "InvalidContract"),
        ({**REFERENCE, "policyName": "online"}, 400, "BadRequest"),
        ({**REFERENCE, "evaluationId": "e2"}, 404, "EvaluationNotFound"),
        ({**REFERENCE, "policyName": "Hyper2"}, 404, "LearningSettingsNotFound"),
        ({**REFERENCE, "evaluationId": "waiting"}, 409, "OperationNotAllowed"),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, scene: Scene, reference: dict[str, str], status: int, code: str
) -> None:
    jobs = evaluations(scene.storage.blobs)
    await jobs.create("waiting", asked("waiting", after(205)))
    answer = await client.post(f"{V1}/{PATH}", headers=KEYS, json=reference)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-ms-error-code"] == code
