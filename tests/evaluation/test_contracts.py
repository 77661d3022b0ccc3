"""What an evaluation may be asked for."""

from __future__ import annotations

import orjson
import pytest

from evaluation.contracts import RESERVED_NAMES, Asked, check_id, check_policies, read_contract
from loop.errors import (
    DuplicateCustomPolicyNames,
    InvalidEvaluationContract,
    InvalidPolicyConfiguration,
)
from loop.events import SECOND, LoopKind, Micros
from loop.features import JsonObject, JsonValue
from loop.learning_settings import DEFAULT_ARGUMENTS, DEFAULT_MULTI_SLOT_ARGUMENTS
from loop.settings import Policy

DAY = 24 * 3600 * SECOND
LEAST: JsonObject = {"name": "n", "startTime": "1970-01-02T00:00:00Z", "endTime": "1970-01-03"}


def read(**changes: JsonValue) -> Asked:
    return read_contract(orjson.dumps({**LEAST, **changes}))


def named(*names: JsonValue) -> JsonValue:
    return [{"name": name, "arguments": DEFAULT_ARGUMENTS} for name in names]


def test_the_least_that_can_be_asked() -> None:
    assert read() == Asked("n", Micros(DAY), Micros(2 * DAY), False, ())


@pytest.mark.parametrize("member", ["enableOfflineExperimentation", "enablePolicyOptimization"])
def test_either_name_of_the_switch_is_read(member: str) -> None:
    assert read(**{member: True}).optimises
    assert not read(**{member: False}).optimises
    assert not read(**{member: None}).optimises


def test_policies_are_read_to_the_letter() -> None:
    arguments = " --cb_explore_adf  --epsilon 0.1 "
    asked = read(policies=[{"name": "Mine", "arguments": arguments, "colour": "red"}])
    assert asked.policies == (Policy(name="Mine", arguments=arguments),)
    assert read(policies=None).policies == ()


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1970-01-02", 1.0),
        ("1970-01-02T00:00:00", 1.0),
        ("1970-01-02T12:00:00.0000000Z", 1.5),
        ("1970-01-02T02:00:00+02:00", 1.0),
    ],
)
def test_times_are_read_as_clients_write_them(text: str, days: float) -> None:
    assert read(startTime=text).start == days * DAY


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "n" * 257}, "name"),
        ({"name": 5}, "name"),
        ({"startTime": None}, "startTime"),
        ({"startTime": 1_700_000_000}, "startTime"),
        ({"startTime": "yesterday"}, "startTime"),
        ({"startTime": "2024-02-30"}, "startTime"),
        ({"endTime": "2024"}, "endTime"),
        ({"endTime": "1970-01-02"}, "endTime"),
        ({"endTime": "1970-01-01"}, "endTime"),
        ({"enableOfflineExperimentation": "yes"}, "enableOfflineExperimentation"),
        ({"enablePolicyOptimization": 1}, "enablePolicyOptimization"),
        ({"policies": {}}, "policies"),
        ({"policies": ["p"]}, "policies[0]"),
        ({"policies": [{"name": "p"}]}, "policies[0].arguments"),
        ({"policies": [{"name": "p", "arguments": "a" * 1025}]}, "policies[0].arguments"),
        ({"policies": named("a", "n" * 257)}, "policies[1].name"),
        ({"policies": named("")}, "policies[0].name"),
        ({"policies": named(*map(str, range(11)))}, "policies"),
    ],
)
def test_what_breaks_a_rule_is_named(changes: dict[str, JsonValue], target: str) -> None:
    with pytest.raises(InvalidEvaluationContract) as refused:
        read(**changes)
    assert refused.value.target == target


@pytest.mark.parametrize("member", ["name", "startTime", "endTime"])
def test_what_is_missing_is_named(member: str) -> None:
    body = orjson.dumps({name: value for name, value in LEAST.items() if name != member})
    with pytest.raises(InvalidEvaluationContract) as refused:
        read_contract(body)
    assert refused.value.target == member


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvaluationContract):
        read_contract(body)


def test_ten_policies_are_taken() -> None:
    assert len(read(policies=named(*map(str, range(10)))).policies) == 10


@pytest.mark.parametrize("names", [("a", "b", "a"), *[("a", "b", name) for name in RESERVED_NAMES]])
def test_a_name_that_is_taken_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DuplicateCustomPolicyNames, match=f"'{names[2]}'") as refused:
        read(policies=named(*names))
    assert refused.value.target == "policies[2].name"


def test_names_that_differ_in_case_differ() -> None:
    assert len(read(policies=named("mine", "Mine", "Online")).policies) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--cb_explore_adf -d /etc/passwd", "-d is not allowed"),
        ("--cb_explore_adf --cb_type nonsense", "cb_type"),
        (DEFAULT_MULTI_SLOT_ARGUMENTS, "for a multi-slot loop, and this one is single-slot"),
    ],
)
def test_a_policy_that_can_t_be_judged_is_named(arguments: str, says: str) -> None:
    policies = [Policy(name="good", arguments=DEFAULT_ARGUMENTS)]
    check_policies(policies, LoopKind.SINGLE_SLOT)
    with pytest.raises(InvalidPolicyConfiguration, match=says) as refused:
        check_policies([*policies, Policy(name="odd", arguments=arguments)], LoopKind.SINGLE_SLOT)
    assert refused.value.target == "policies[1].arguments"
    assert "'odd'" in refused.value.message


def test_a_policy_for_pages_is_none_for_single_choices() -> None:
    policies = [Policy(name="pages", arguments=DEFAULT_MULTI_SLOT_ARGUMENTS)]
    check_policies(policies, LoopKind.MULTI_SLOT)
    with pytest.raises(InvalidPolicyConfiguration, match="this one is single-slot"):
        check_policies(policies, LoopKind.SINGLE_SLOT)


@pytest.mark.parametrize("evaluation_id", ["1", "id", "x" * 256, "a b", "ä☕", "50%", "a.b", "?#"])
def test_ids_that_are_taken(evaluation_id: str) -> None:
    check_id(evaluation_id)


@pytest.mark.parametrize(
    "evaluation_id", ["", "x" * 257, "a/b", "a\\b", ".", "..", "a\nb", "a\x00", "\u202e", "\ud800"]
)
def test_ids_that_are_refused(evaluation_id: str) -> None:
    with pytest.raises(InvalidEvaluationContract) as refused:
        check_id(evaluation_id)
    assert refused.value.target == "evaluationId"
