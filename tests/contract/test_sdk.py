"""The retired service's own Python client, 0.1.1, against ours: only endpoint and key differ."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.cognitiveservices.personalizer import PersonalizerClient
from azure.cognitiveservices.personalizer.models import (
    ErrorResponseException,
    PersonalizerError,
    RankableAction,
    RankRequest,
)
from msrest.authentication import CognitiveServicesCredentials
from msrest.exceptions import HttpOperationError

from tests.contract.conftest import Loop
from tests.contract.snapshots import Snapshots, heard

SNAPSHOTS = Snapshots("azure-cognitiveservices-personalizer")


@contextmanager
def connect(endpoint: str, key: str) -> Iterator[PersonalizerClient]:
    client = PersonalizerClient(endpoint, CognitiveServicesCredentials(key))
    with client:
        yield client


@pytest.fixture
def client(used_loop: Loop) -> Iterator[PersonalizerClient]:
    with connect(used_loop.endpoint, used_loop.key) as client:
        yield client


def dishes() -> list[RankableAction]:
    return [
        RankableAction(
            id="pasta",
            features=[{"taste": "salty", "spice": "medium"}, {"energy": 5, "cuisine": "italian"}],
        ),
        RankableAction(
            id="ice cream", features=[{"taste": "sweet", "spice": "none"}, {"energy": 2}]
        ),
        RankableAction(id="juice", features=[{"taste": "sweet", "spice": "none"}, {"drink": True}]),
        RankableAction(id="salad", features=[{"taste": "salty"}, {"energy": 1.5}]),
    ]


EVENING = [{"time": "evening"}, {"guest": {"mood": "hungry", "visits": 3}}]


def request(**changes: object) -> RankRequest:
    made = RankRequest(
        actions=dishes(),
        context_features=EVENING,
        excluded_actions=["juice"],
        event_id=str(uuid.uuid4()),
    )
    for member, value in changes.items():
        setattr(made, member, value)
    return made


def error_in(exception: ErrorResponseException) -> PersonalizerError:
    assert exception.error is not None
    error = exception.error.error
    assert isinstance(error, PersonalizerError)
    return error


def test_the_quickstart(used_loop: Loop) -> None:
    # GIVEN the client of the quickstart, told only where the service is and its key
    client = PersonalizerClient(used_loop.endpoint, CognitiveServicesCredentials(used_loop.key))
    # WHEN it asks for a dish, never the juice
    event_id = str(uuid.uuid4())
    rank_request = RankRequest(
        actions=dishes(),
        context_features=EVENING,
        excluded_actions=["juice"],
        event_id=event_id,
    )
    response = client.rank(rank_request=rank_request)
    # THEN one of the others is chosen, and every dish is in the ranking with its probability
    assert response.event_id == event_id
    assert response.reward_action_id in {"pasta", "ice cream", "salad"}
    ranking = {ranked.id: ranked.probability for ranked in response.ranking}
    assert list(ranking)[2] == "juice"
    assert ranking.keys() == {"pasta", "ice cream", "juice", "salad"}
    assert ranking["juice"] == 0
    assert sum(ranking.values()) == pytest.approx(1)
    assert response.ranking[0].id == response.reward_action_id
    # WHEN it reports the reward, as text
    # THEN the service takes it, or the client would raise
    assert client.events.reward(event_id=event_id, value="1.0") is None
    client.close()


def test_the_answers_are_those_that_the_client_expects(client: PersonalizerClient) -> None:
    ranked = client.rank(request(event_id="raw"), raw=True)
    assert ranked.response.status_code == 201
    assert ranked.response.headers["Content-Type"].startswith("application/json")
    assert list(json.loads(ranked.response.content)) == ["ranking", "eventId", "rewardActionId"]
    uuid.UUID(ranked.response.headers["apim-request-id"])
    rewarded = client.events.reward("raw", 0.5, raw=True)
    assert (rewarded.response.status_code, rewarded.response.content) == (204, b"")
    activated = client.events.activate("raw", raw=True)
    assert (activated.response.status_code, activated.response.content) == (204, b"")
    SNAPSHOTS.check("rank", heard(ranked.response))
    SNAPSHOTS.check("reward", heard(rewarded.response))
    SNAPSHOTS.check("activate", heard(activated.response))


def test_a_repeated_call_is_answered_the_same(client: PersonalizerClient) -> None:
    # GIVEN one answered call WHEN it is made again THEN nothing is drawn anew
    first = client.rank(request(event_id="again"))
    second = client.rank(request(event_id="again"))
    assert first.as_dict() == second.as_dict()


def test_an_event_id_is_made_where_none_is_given(client: PersonalizerClient) -> None:
    made = {client.rank(request(event_id=None)).event_id for _ in range(3)}
    assert len(made) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}-\w{5}", event_id) for event_id in made)


def test_only_actions_are_needed(client: PersonalizerClient) -> None:
    response = client.rank(RankRequest(actions=[RankableAction(id="only", features=[])]))
    assert response.reward_action_id == "only"
    assert [(ranked.id, ranked.probability) for ranked in response.ranking] == [("only", 1.0)]


def test_a_deferred_event_is_activated(client: PersonalizerClient) -> None:
    event_id = client.rank(request(defer_activation=True)).event_id
    assert client.events.activate(event_id) is None
    assert client.events.reward(event_id, 1.0) is None


@pytest.mark.parametrize(
    "event_id", ["a/b", "50%", "two words", "#1?x=y", "Zoë", "☕", "a+b", "x" * 256]
)
def test_event_ids_that_need_escaping(client: PersonalizerClient, event_id: str) -> None:
    assert client.rank(request(event_id=event_id)).event_id == event_id
    assert client.events.activate(event_id) is None
    assert client.events.reward(event_id, 1.0) is None


@pytest.mark.parametrize("ending", ["", "/", "//"])
def test_an_endpoint_may_end_in_slashes(used_loop: Loop, ending: str) -> None:
    with connect(used_loop.endpoint + ending, used_loop.key) as client:
        assert client.rank(request()).reward_action_id


def test_both_keys_open_the_loop(used_loop: Loop) -> None:
    with connect(used_loop.endpoint, used_loop.other_key) as client:
        assert client.rank(request()).reward_action_id


def many(count: int) -> list[RankableAction]:
    return [RankableAction(id=f"dish{number}", features=[]) for number in range(count)]


def test_fifty_actions_are_allowed(client: PersonalizerClient) -> None:
    assert len(client.rank(request(actions=many(50))).ranking) == 50


@pytest.mark.parametrize(
    ("asked", "changes", "says"),
    [
        ("no actions", {"actions": []}, "between 1 and 50"),
        ("51 actions", {"actions": many(51)}, "between 1 and 50"),
        ("an id twice", {"actions": [*many(2), *many(1)]}, "dish0"),
        (
            "all excluded",
            {"excluded_actions": ["pasta", "ice cream", "juice", "salad"]},
            "excluded",
        ),
        ("a list of texts", {"context_features": [{"tags": ["a", "b"]}]}, "list"),
    ],
)
def test_what_breaks_a_rule_of_rank(
    client: PersonalizerClient, asked: str, changes: dict[str, object], says: str
) -> None:
    # WHEN a request breaks a rule
    with pytest.raises(ErrorResponseException) as raised:
        client.rank(request(**changes))
    # THEN the client finds the code and the message where it looks for them
    assert raised.value.response.status_code == 400
    SNAPSHOTS.check(f"rank refuses {asked}", heard(raised.value.response))
    error = error_in(raised.value)
    assert error.code == raised.value.response.headers["x-ms-error-code"] == "InvalidRankRequest"
    assert says in error.message


def test_the_place_of_a_bad_feature_is_named(client: PersonalizerClient) -> None:
    dish = RankableAction(id="pasta", features=[{"spice": 1}, {"tags": ["hot", 2]}])
    with pytest.raises(ErrorResponseException) as raised:
        client.rank(request(actions=[dish]))
    assert error_in(raised.value).target.startswith("actions[0].features[1].tags")


def test_a_wrong_key(used_loop: Loop) -> None:
    with connect(used_loop.endpoint, "wrong-key") as client:
        with pytest.raises(ErrorResponseException) as raised:
            client.rank(request())
        assert raised.value.response.status_code == 401
        assert "Ocp-Apim-Subscription-Key" in error_in(raised.value).message
        assert "wrong-key" not in error_in(raised.value).message
        SNAPSHOTS.check("any with a wrong key", heard(raised.value.response))
        # The client knows no errors of these two: it raises the general one.
        with pytest.raises(HttpOperationError) as refused:
            client.events.reward("event", 1.0)
        assert refused.value.response.status_code == 401
        SNAPSHOTS.check("any with a wrong key", heard(refused.value.response))
        with pytest.raises(HttpOperationError) as refused:
            client.events.activate("event")
        assert refused.value.response.status_code == 401
        SNAPSHOTS.check("any with a wrong key", heard(refused.value.response))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_reward_that_is_no_finite_number(client: PersonalizerClient, value: float) -> None:
    with pytest.raises(HttpOperationError) as raised:
        client.events.reward("event", value)
    assert raised.value.response.status_code == 400
    assert raised.value.response.headers["x-ms-error-code"] == "InvalidRewardRequest"
    SNAPSHOTS.check(f"reward of {value}", heard(raised.value.response))


@pytest.mark.parametrize("value", [-1, 0, 1, 0.25, "0.25", 3.5])
def test_rewards_that_are_taken(client: PersonalizerClient, value: float | str) -> None:
    # Also for an event that nobody has ranked, and beyond the documented range.
    assert client.events.reward("never ranked", value) is None
