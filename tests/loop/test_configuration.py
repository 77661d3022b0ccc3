"""The service configuration: what a PUT may say, what it answers and what it resets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import orjson
import pytest
from pydantic import JsonValue, TypeAdapter

from loop.configuration import (
    REQUIRED_IN_V1,
    RewardAggregation,
    ServiceConfiguration,
    configure,
)
from loop.errors import InvalidServiceConfiguration
from loop.events import LearningMode

FRESH = ServiceConfiguration()
NOW = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=timezone.utc)
NOTHING: frozenset[str] = frozenset()


def put(
    body: dict[str, JsonValue] | bytes,
    current: ServiceConfiguration = FRESH,
    required: Collection[str] = NOTHING,
    longest_wait: timedelta = timedelta(days=2),
) -> ServiceConfiguration:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return configure(current, data, required, NOW, longest_wait)


def refusal(body: dict[str, JsonValue] | bytes, **given: Collection[str]) -> tuple[str, str, str]:
    with pytest.raises(InvalidServiceConfiguration) as caught:
        put(body, required=given.get("required", NOTHING))
    return caught.value.code, caught.value.message, caught.value.target or ""


def test_a_fresh_loop_answers_with_the_published_defaults() -> None:
    assert orjson.loads(FRESH.to_json()) == {
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
        "isAutoOptimizationEnabled": True,
        "autoOptimizationFrequency": "P28D",
        "autoOptimizationStartDate": None,
        "isInferenceExplainabilityEnabled": False,
        "modelRetrainDays": 2,
        "modelAutoPublish": True,
        "stagedModelHistoryLength": 10,
    }


def test_the_six_members_of_an_old_notebook_are_taken_and_the_others_kept() -> None:
    current = replace(FRESH, model_retrain_days=5, log_mirror_sas_uri="https://mirror")

    wanted = put(
        {
            "rewardWaitTime": "00:00:15",
            "defaultReward": "0.5",
            "rewardAggregation": "Sum",
            "explorationPercentage": 1,
            "modelExportFrequency": "PT15S",
            "logRetentionDays": "30",
        },
        current,
        REQUIRED_IN_V1,
    )

    assert wanted == replace(
        current,
        reward_wait_time=timedelta(seconds=15),
        default_reward=0.5,
        reward_aggregation=RewardAggregation.SUM,
        exploration_percentage=1.0,
        model_export_frequency=timedelta(seconds=15),
        log_retention_days=30,
        last_configuration_edit_date=NOW,
    )


# Bodies as published SDKs and samples send them: recorded answers hold times without a zone.
@pytest.mark.parametrize(
    "body",
    [
        {"rewardAggregation": "average", "modelExportFrequency": "PT3M", "defaultReward": 1.0,
         "modelRetrainDays": 0, "rewardWaitTime": "PT4H", "explorationPercentage": 0.3,
         "logRetentionDays": -1, "learningMode": "Online"},
        {"rewardWaitTime": "PT1M", "defaultReward": 1, "rewardAggregation": "average",
         "explorationPercentage": 0.20000000298023224, "modelExportFrequency": "PT1H",
         "logRetentionDays": 2147483647},
        {"rewardWaitTime": "PT10M", "defaultReward": 0.0, "rewardAggregation": "earliest",
         "explorationPercentage": 0.2, "modelExportFrequency": "PT15S", "logRetentionDays": 90,
         "lastConfigurationEditDate": "2021-01-01T00:00:00", "learningMode": "Online"},
        {"rewardWaitTime": "PT10M", "defaultReward": 0, "rewardAggregation": "earliest",
         "explorationPercentage": 0.2, "modelExportFrequency": "PT5M", "logMirrorEnabled": True,
         "logMirrorSasUri": "https://testblob.blob.core.windows.net/container?sig=x",
         "logRetentionDays": 7, "lastConfigurationEditDate": "0001-01-01T00:00:00Z",
         "learningMode": "Online", "isAutoOptimizationEnabled": True,
         "autoOptimizationFrequency": "P7D", "autoOptimizationStartDate": "2019-01-19T00:00:00Z",
         "IsInferenceExplainabilityEnabled": True},
    ],
)  # fmt: skip
def test_what_clients_send_is_taken(body: dict[str, JsonValue]) -> None:
    answer = orjson.loads(put(body, required=REQUIRED_IN_V1).to_json())

    sent = {name[0].lower() + name[1:]: value for name, value in body.items()}
    assert {**answer, **sent, "lastConfigurationEditDate": ""} == {
        **answer,
        "lastConfigurationEditDate": "",
    }


@pytest.mark.parametrize("mode", list(LearningMode))
def test_an_answer_put_back_changes_nothing_but_the_date(mode: LearningMode) -> None:
    current = replace(
        FRESH,
        reward_wait_time=timedelta(days=1, seconds=1, milliseconds=5),
        log_retention_days=3,
        learning_mode=mode,
        auto_optimization_start_date=NOW,
        log_mirror_sas_uri="https://mirror",
    )

    again = put(current.to_json(), current, REQUIRED_IN_V1)

    assert again == replace(current, last_configuration_edit_date=NOW)
    assert not again.resets_model(current)
    assert orjson.loads(again.to_json())["lastConfigurationEditDate"] == (
        "2026-03-01T12:00:00.250000Z"
    )


def test_a_null_clears_what_may_be_absent_and_leaves_the_rest() -> None:
    current = replace(FRESH, log_mirror_sas_uri="https://mirror", auto_optimization_start_date=NOW)

    wanted = put(
        {"logMirrorSasUri": None, "autoOptimizationStartDate": None, "modelRetrainDays": None},
        current,
    )

    assert (wanted.log_mirror_sas_uri, wanted.auto_optimization_start_date) == (None, None)
    assert wanted.model_retrain_days == 2


@pytest.mark.parametrize("member", sorted(REQUIRED_IN_V1))
@pytest.mark.parametrize("nothing", ["missing", "null"])
def test_what_v1_requires_is_named_where_it_lacks(member: str, nothing: str) -> None:
    body: dict[str, JsonValue] = {n: orjson.loads(FRESH.to_json())[n] for n in REQUIRED_IN_V1}
    if nothing == "missing":
        del body[member]
    else:
        body[member] = None

    code, message, target = refusal(body, required=REQUIRED_IN_V1)

    assert (code, target) == ("InvalidServiceConfiguration", member)
    assert message.startswith(f"{member} should be given")


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"rewardWaitTime": "PT4.999S"}, "InvalidRewardWaitTime", "PT5S to P2D"),
        ({"rewardWaitTime": "P2DT1S"}, "InvalidRewardWaitTime", "P2DT1S"),
        ({"rewardWaitTime": "00:00:04"}, "InvalidRewardWaitTime", "PT4S"),
        ({"rewardWaitTime": "soon"}, "InvalidServiceConfiguration", '"soon"; it should be a dur'),
        ({"rewardWaitTime": "P1M"}, "InvalidServiceConfiguration", '"P1M"'),
        ({"rewardWaitTime": 15}, "InvalidServiceConfiguration", "15"),
        ({"defaultReward": 1.01}, "InvalidServiceConfiguration", "-1 to 1"),
        ({"defaultReward": -1.01}, "InvalidServiceConfiguration", "-1.01"),
        ({"defaultReward": True}, "InvalidServiceConfiguration", "true"),
        ({"defaultReward": "NaN"}, "InvalidServiceConfiguration", '"NaN"'),
        ({"defaultReward": "Infinity"}, "InvalidServiceConfiguration", "number"),
        ({"rewardAggregation": "mean"}, "InvalidServiceConfiguration",
         "earliest, average, median, sum, min, max"),
        ({"rewardAggregation": 3}, "InvalidServiceConfiguration", "earliest"),
        ({"explorationPercentage": 20}, "InvalidServiceConfiguration", "from 0 to 1"),
        ({"explorationPercentage": -0.1}, "InvalidServiceConfiguration", "-0.1"),
        ({"modelExportFrequency": "PT0.5S"}, "InvalidServiceConfiguration", "1 second"),
        ({"modelExportFrequency": "P31D"}, "InvalidServiceConfiguration", "30 days"),
        ({"logMirrorEnabled": "maybe"}, "InvalidServiceConfiguration", "true or false"),
        ({"logRetentionDays": 1}, "InvalidLogRetentionDays", "from 2 to"),
        ({"logRetentionDays": 0}, "InvalidLogRetentionDays", "-1 for ever"),
        ({"logRetentionDays": -2}, "InvalidLogRetentionDays", "-2"),
        ({"logRetentionDays": 2147483648}, "InvalidLogRetentionDays", "2147483647"),
        ({"logRetentionDays": 2.5}, "InvalidServiceConfiguration", "whole number"),
        ({"rewardWaitTime": "P2D", "logRetentionDays": 2}, "InvalidLogRetentionDays", "from 3"),
        ({"rewardWaitTime": "P1DT1S", "logRetentionDays": 2}, "InvalidLogRetentionDays", "from 3"),
        ({"modelRetrainDays": -1}, "InvalidModelRetrainDays", "from 0 to 90"),
        ({"modelRetrainDays": 91}, "InvalidModelRetrainDays", "91"),
        ({"modelRetrainDays": 8, "logRetentionDays": 7}, "InvalidModelRetrainDays", "from 0 to 7"),
        ({"learningMode": "Offline"}, "InvalidServiceConfiguration",
         "Online, Apprentice, LoggingOnly"),
        ({"autoOptimizationFrequency": "PT1M"}, "InvalidServiceConfiguration", "5 minutes"),
        ({"autoOptimizationStartDate": "soon"}, "InvalidServiceConfiguration", "date and time"),
        ({"stagedModelHistoryLength": 0}, "InvalidServiceConfiguration", "1 to 100"),
        ({"modelAutoPublish": []}, "InvalidServiceConfiguration", "[]"),
    ],
)  # fmt: skip
def test_a_rule_names_member_value_and_range(
    body: dict[str, JsonValue], code: str, says: str
) -> None:
    found, message, target = refusal(body)

    assert found == code
    assert says in message
    assert target in body
    assert message.startswith(f"{target} is ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"PT10M"',
        b"{",
        b'{"defaultReward":NaN}',
        b'{"defaultReward":1e999}',
        b"\xff{}",
        b'{"a":"\\ud800"}',
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(body)[0] == "InvalidServiceConfiguration"


def test_the_edges_are_inside() -> None:
    for body in (
        {"rewardWaitTime": "PT5S"},
        {"rewardWaitTime": "P2D", "logRetentionDays": 3},
        {"rewardWaitTime": "P1D", "logRetentionDays": 2},
        {"defaultReward": -1, "explorationPercentage": 0},
        {"modelRetrainDays": 90},
        {"modelRetrainDays": 5000, "logRetentionDays": -1},
        {"modelExportFrequency": "PT1S"},
    ):
        put(orjson.dumps(body))


def test_a_deployment_may_raise_the_longest_wait() -> None:
    wanted = put({"rewardWaitTime": "P7D"}, longest_wait=timedelta(days=7))

    assert wanted.reward_wait_time == timedelta(days=7)


def test_a_secret_is_not_repeated_in_a_message() -> None:
    _, message, target = refusal({"logMirrorSasUri": "sig=hush" * 1000})

    assert target == "logMirrorSasUri"
    assert "hush" not in message


def test_a_long_value_is_cut_short() -> None:
    assert len(refusal({"rewardWaitTime": "x" * 5000})[1]) < 300


@pytest.mark.parametrize(
    "change",
    [{"rewardWaitTime": "PT15S"}, {"defaultReward": 0.5}, {"rewardAggregation": "sum"}],
)
def test_the_learning_mode_does_not_change_with_how_rewards_are_made(
    change: dict[str, JsonValue],
) -> None:
    code, message, _ = refusal({"learningMode": "Apprentice", **change})

    assert code == "InvalidLearningModeServiceConfiguration"
    assert "from Online to Apprentice" in message


def test_the_learning_mode_may_come_with_the_values_that_stand() -> None:
    wanted = put({"learningMode": "apprentice", "rewardWaitTime": "PT10M", "logRetentionDays": 7})

    assert wanted.learning_mode is LearningMode.APPRENTICE
    assert not wanted.resets_model(FRESH)


@pytest.mark.parametrize(
    ("body", "resets"),
    [
        ({"rewardWaitTime": "PT15S"}, True),
        ({"defaultReward": 1}, True),
        ({"rewardAggregation": "max"}, True),
        ({"explorationPercentage": 0.3}, True),
        ({"modelExportFrequency": "PT15S"}, False),
        ({"logRetentionDays": 30}, False),
        ({"modelRetrainDays": 7}, False),
        ({"learningMode": "Online"}, False),
        ({"isInferenceExplainabilityEnabled": True}, False),
    ],
)
def test_what_resets_the_model(body: dict[str, JsonValue], resets: bool) -> None:
    assert put(body).resets_model(FRESH) is resets


def test_from_apprentice_to_online_keeps_the_model() -> None:
    apprentice = replace(FRESH, learning_mode=LearningMode.APPRENTICE)

    assert not put({"learningMode": "Online"}, apprentice).resets_model(apprentice)


def test_a_stored_configuration_reads_the_same() -> None:
    adapter = TypeAdapter(ServiceConfiguration)
    configuration = put({"rewardWaitTime": "PT15.5S", "autoOptimizationStartDate": "2021-01-19"})

    assert adapter.validate_json(adapter.dump_json(configuration)) == configuration
