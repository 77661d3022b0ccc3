"""The Python client of the 2022 preview, `azure-ai-personalizer` 1.0.0b1, on a single-slot loop.

The sync and the async client are held to the same answers.
"""

from __future__ import annotations

import io
import json

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.rest import HttpRequest
from pydantic import JsonValue

from loop.learning_settings import DEFAULT_ARGUMENTS
from tests.contract.ai_personalizer import Clients, ask, export, send
from tests.contract.conftest import Connect, Loop
from tests.contract.snapshots import Snapshots

Json = dict[str, JsonValue]

SNAPSHOTS = Snapshots("azure-ai-personalizer")
LONG_ID = "x" * 257

VIDEO: Json = {"id": "Video1", "features": [{"videoType": "documentary", "videoLength": 35}]}
SERIES: Json = {"id": "Series 2", "features": [{"videoType": "series"}, {"videoLength": 5.5}]}
CLIP: Json = {"id": "clip", "features": [{"isNew": True, "tags": {"music": 1}}]}
EVENING: JsonValue = [{"Features": {"day": "Monday", "time": "evening", "Weather": "rainy"}}]


@pytest.fixture
async def clients(connect: Connect, used_loop: Loop) -> Clients:
    return await connect(used_loop.endpoint, used_loop.key)


@pytest.fixture
async def owner(connect: Connect, fresh_loop: Loop) -> Clients:
    """The clients of a loop that nobody has touched."""
    return await connect(fresh_loop.endpoint, fresh_loop.key)


def request(**changes: JsonValue) -> Json:
    return {
        "contextFeatures": EVENING,
        "actions": [VIDEO, SERIES, CLIP],
        "excludedActions": ["clip"],
        "eventId": "the event of the preview",
        "deferActivation": False,
        **changes,
    }


async def test_a_decision_and_its_reward(clients: Clients) -> None:
    ranked = await ask(clients.decide.rank, request())
    SNAPSHOTS.check("rank", ranked.wire)
    assert isinstance(ranked.result, dict)
    assert list(ranked.result) == ["ranking", "eventId", "rewardActionId"]
    rewarded = await ask(clients.decide.reward, ranked.result["eventId"], {"value": 1.0})
    SNAPSHOTS.check("reward", rewarded.wire)


async def test_a_deferred_decision(clients: Clients) -> None:
    # With a single action, as what is chosen depends on the id that the service makes.
    deferred = request(actions=[VIDEO], deferActivation=True, eventId=None)
    ranked = await ask(clients.decide.rank, deferred)
    SNAPSHOTS.check("rank without an event id", ranked.wire)
    assert isinstance(ranked.result, dict)
    activated = await ask(clients.decide.activate, ranked.result["eventId"])
    SNAPSHOTS.check("activate", activated.wire)


@pytest.mark.parametrize("event_id", ["a/b", "50%", "Zoë ☕", "a+b?c#d"])
async def test_event_ids_that_need_escaping(clients: Clients, event_id: str) -> None:
    ranked = await ask(clients.decide.rank, request(eventId=event_id))
    assert isinstance(ranked.result, dict)
    assert ranked.result["eventId"] == event_id
    assert (await ask(clients.decide.reward, event_id, {"value": 0.5})).wire.status == 204
    assert (await ask(clients.decide.activate, event_id)).wire.status == 204


async def test_bodies_from_a_file(clients: Clients) -> None:
    # The client takes a stream wherever it takes JSON.
    file = io.BytesIO(json.dumps(request()).encode())
    assert (await ask(clients.decide.rank, file)).wire.status == 201
    file = io.BytesIO(b'{"value": 1}')
    assert (await ask(clients.decide.reward, "from a file", file)).wire.status == 204


@pytest.mark.parametrize("ending", ["/", "//"])
async def test_an_endpoint_may_end_in_slashes(
    connect: Connect, used_loop: Loop, ending: str
) -> None:
    clients = await connect(used_loop.endpoint + ending, used_loop.other_key)
    assert (await ask(clients.decide.rank, request())).wire.status == 201


async def test_calls_that_the_client_has_no_method_for(clients: Clients) -> None:
    known = HttpRequest("GET", "/status", params={"api-version": "2022-09-01-preview"})
    SNAPSHOTS.check("send_request status", await send(clients.decide, known))
    unknown = HttpRequest("GET", "/status", params={"api-version": "2023-01-01"})
    SNAPSHOTS.check("send_request with an unknown version", await send(clients.decide, unknown))


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        ("rank without actions", {"actions": []}),
        ("rank with 51 actions", {"actions": [{"id": str(n), "features": []} for n in range(51)]}),
        ("rank with an id twice", {"actions": [VIDEO, VIDEO]}),
        ("rank with all excluded", {"excludedActions": ["Video1", "Series 2", "clip"]}),
        ("rank with a long action id", {"actions": [{"id": LONG_ID, "features": []}]}),
        ("rank with a long event id", {"eventId": LONG_ID}),
        ("rank with an action without id", {"actions": [VIDEO, {"features": []}]}),
        ("rank with a list of texts", {"contextFeatures": [{"user": {"tags": ["a", "b"]}}]}),
    ],
)
async def test_ranks_that_are_refused(clients: Clients, asked: str, changes: Json) -> None:
    answer = await ask(clients.decide.rank, request(**changes))
    assert answer.error.code == "InvalidRankRequest"
    SNAPSHOTS.check(asked, answer.wire)


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("reward without a value", {}),
        ("reward of null", {"value": None}),
        ("reward of a word", {"value": "good"}),
    ],
)
async def test_rewards_that_are_refused(clients: Clients, asked: str, body: Json) -> None:
    answer = await ask(clients.decide.reward, "event", body)
    assert answer.error.code == "InvalidRewardRequest"
    SNAPSHOTS.check(asked, answer.wire)


async def test_event_ids_that_are_refused(clients: Clients) -> None:
    rewarded = await ask(clients.decide.reward, LONG_ID, {"value": 1})
    assert rewarded.error.code == "InvalidRewardRequest"
    SNAPSHOTS.check("reward with a long event id", rewarded.wire)
    activated = await ask(clients.decide.activate, LONG_ID)
    assert activated.error.code == "InvalidEventIdToActivate"
    SNAPSHOTS.check("activate with a long event id", activated.wire)


async def test_a_wrong_key(connect: Connect, used_loop: Loop) -> None:
    clients = await connect(used_loop.endpoint, "wrong")
    decide, manage = clients.decide, clients.manage
    calls = [
        await ask(decide.rank, request()),
        await ask(decide.reward, "event", {"value": 1}),
        await ask(decide.activate, "event"),
        await ask(decide.rank_multi_slot, {}),
        await ask(decide.reward_multi_slot, "event", {}),
        await ask(decide.activate_multi_slot, "event"),
        await ask(manage.get_service_configuration),
        await ask(manage.update_service_configuration, {}),
        await ask(manage.get_policy),
        await ask(manage.update_policy, {}),
        await ask(manage.reset_policy),
        await ask(manage.get_model_properties),
        await ask(manage.import_model, io.BytesIO(b"model")),
        await ask(manage.reset_model),
        await ask(manage.get_log_properties),
        await ask(manage.delete_logs),
    ]
    for answer in calls:
        assert isinstance(answer.raised, ClientAuthenticationError)
        SNAPSHOTS.check("any with a wrong key", answer.wire)
    with pytest.raises(ClientAuthenticationError):
        await export(clients, signed=False)


async def test_the_configuration(owner: Clients) -> None:
    # GIVEN a loop that nobody has touched
    fresh = await ask(owner.manage.get_service_configuration)
    SNAPSHOTS.check("get_service_configuration", fresh.wire)
    assert isinstance(fresh.result, dict)
    # WHEN what was read is put back, with changes
    changes: Json = {
        "rewardWaitTime": "P1DT2H",
        "defaultReward": 0.25,
        "rewardAggregation": "sum",
        "explorationPercentage": 0.3,
        "modelExportFrequency": "PT15S",
        "logRetentionDays": -1,
        "isAutoOptimizationEnabled": True,
        "autoOptimizationFrequency": "P7D",
        "autoOptimizationStartDate": "1999-01-02T03:04:05Z",
        "modelRetrainDays": 5,
    }
    put = await ask(owner.manage.update_service_configuration, {**fresh.result, **changes})
    SNAPSHOTS.check("update_service_configuration", put.wire)
    # THEN the next one who reads finds what was answered
    assert (await ask(owner.manage.get_service_configuration)).result == put.result
    # WHEN one member is put by itself THEN the others stay
    assert isinstance(put.result, dict)
    mode = await ask(owner.manage.update_service_configuration, {"learningMode": "Apprentice"})
    assert isinstance(mode.result, dict)
    moved: JsonValue = mode.result["lastConfigurationEditDate"]
    expected = {**put.result, "learningMode": "Apprentice", "lastConfigurationEditDate": moved}
    assert mode.result == expected


@pytest.mark.parametrize(
    ("asked", "changes", "expected"),
    [
        ("a short wait", {"rewardWaitTime": "PT4S"}, "InvalidRewardWaitTime"),
        ("a long wait", {"rewardWaitTime": "P3D"}, "InvalidRewardWaitTime"),
        ("an aggregation", {"rewardAggregation": "best"}, "InvalidServiceConfiguration"),
        ("an exploration", {"explorationPercentage": 2}, "InvalidServiceConfiguration"),
        ("a default reward", {"defaultReward": -2}, "InvalidServiceConfiguration"),
        ("a duration", {"modelExportFrequency": "often"}, "InvalidServiceConfiguration"),
        ("a retention", {"logRetentionDays": 1}, "InvalidLogRetentionDays"),
        ("retraining", {"modelRetrainDays": 91}, "InvalidModelRetrainDays"),
        (
            "two changes at once",
            {"learningMode": "LoggingOnly", "rewardAggregation": "max"},
            "InvalidLearningModeServiceConfiguration",
        ),
    ],
)
async def test_configurations_that_are_refused(
    clients: Clients, asked: str, changes: Json, expected: str
) -> None:
    answer = await ask(clients.manage.update_service_configuration, changes)
    assert answer.error.code == expected
    SNAPSHOTS.check(f"update_service_configuration refuses {asked}", answer.wire)


async def test_the_policy(owner: Clients) -> None:
    fresh = await ask(owner.manage.get_policy)
    SNAPSHOTS.check("get_policy", fresh.wire)
    mine: Json = {"name": "mine", "arguments": " --cb_explore_adf --epsilon 0.3 -q Fi -l 0.01"}
    put = await ask(owner.manage.update_policy, mine)
    SNAPSHOTS.check("update_policy", put.wire)
    assert put.result == mine
    assert (await ask(owner.manage.get_policy)).result == mine
    back = await ask(owner.manage.reset_policy)
    SNAPSHOTS.check("reset_policy", back.wire)
    assert isinstance(back.result, dict)
    assert back.result["arguments"] == DEFAULT_ARGUMENTS
    assert (await ask(owner.manage.get_policy)).result == fresh.result


@pytest.mark.parametrize(
    ("asked", "policy", "expected"),
    [
        ("no arguments", {"name": "x"}, "InvalidPolicyContract"),
        ("a long name", {"name": LONG_ID, "arguments": ""}, "InvalidPolicyContract"),
        (
            "long arguments",
            {"name": "x", "arguments": "--cb_explore_adf ".ljust(1025)},
            "InvalidPolicyContract",
        ),
        (
            "a file",
            {"name": "x", "arguments": "--cb_explore_adf -f model"},
            "InvalidPolicyConfiguration",
        ),
        ("no reduction", {"name": "x", "arguments": "-q ::"}, "InvalidPolicyConfiguration"),
    ],
)
async def test_policies_that_are_refused(
    clients: Clients, asked: str, policy: Json, expected: str
) -> None:
    answer = await ask(clients.manage.update_policy, policy)
    assert answer.error.code == expected
    SNAPSHOTS.check(f"update_policy refuses {asked}", answer.wire)


async def test_a_loop_without_model_and_log(owner: Clients) -> None:
    manage = owner.manage
    SNAPSHOTS.check("get_model_properties before", (await ask(manage.get_model_properties)).wire)
    answer, model = await export(owner, signed=False)
    assert model == b""
    SNAPSHOTS.check("export_model before", answer)
    SNAPSHOTS.check("reset_model", (await ask(manage.reset_model)).wire)
    SNAPSHOTS.check("get_log_properties before", (await ask(manage.get_log_properties)).wire)
    # WHEN there is something in the log THEN it says from when to when
    await ask(owner.decide.rank, request())
    SNAPSHOTS.check("get_log_properties", (await ask(manage.get_log_properties)).wire)
    SNAPSHOTS.check("delete_logs", (await ask(manage.delete_logs)).wire)
    SNAPSHOTS.check("get_log_properties before", (await ask(manage.get_log_properties)).wire)
