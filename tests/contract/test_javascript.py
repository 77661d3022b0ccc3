"""The JavaScript clients of v1.0 and v1.1-preview.3, each through a script in `node/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from loop.learning_settings import DEFAULT_ARGUMENTS
from tests.batches import interactions, observations
from tests.contract.conftest import Loop
from tests.contract.nodejs import Answer, run
from tests.contract.snapshots import Snapshots

Answers = Mapping[str, Answer]


@pytest.fixture(scope="package")
def v1_0(used_loop: Loop) -> Answers:
    """What `@azure/cognitiveservices-personalizer` 2.0.1 was answered."""
    return run("v1_0.mjs", used_loop)


@pytest.fixture(scope="package")
def v1_1(unused_loops: Iterator[Loop]) -> Answers:
    """What `@azure-rest/ai-personalizer` 1.0.0-beta.1 was answered."""
    return run("v1_1.mjs", next(unused_loops))


def member(value: JsonValue, *path: str) -> JsonValue:
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    return value


def test_all_answers_of_v1_0(v1_0: Answers) -> None:
    held = Snapshots("cognitiveservices-personalizer")
    held.check_all({asked: answer.wire for asked, answer in v1_0.items()})


def test_v1_0_decides_and_observes(v1_0: Answers) -> None:
    # The client resolves only on the status that the operation documents.
    assert v1_0["rank"].made == v1_0["rank"].wire.body
    assert member(v1_0["rank"].made, "rewardActionId") in ("pasta", "ice cream")
    assert v1_0["rank with a slash at the end of the endpoint"].made == v1_0["rank"].made
    for asked in ("reward", "activate", "reward of an id to escape", "activate an id to escape"):
        assert (v1_0[asked].wire.status, v1_0[asked].wire.body) == (204, "")


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ("rank without actions", "InvalidRankRequest", "between 1 and 50"),
        ("rank with an id twice", "InvalidRankRequest", "pasta"),
        ("rank with all excluded", "InvalidRankRequest", "excluded"),
        ("reward of nothing", "InvalidRewardRequest", "number"),
        ("rank with a wrong key", "401", "Ocp-Apim-Subscription-Key"),
        ("reward with a wrong key", "401", "Ocp-Apim-Subscription-Key"),
        ("activate with a wrong key", "401", "Ocp-Apim-Subscription-Key"),
    ],
)
def test_v1_0_finds_code_and_message_of_an_error(
    v1_0: Answers, asked: str, code: str, says: str
) -> None:
    made = v1_0[asked].made
    assert member(made, "code") == code
    message = member(made, "message")
    assert isinstance(message, str)
    assert says in message


def test_all_answers_of_v1_1(v1_1: Answers) -> None:
    held = Snapshots("ai-personalizer-rest")
    held.check_all({asked: answer.wire for asked, answer in v1_1.items()})


def test_v1_1_finds_the_success_that_it_expects(v1_1: Answers) -> None:
    # The client's own `isUnexpected` never recognises a path with an id in it, so that what has
    # one is left to the snapshots.
    expected = {
        asked for asked, answer in v1_1.items() if member(answer.made, "unexpected") is False
    }
    assert expected == {
        "rank",
        "rank without an event id",
        "get configuration",
        "put configuration",
        "get configuration again",
        "get policy",
        "put policy",
        "get policy again",
        "delete policy",
        "get model",
        "get model unsigned",
        "get model properties",
        "delete model",
        "get log properties",
        "delete logs",
        "get log properties again",
    }


def test_v1_1_reads_what_it_has_put(v1_1: Answers) -> None:
    put = v1_1["put configuration"].wire.body
    assert v1_1["get configuration again"].wire.body == put
    assert member(put, "rewardWaitTime") == "PT1H30M"
    assert v1_1["get policy again"].wire.body == v1_1["put policy"].wire.body
    assert v1_1["delete policy"].wire.body == v1_1["get policy"].wire.body
    assert member(v1_1["delete policy"].wire.body, "arguments") == DEFAULT_ARGUMENTS


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("rank without actions", 400, "InvalidRankRequest"),
        ("rank with a list of texts", 400, "InvalidRankRequest"),
        ("reward without a value", 400, "InvalidRewardRequest"),
        ("activate with a long event id", 400, "InvalidEventIdToActivate"),
        ("put part of a configuration", 400, "InvalidServiceConfiguration"),
        ("put a short wait", 400, "InvalidRewardWaitTime"),
        ("put a policy that reads a file", 400, "InvalidPolicyConfiguration"),
        ("rank with a wrong key", 401, "401"),
        ("get policy with a wrong key", 401, "401"),
    ],
)
def test_v1_1_is_told_what_is_wrong(v1_1: Answers, asked: str, status: int, code: str) -> None:
    answer = v1_1[asked]
    assert answer.wire.status == status
    assert member(answer.wire.body, "error", "code") == code
    assert answer.wire.headers["x-ms-error-code"] == code
    assert member(answer.made, "unexpected") is True


def test_v1_1_sends_the_batches_of_local_inference(fresh_loop: Loop, tmp_path: Path) -> None:
    # GIVEN what a client has decided and observed by itself
    decided, observed = tmp_path / "interactions", tmp_path / "observations"
    decided.write_bytes(interactions("first", "second"))
    observed.write_bytes(observations(first=1.0, second=-0.5))
    # WHEN it sends both, and what is neither
    answers = run("v1_1_batches.mjs", fresh_loop, decided, observed)
    # THEN both are taken, and the client is told what is wrong with the rest
    held = Snapshots("ai-personalizer-rest-batches")
    held.check_all({asked: answer.wire for asked, answer in answers.items()})
    taken = [asked for asked, answer in answers.items() if answer.wire.status == 204]
    assert taken == ["interactions", "observations"]
    codes = {
        member(answer.wire.body, "error", "code")
        for answer in answers.values()
        if answer.wire.status == 400
    }
    assert codes == {"InvalidRequest"}


def test_v1_1_fills_slots(multi_slot_loop: Loop) -> None:
    answers = run("v1_1_slots.mjs", multi_slot_loop)
    held = Snapshots("ai-personalizer-rest-slots")
    held.check_all({asked: answer.wire for asked, answer in answers.items()})
    assert member(answers["rank"].made, "unexpected") is False
    slots = member(answers["rank"].wire.body, "slots")
    assert isinstance(slots, list)
    assert [member(slot, "id") for slot in slots] == ["top", "side"]
    top, side = (member(slot, "rewardActionId") for slot in slots)
    assert top in ("news", "sports")
    assert side != top
    for asked in ("activate", "reward"):
        assert (answers[asked].wire.status, answers[asked].wire.body) == (204, "")
    codes = {
        asked: member(answer.wire.body, "error", "code")
        for asked, answer in answers.items()
        if answer.wire.status == 400
    }
    assert codes == {
        "rank without slots": "InvalidRankRequest",
        "rank with a baseline twice": "InvalidRankRequest",
        "reward without slots": "InvalidRewardRequest",
        "single-slot rank": "InvalidApiAccess",
    }


def test_v1_1_exports_and_imports_a_model(learned_loop: Loop) -> None:
    answers = run("v1_1_models.mjs", learned_loop)
    held = Snapshots("ai-personalizer-rest-models")
    held.check_all({asked: answer.wire for asked, answer in answers.items()})
    model = answers["get model unsigned"].made
    assert model
    assert answers["get model unsigned again"].made == model
    assert answers["get model signed"].made not in (model, "")
    assert answers["put model"].wire.status == 204
    assert member(answers["put no package"].wire.body, "error", "code") == (
        "InvalidModelImportFormat"
    )
