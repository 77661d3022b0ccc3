"""Diagnosis over HTTP."""

from __future__ import annotations

import httpx
import pytest

from api.deployment import now
from api.evaluating import evaluate_every_loop
from api.options import Options
from api.training import train_every_loop
from diagnosis.survey import survey_document
from evaluation.jobs import Evaluation, Origin, Status, evaluations
from evaluation.optimizing import Optimization, Run, Stage, optimization_document
from loop.events import LoopKind, Micros
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS
from tests.api.test_training import past_events

DIAGNOSTICS = "/personalizer/v1.0/diagnostics"
TRAINER = Options(trainer_grace=2.0)


async def test_a_fresh_loop_is_told_to_be_called(client: httpx.AsyncClient) -> None:
    # WHEN nothing has happened yet
    answer = await client.get(DIAGNOSTICS, headers=KEYS)
    # THEN it says what to do, and claims nothing
    assert answer.status_code == 200
    found = answer.json()
    assert found["isLearning"] is None
    assert [finding["id"] for finding in found["findings"]] == ["no-calls"]
    assert found["model"]["nextUpdateDue"] is None
    assert found["sampledEvents"] == 0


async def test_it_needs_a_key(client: httpx.AsyncClient) -> None:
    assert (await client.get(DIAGNOSTICS)).status_code == 401


async def test_a_loop_that_has_learned_is_diagnosed_from_its_survey(
    client: httpx.AsyncClient, storage: LoopStorage, options: StorageOptions
) -> None:
    # GIVEN two hundred events of which every second is rewarded
    await past_events(storage, 200)
    await train_every_loop(TRAINER, options)
    assert (await client.get(DIAGNOSTICS, headers=KEYS)).json()["sampledEvents"] == 0
    # WHEN its log was surveyed, by a process of its own
    await evaluate_every_loop(TRAINER, options)
    found = (await client.get(DIAGNOSTICS, headers=KEYS)).json()
    # THEN the figures are there
    assert found["sampledEvents"] == found["events"]["learned"] == 200
    assert found["events"]["decisions"] == 200
    assert found["recentEvents"] == {"since": None, **found["events"]}
    assert found["sampledFrom"] <= found["sampledUntil"] < found["generatedAt"]
    manifest = (await storage.manifest.read()).value
    assert manifest.model is not None
    assert found["model"]["modelId"] == manifest.model.id
    assert found["model"]["nextUpdateDue"] > found["model"]["lastTrainerRun"]
    # AND it is not surveyed again while nothing happens
    survey = await survey_document(storage.blobs).read()
    await evaluate_every_loop(TRAINER, options)
    assert await survey_document(storage.blobs).read() == survey


@pytest.mark.parametrize(
    ("status", "applied", "told"),
    [
        (Status.RUNNING, False, False),
        (Status.SUCCEEDED, False, False),
        (Status.ONLINE_POLICY_RETAINED, False, True),
        (Status.OPTIMAL_POLICY_APPLIED, True, True),
    ],
)
async def test_the_last_optimization_is_told(
    client: httpx.AsyncClient, storage: LoopStorage, status: Status, applied: bool, told: bool
) -> None:
    # GIVEN a loop that has looked for better settings
    await past_events(storage, 1)
    evaluation = Evaluation(
        id="auto-1",
        name="Auto-optimization",
        origin=Origin.AUTO,
        start=Micros(0),
        end=now(),
        optimises=True,
        kind=LoopKind.SINGLE_SLOT,
        exploration=0.2,
        created=now(),
        status=status,
        description="Inter-len1 is better.",
        finished=now(),
    )
    await evaluations(storage.blobs).create(evaluation.id, evaluation)
    run = Run(
        evaluation=evaluation,
        events=1000,
        policy="app1",
        training_version=0,
        interventions=0,
        stage=Stage.OVER,
    )
    document = optimization_document(storage.blobs)
    await document.replace(Optimization(run=run), await document.read())
    # THEN what came of it is a finding, once it is over
    found = (await client.get(DIAGNOSTICS, headers=KEYS)).json()["findings"]
    outcomes = [f for f in found if f["id"] == "auto-optimization"]
    assert len(outcomes) == told
    for outcome in outcomes:
        assert outcome["evidence"]["applied"] is applied
        assert outcome["text"].endswith("Inter-len1 is better.")
