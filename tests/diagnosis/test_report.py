"""The answer as a whole: verdict, order, summary, JSON."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from diagnosis.facts import Facts
from diagnosis.profile import Comparison
from diagnosis.report import report
from diagnosis.survey import Survey
from loop.events import LearningMode, Micros
from loop.manifest import Manifest
from loop.segments import HOUR
from tests.diagnosis.made import (
    HEALTHY,
    NOW,
    with_configuration,
    with_counts,
    with_manifest,
    with_profile,
)


@pytest.mark.parametrize(
    ("facts", "is_learning"),
    [
        (HEALTHY, True),
        (replace(HEALTHY, survey=Survey()), None),
        (with_profile(performance={"choices": 50}), None),
        (
            with_profile(performance={"random": Comparison(reward=0.3, gain=0.1, half_width=0.2)}),
            None,
        ),
        (
            with_profile(performance={"random": Comparison(reward=0.3, gain=0.0, half_width=0.02)}),
            False,
        ),
        (
            with_profile(
                performance={"random": Comparison(reward=0.3, gain=-0.1, half_width=0.05)}
            ),
            False,
        ),
        (with_manifest(model=None), None),
        (with_manifest(finished=Micros(NOW - HOUR)), False),
        (with_counts(joined=0, rewards=0, defaulted=10_000), False),
        (with_profile(rewards={"values": 1}), False),
        (with_configuration(learning_mode=LearningMode.LOGGING_ONLY), False),
        (with_configuration(learning_mode=LearningMode.APPRENTICE), None),
    ],
)
def test_whether_it_is_learning(facts: Facts, is_learning: bool | None) -> None:
    assert report(facts).verdict.is_learning is is_learning


def test_an_apprentice_learns_without_rewards() -> None:
    facts = with_counts(joined=0, rewards=0, defaulted=10_000)
    apprentice = with_configuration(facts, learning_mode=LearningMode.APPRENTICE)
    assert report(apprentice).verdict.is_learning is None


def test_the_worst_comes_first_and_is_in_the_summary() -> None:
    facts = with_profile(with_counts(late=400, broken_models=2), width=400.0)
    found = report(facts)
    severities = [finding.severity for finding in found.findings]
    assert severities == sorted(severities)
    assert found.summary == (
        "The loop is learning. There is 1 problem and 1 warning:"
        " A model could not be published; Rewards come too late."
    )


def test_the_body_has_the_figures() -> None:
    body = orjson.loads(report(HEALTHY).to_json())
    assert body["isLearning"] is True
    assert body["model"] == {
        "modelId": "m1",
        "lastUpdated": "2023-11-14T22:10:20Z",
        "firstPublished": "2023-11-14T21:13:20Z",
        "nextUpdateDue": "2023-11-14T22:16:20Z",
        "lastTrainerRun": "2023-11-14T22:11:20Z",
        "joinedUntil": "2023-11-14T22:01:20Z",
        "isBeingRebuilt": False,
        "policy": "app1",
    }
    assert (body["events"]["joined"], body["events"]["defaulted"]) == (7500, 2500)
    assert body["learning"]["random"]["confidenceInterval"] == pytest.approx([0.12, 0.18])
    assert body["exploration"]["newest"] == {
        "choices": 200,
        "withoutModel": 0,
        "equalProbabilities": 0,
        "certain": 0,
    }
    assert (body["sampledEvents"], body["sampledUntil"]) == (2000, "2023-11-14T22:01:20Z")
    assert {finding["severity"] for finding in body["findings"]} == {"fine"}


def test_a_loop_that_nobody_has_called_has_no_figures() -> None:
    fresh = replace(HEALTHY, manifest=Manifest(), survey=Survey(), called=False)
    body = orjson.loads(report(fresh).to_json())
    assert [finding["id"] for finding in body["findings"]] == ["no-calls"]
    assert body["isLearning"] is None
    assert body["model"]["lastUpdated"] is body["model"]["nextUpdateDue"] is None
    assert body["learning"]["meanReward"] is None


def test_an_update_is_due_where_one_can_come() -> None:
    # An overdue run is due now; without publishing, or learning, none is due.
    overdue = with_manifest(finished=Micros(NOW - HOUR // 4))
    body = orjson.loads(report(overdue).to_json())
    assert body["model"]["nextUpdateDue"] == "2023-11-14T22:13:20Z"
    for facts in (
        with_configuration(model_auto_publish=False),
        with_configuration(learning_mode=LearningMode.LOGGING_ONLY),
    ):
        assert orjson.loads(report(facts).to_json())["model"]["nextUpdateDue"] is None
