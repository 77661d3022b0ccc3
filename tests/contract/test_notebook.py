"""The retired service's notebook: raw calls with `requests`; only endpoint and key differ."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import requests
from pydantic import JsonValue

from loop.learning_settings import DEFAULT_ARGUMENTS
from tests.contract.conftest import Loop

Answer = dict[str, JsonValue]

NEVER = "0001-01-01T00:00:00+00:00"
FRESH_CONFIGURATION = {
    "rewardWaitTime": "PT10M",
    "defaultReward": 0.0,
    "rewardAggregation": "earliest",
    "explorationPercentage": 0.2,
    "modelExportFrequency": "PT5M",
    "logMirrorEnabled": False,
    "logMirrorSasUri": None,
    "logRetentionDays": 90,
    "lastConfigurationEditDate": "1601-01-01T00:00:00Z",
    "learningMode": "Online",
    "isInferenceExplainabilityEnabled": False,
    "modelRetrainDays": 2,
    "modelAutoPublish": True,
    "stagedModelHistoryLength": 10,
}


class Notebook:
    """What the notebook keeps in its variables: a base address and the headers of every call."""

    def __init__(self, loop: Loop) -> None:
        self.endpoint = loop.endpoint
        self.base = f"{loop.endpoint}/personalizer/v1.0"
        self.session = requests.Session()
        self.session.headers["Ocp-Apim-Subscription-Key"] = loop.key

    def call(self, method: str, path: str, body: JsonValue = None) -> requests.Response:
        return self.session.request(method, f"{self.base}{path}", json=body, timeout=30)

    def read(self, path: str) -> Answer:
        answer = self.call("GET", path)
        assert answer.status_code == 200
        found = answer.json()
        assert isinstance(found, dict)
        return found


@pytest.fixture
def notebook(fresh_loop: Loop) -> Iterator[Notebook]:
    notebook = Notebook(fresh_loop)
    with notebook.session:
        yield notebook


@pytest.fixture
def used(used_loop: Loop) -> Iterator[Notebook]:
    notebook = Notebook(used_loop)
    with notebook.session:
        yield notebook


def code(answer: requests.Response) -> str:
    error = answer.json()["error"]
    assert isinstance(error["message"], str)
    assert error["message"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    return str(error["code"])


def test_the_notebook(notebook: Notebook) -> None:
    # WHEN the notebook looks at the model of a new loop
    # THEN there has never been one
    assert notebook.read("/model/properties") == {"creationTime": NEVER, "lastModifiedTime": NEVER}

    # WHEN it reads the policy and writes another
    assert notebook.read("/configurations/policy")["arguments"] == DEFAULT_ARGUMENTS
    policy: JsonValue = {
        "name": "coffee",
        "arguments": " --cb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -q Fi -q Fj",
    }
    answer = notebook.call("PUT", "/configurations/policy", policy)
    # THEN it is echoed to the letter, and kept
    assert (answer.status_code, answer.json()) == (200, policy)
    assert notebook.read("/configurations/policy") == policy

    # WHEN it reads the service configuration and writes it back with shorter times
    configuration = notebook.read("/configurations/service")
    configuration["rewardWaitTime"] = "00:00:15"
    configuration["modelExportFrequency"] = "00:00:15"
    answer = notebook.call("PUT", "/configurations/service", configuration)
    # THEN these are its times now
    assert answer.status_code == 200
    changed = notebook.read("/configurations/service")
    assert answer.json() == changed
    assert changed["rewardWaitTime"] == changed["modelExportFrequency"] == "PT15S"

    # WHEN it asks what a customer would drink
    event_id = uuid.uuid4().hex
    rank: JsonValue = {
        "eventId": event_id,
        "deferActivation": False,
        "contextFeatures": [{"timeofday": "Morning", "weather": "Rainy", "name": "Bob"}],
        "actions": [
            {"id": "Latte", "features": [{"type": "hot", "organic": "no"}]},
            {"id": "Cold brew", "features": [{"type": "cold", "organic": "yes"}]},
        ],
        "excludedActions": [],
    }
    answer = notebook.call("POST", "/rank", rank)
    # THEN it is told, and may say whether it was right
    assert answer.status_code == 201
    assert answer.json()["rewardActionId"] in {"Latte", "Cold brew"}
    assert [ranked["probability"] for ranked in answer.json()["ranking"]] == [0.5, 0.5]
    answer = notebook.call("POST", f"/events/{event_id}/reward", {"value": 1.0})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_fresh_configuration(notebook: Notebook) -> None:
    found = notebook.read("/configurations/service")
    assert {name: found.get(name, "missing") for name in FRESH_CONFIGURATION} == FRESH_CONFIGURATION


def test_a_changed_configuration(notebook: Notebook) -> None:
    # GIVEN a configuration with everything that v1.0 required
    body: Answer = {
        "rewardWaitTime": "1.00:00:00",
        "defaultReward": -0.5,
        "rewardAggregation": "sum",
        "explorationPercentage": 0.3,
        "modelExportFrequency": "PT1M",
        "logRetentionDays": -1,
    }
    # WHEN it is put
    answer = notebook.call("PUT", "/configurations/service", body)
    # THEN it holds, the rest is as it was, and the date of the last change has moved
    assert answer.status_code == 200
    expected = {**FRESH_CONFIGURATION, **body, "rewardWaitTime": "P1D"}
    edited = answer.json().pop("lastConfigurationEditDate")
    del expected["lastConfigurationEditDate"]
    found = {name: answer.json().get(name, "missing") for name in expected}
    assert found == expected
    assert edited > "2024"
    assert notebook.read("/configurations/service") == answer.json()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rewardWaitTime": "PT4S"}, "InvalidRewardWaitTime"),
        ({"rewardAggregation": "best"}, "InvalidServiceConfiguration"),
        ({"explorationPercentage": 1.5}, "InvalidServiceConfiguration"),
        ({"logRetentionDays": 0}, "InvalidLogRetentionDays"),
        ({"modelRetrainDays": 91}, "InvalidModelRetrainDays"),
        (
            {"learningMode": "Apprentice", "defaultReward": 1.0},
            "InvalidLearningModeServiceConfiguration",
        ),
    ],
)
def test_configurations_that_are_refused(used: Notebook, changes: Answer, expected: str) -> None:
    before = used.read("/configurations/service")
    answer = used.call("PUT", "/configurations/service", {**before, **changes})
    assert (answer.status_code, code(answer)) == (400, expected)
    assert used.read("/configurations/service") == before


def test_a_policy_is_reset(notebook: Notebook) -> None:
    put: JsonValue = {"name": "own", "arguments": "--cb_explore_adf --epsilon 0.1"}
    assert notebook.call("PUT", "/configurations/policy", put).status_code == 200
    answer = notebook.call("DELETE", "/configurations/policy")
    assert answer.status_code == 200
    assert answer.json()["arguments"] == DEFAULT_ARGUMENTS
    assert notebook.read("/configurations/policy") == answer.json()


@pytest.mark.parametrize(
    ("policy", "expected", "says"),
    [
        (
            {"name": "x", "arguments": "--cb_explore_adf -f /tmp/model"},
            "InvalidPolicyConfiguration",
            "-f",
        ),
        (
            {"name": "x", "arguments": "--cb_explore_adf --daemon"},
            "InvalidPolicyConfiguration",
            "--daemon",
        ),
        ({"name": "x" * 257, "arguments": "--cb_explore_adf"}, "InvalidPolicyContract", "256"),
        ({"name": "x"}, "InvalidPolicyContract", "arguments"),
    ],
)
def test_policies_that_are_refused(
    used: Notebook, policy: Answer, expected: str, says: str
) -> None:
    before = used.read("/configurations/policy")
    answer = used.call("PUT", "/configurations/policy", policy)
    assert (answer.status_code, code(answer)) == (400, expected)
    assert says in answer.json()["error"]["message"]
    assert used.read("/configurations/policy") == before


def test_the_model_before_there_is_one(notebook: Notebook) -> None:
    answer = notebook.call("GET", "/model")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    answer = notebook.call("DELETE", "/model")
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_log_before_there_is_one(notebook: Notebook) -> None:
    empty = {"dateRange": {"from": None, "to": None}}
    assert notebook.read("/logs/properties") == empty
    assert notebook.call("DELETE", "/logs").status_code == 204
    assert notebook.read("/logs/properties") == empty


def test_status_tells_a_good_key_from_a_bad_one(used: Notebook) -> None:
    found = used.read("/status")
    assert (found["service"], found["apiStatus"]) == ("Personalizer", "Valid")
    used.session.headers["Ocp-Apim-Subscription-Key"] = "wrong"
    answer = used.call("GET", "/status")
    assert answer.status_code == 401
    assert "error" in answer.json()


@pytest.mark.parametrize(
    "path",
    [
        "/personalizer/v1.0/rank",
        "/personalizer/v1.1-preview.1/rank",
        "/personalizer/v1.1-preview.2/rank",
        "/personalizer/v1.1-preview.3/rank",
        "/personalizer/rank?api-version=2022-09-01-preview",
        "//personalizer/v1.0/rank",
        "/Personalizer/V1.0/Rank",
        "/loops/contract0/personalizer/v1.0/rank",
    ],
)
def test_every_generation_answers(used: Notebook, path: str) -> None:
    body = {"actions": [{"id": 7, "features": []}], "unknown": "ignored"}
    answer = used.session.post(f"{used.endpoint}{path}", json=body, timeout=30)
    assert answer.status_code == 201
    assert answer.json()["rewardActionId"] == "7"


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("POST", "/personalizer/v2.0/rank", 404, "ResourceNotFound"),
        ("POST", "/personalizer/v1.0/rang", 404, "ResourceNotFound"),
        ("GET", "/personalizer", 404, "ResourceNotFound"),
        ("GET", "/personalizer/v1.0/rank", 405, "OperationNotAllowed"),
        ("DELETE", "/personalizer/v1.0/configurations/service", 405, "OperationNotAllowed"),
    ],
)
def test_what_is_not_there(
    used: Notebook, method: str, path: str, status: int, expected: str
) -> None:
    answer = used.session.request(method, f"{used.endpoint}{path}", timeout=30)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert ("Allow" in answer.headers) == (status == 405)
    uuid.UUID(answer.headers["apim-request-id"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"actions":', b"\xff\xfe"])
def test_a_body_that_is_no_rank_request(used: Notebook, body: bytes) -> None:
    answer = used.session.post(f"{used.base}/rank", data=body, timeout=30)
    assert (answer.status_code, code(answer)) == (400, "InvalidRankRequest")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"value":null}', b'{"value":"much"}', b'{"value":[']
)
def test_a_body_that_is_no_reward(used: Notebook, body: bytes) -> None:
    answer = used.session.post(f"{used.base}/events/e/reward", data=body, timeout=30)
    assert (answer.status_code, code(answer)) == (400, "InvalidRewardRequest")
