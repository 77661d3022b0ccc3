"""Evaluations in v1: by the JavaScript client of v1.1-preview.3, and as notebooks ask in v1.0."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from pydantic import JsonValue

from tests.contract.conftest import Loop
from tests.contract.evaluating import CUSTOM, EVENTS, FINISH_SECONDS, log_events, shape
from tests.contract.nodejs import run
from tests.contract.snapshots import Snapshots, heard

Answer = dict[str, JsonValue]


@pytest.fixture(scope="module")
def loops(unused_loops: Iterator[Loop]) -> list[Loop]:
    """Two loops with a log."""
    made = [next(unused_loops), next(unused_loops)]
    log_events(made)
    return made


def test_v1_1_evaluates(loops: list[Loop]) -> None:
    # GIVEN the client's own test: create, poll, read, list and delete
    answers = run("v1_1_evaluations.mjs", loops[0])
    # THEN each answer is as it should be
    held = Snapshots("ai-personalizer-rest-evaluations")
    held.check_all({asked: shape(answer.wire) for asked, answer in answers.items()})
    created, found = answers["create"].wire, answers["get"].wire.body
    assert created.status == 201
    assert isinstance(created.body, dict)
    assert isinstance(found, dict)
    prefix = f"{loops[0].endpoint}/personalizer/v1.1-preview.3/evaluations/"
    assert created.headers["location"] == f"{prefix}{created.body['id']}"
    assert found["status"] == "completed", found["description"]
    assert answers["list"].wire.status == 200
    assert answers["list of none"].wire.body == []
    # AND the client takes what it expects for that
    assert answers["create"].made == answers["list"].made == {"unexpected": False}


def test_v1_0_evaluates_as_a_notebook_does(loops: list[Loop]) -> None:
    held = Snapshots("rest-v1.0-evaluations")
    loop = loops[1]
    base = f"{loop.endpoint}/personalizer/v1.0"
    with requests.Session() as session:
        session.headers["Ocp-Apim-Subscription-Key"] = loop.key
        # GIVEN how far the log reaches
        logs = session.get(f"{base}/logs/properties", timeout=30).json()["dateRange"]
        # WHEN all of it is evaluated
        contract = {
            "name": "notebook",
            "startTime": logs["from"],
            "endTime": logs["to"],
            "enableOfflineExperimentation": False,
            "policies": [{"name": "Custom learning settings 1", "arguments": CUSTOM}],
        }
        created = session.post(f"{base}/evaluations", json=contract, timeout=30)
        assert created.status_code == 201
        held.check("create", heard(created))
        url = created.headers["Location"]
        assert url == f"{base}/evaluations/{created.json()['id']}"
        found = finished(session, url)
        held.check("get", shape(heard(found)))
        body = found.json()
        assert body["status"] == "completed", body["description"]
        # THEN the figures fit together
        results = {result["name"]: result for result in body["policyResults"]}
        for result in results.values():
            total = result["totalSummary"]
            assert {stretch["aggregateTimeWindow"] for stretch in result["summary"]} == {"PT5M"}
            for name in ("ipsEstimatorNumerator", "ipsEstimatorDenominator", "nonZeroProbability"):
                summed = sum(stretch[name] for stretch in result["summary"])
                assert summed == pytest.approx(total[name])
            assert total["averageReward"] == pytest.approx(
                total["ipsEstimatorNumerator"] / total["snipsEstimatorDenominator"]
            )
            assert total["confidenceInterval"] > 0
        online = results["online"]["totalSummary"]
        assert online["ipsEstimatorDenominator"] == online["snipsEstimatorDenominator"] == EVENTS
        rewards = session.get(f"{base}/metrics/learning", timeout=30).json()[-1][-1]
        assert online["ipsEstimatorNumerator"] == rewards["cumulativeSumOfRewards"]
        # AND the day is what matters
        assert body["featureImportance"][0] == ["FromUrl.day"]
        # AND no policy was looked for
        assert {result["policySource"] for result in results.values()} == {
            "Online",
            "Baseline",
            "Random",
            "Custom",
        }
        held.check("list", shape(heard(session.get(f"{base}/evaluations", timeout=30))))
        deleted = session.delete(url, timeout=30)
        assert deleted.status_code == 204
        assert session.get(url, timeout=30).status_code == 404


def finished(session: requests.Session, url: str) -> requests.Response:
    """What is answered once an evaluation is done."""
    deadline = time.monotonic() + FINISH_SECONDS
    while True:
        answer = session.get(url, timeout=30)
        assert answer.status_code == 200
        if answer.json()["status"] != "pending":
            return answer
        assert time.monotonic() < deadline, "the evaluation was not finished"
        time.sleep(0.25)
