"""What a rank call may say, and how it is told what it may not."""

from __future__ import annotations

import re

import orjson
import pytest

from loop.errors import InvalidRankRequest
from loop.features import JsonObject
from rank.request import RankRequest

ACTION: JsonObject = {"id": "a", "features": []}


def refused(body: bytes) -> InvalidRankRequest:
    with pytest.raises(InvalidRankRequest) as caught:
        RankRequest.parse(body)
    assert caught.value.message
    return caught.value


def test_a_whole_request() -> None:
    request = RankRequest.parse(
        b"""{"contextFeatures": [{"time": "morning", "user": {"vip": true}}],
             "actions": [{"id": "pasta", "features": [{"taste": "salty"}, {"n": 3}], "x": 1},
                         {"id": "juice", "features": []}],
             "excludedActions": ["juice", "nobody"], "eventId": "e/1%20\xf0\x9f\x98\x80",
             "deferActivation": true, "unknown": {"member": 1}}"""
    )

    assert request.context_features == [{"time": "morning", "user": {"vip": True}}]
    assert [action.id for action in request.actions] == ["pasta", "juice"]
    assert request.actions[0].features == [{"taste": "salty"}, {"n": 3}]
    assert request.excluded_actions == {"juice", "nobody"}
    assert request.event_id == "e/1%20😀"
    assert request.defer_activation


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"contextFeatures": None, "excludedActions": None, "eventId": None},
        {"contextFeatures": [], "excludedActions": [], "eventId": "", "deferActivation": None},
    ],
)
def test_only_actions_are_required(rest: JsonObject) -> None:
    body = orjson.dumps({"actions": [ACTION], **rest})

    one, other = RankRequest.parse(body), RankRequest.parse(body)

    assert one.context_features == []
    assert one.excluded_actions == frozenset()
    assert not one.defer_activation
    assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{5}", one.event_id)
    assert one.event_id != other.event_id


def test_numbers_are_taken_for_text_where_an_id_stands() -> None:
    request = RankRequest.parse(
        b'{"actions": [{"id": 7, "features": []}, {"id": "8", "features": []}],'
        b' "excludedActions": [8], "eventId": 12345678901}'
    )

    assert [action.id for action in request.actions] == ["7", "8"]
    assert request.excluded_actions == {"8"}
    assert request.event_id == "12345678901"


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ({}, "actions", "required"),
        ({"actions": []}, "actions", "Action count should be between 1 and 50."),
        ({"actions": [ACTION] * 51}, "actions", "Action count should be between 1 and 50. It is 5"),
        ({"actions": [{}] * 100_000}, "actions", "100000"),
        ({"actions": "abc"}, "actions", "'abc'"),
        ({"actions": {"0": ACTION}}, "actions", "list"),
        ({"actions": [ACTION, 3]}, "actions[1]", "an object (it is '3')"),
        ({"actions": [ACTION, ACTION]}, "actions", "'a' is given twice"),
        ({"actions": [ACTION, {"features": []}]}, "actions[1].id", "required"),
        ({"actions": [{"id": "", "features": []}]}, "actions[0].id", "at least 1"),
        ({"actions": [{"id": None, "features": []}]}, "actions[0].id", "string"),
        ({"actions": [{"id": True, "features": []}]}, "actions[0].id", "'True'"),
        ({"actions": [{"id": "x" * 257, "features": []}]}, "actions[0].id", "256"),
        ({"actions": [{"id": "x"}]}, "actions[0].features", "required"),
        ({"actions": [{"id": "x", "features": {}}]}, "actions[0].features", "list"),
        ({"actions": [{"id": "x", "features": None}]}, "actions[0].features", "list"),
        ({"actions": [ACTION], "contextFeatures": {}}, "contextFeatures", "list"),
        ({"actions": [ACTION], "contextFeatures": "x"}, "contextFeatures", "'x'"),
        ({"actions": [ACTION], "contextFeatures": [1, 2]}, "contextFeatures[0]", "an object"),
        ({"actions": [ACTION], "contextFeatures": [{}, []]}, "contextFeatures[1]", "an object"),
        ({"actions": [{"id": "x", "features": ["y"]}]}, "actions[0].features[0]", "an object"),
        ({"actions": [ACTION], "excludedActions": ["a"]}, "excludedActions", "not be excluded"),
        ({"actions": [ACTION], "excludedActions": "a"}, "excludedActions", "'a'"),
        ({"actions": [ACTION], "excludedActions": [[]]}, "excludedActions[0]", "string"),
        ({"actions": [ACTION], "eventId": "e" * 257}, "eventId", "256"),
        ({"actions": [ACTION], "eventId": ["e"]}, "eventId", "string"),
        ({"actions": [ACTION], "eventId": False}, "eventId", "string"),
        ({"actions": [ACTION], "deferActivation": "perhaps"}, "deferActivation", "boolean"),
    ],
)
def test_broken_rules_are_named_with_their_place(
    content: JsonObject, place: str, message: str
) -> None:
    error = refused(orjson.dumps(content))

    assert error.target == place
    assert message in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"actions": [{"id": "\xc3\x28", "features": []}]}',
        b'{"actions": [{"id": "\\ud800", "features": []}]}',
        b'{"actions": [{"id": "a", "features": [{"x": NaN}]}]}',
        b'{"actions": [{"id": "a", "features": [{"x": -Infinity}]}]}',
        b'{"actions": [{"id": "a", "features": [{"x": 1e999}]}]}',
        b'{"actions": [{"id": "a", "features": []}]} trailing',
        b'{"actions": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    error = refused(body)

    assert error.target is None
    assert "JSON" in error.message


def test_of_two_members_with_one_name_the_last_counts() -> None:
    request = RankRequest.parse(
        b'{"eventId": "one", "actions": [{"id": "a", "features": []}], "eventId": "two"}'
    )

    assert request.event_id == "two"


@pytest.mark.parametrize("underscore", ["_", "\\u005f", "\\u005F"])
def test_ignored_names_are_gone_however_they_are_written(underscore: str) -> None:
    body = (
        '{"contextFeatures": [{"_user": 1, "day": {"#": [[1]], "ok": 1}}],'
        ' "actions": [{"id": "#a", "features": [{"#x": {"y": 1}, "b": "#c"}]}]}'
    )

    request = RankRequest.parse(body.replace("#", underscore).encode())

    assert request.context_features == [{"day": {"ok": 1}}]
    assert request.actions[0].id == "_a"
    assert request.actions[0].features == [{"b": "_c"}]
