"""The service configuration of a loop: its wire form and its rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from loop.errors import (
    InvalidLearningModeServiceConfiguration,
    InvalidLogRetentionDays,
    InvalidModelRetrainDays,
    InvalidRewardWaitTime,
    InvalidServiceConfiguration,
)
from loop.events import LearningMode
from loop.iso import format_duration, format_instant, parse_duration, parse_instant

SHORTEST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(days=2)
"""The longest reward wait time, unless a deployment raises it."""

REQUIRED_IN_V1 = frozenset(
    {
        "rewardWaitTime",
        "defaultReward",
        "rewardAggregation",
        "explorationPercentage",
        "modelExportFrequency",
        "logRetentionDays",
    }
)

FOREVER = -1
"""The ``log_retention_days`` of a log that is never dropped."""

_LARGEST = 2**31 - 1


class RewardAggregation(str, Enum):
    """How several rewards of one event become one."""

    EARLIEST = "earliest"
    AVERAGE = "average"
    MEDIAN = "median"
    SUM = "sum"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class ServiceConfiguration:
    """What an owner sets for a loop; the defaults are those of a fresh one."""

    reward_wait_time: timedelta = timedelta(minutes=10)
    default_reward: float = 0.0
    reward_aggregation: RewardAggregation = RewardAggregation.EARLIEST
    exploration_percentage: float = 0.2
    model_export_frequency: timedelta = timedelta(minutes=5)
    log_mirror_enabled: bool = False
    log_mirror_sas_uri: str | None = None
    log_retention_days: int = 90
    last_configuration_edit_date: datetime = datetime(1601, 1, 1, tzinfo=timezone.utc)
    learning_mode: LearningMode = LearningMode.ONLINE
    is_auto_optimization_enabled: bool = True
    auto_optimization_frequency: timedelta = timedelta(days=28)
    auto_optimization_start_date: datetime | None = None
    is_inference_explainability_enabled: bool = False
    model_retrain_days: int = 2
    model_auto_publish: bool = True
    staged_model_history_length: int = 10

    def to_json(self) -> bytes:
        """The body that the API answers with.

        >>> ServiceConfiguration().to_json()[:44]
        b'{"rewardWaitTime":"PT10M","defaultReward":0.'
        """
        start = self.auto_optimization_start_date
        return orjson.dumps(
            {
                "rewardWaitTime": format_duration(self.reward_wait_time),
                "defaultReward": self.default_reward,
                "rewardAggregation": self.reward_aggregation.value,
                "explorationPercentage": self.exploration_percentage,
                "modelExportFrequency": format_duration(self.model_export_frequency),
                "logMirrorEnabled": self.log_mirror_enabled,
                "logMirrorSasUri": self.log_mirror_sas_uri,
                "logRetentionDays": self.log_retention_days,
                "lastConfigurationEditDate": format_instant(self.last_configuration_edit_date),
                "learningMode": self.learning_mode.value,
                "isAutoOptimizationEnabled": self.is_auto_optimization_enabled,
                "autoOptimizationFrequency": format_duration(self.auto_optimization_frequency),
                "autoOptimizationStartDate": None if start is None else format_instant(start),
                "isInferenceExplainabilityEnabled": self.is_inference_explainability_enabled,
                "modelRetrainDays": self.model_retrain_days,
                "modelAutoPublish": self.model_auto_publish,
                "stagedModelHistoryLength": self.staged_model_history_length,
            }
        )

    def resets_model(self, former: ServiceConfiguration) -> bool:
        """Whether a model learned under ``former`` has to be rebuilt from the log."""
        return self._how_rewards_are_made() != former._how_rewards_are_made() or (
            self.exploration_percentage != former.exploration_percentage
        )

    def _how_rewards_are_made(self) -> tuple[timedelta, float, RewardAggregation]:
        return (self.reward_wait_time, self.default_reward, self.reward_aggregation)

    def shortest_retention_days(self) -> int:
        """Days that an event needs to be joined and read again: the wait and one, rounded up."""
        return math.ceil((self.reward_wait_time + timedelta(days=1)) / timedelta(days=1))


_E = TypeVar("_E", bound=Enum)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a boolean is no number")
    return value


def _from_text(read: Callable[[str], timedelta] | Callable[[str], datetime]) -> BeforeValidator:
    def validate(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("not a text")
        return read(value)

    return BeforeValidator(validate)


def _ignoring_case(kind: type[_E]) -> BeforeValidator:
    names = {str(member.value).lower(): member for member in kind}

    def validate(value: object) -> object:
        return names.get(value.lower(), value) if isinstance(value, str) else value

    return BeforeValidator(validate)


_Duration = Annotated[timedelta, _from_text(parse_duration)]
_Instant = Annotated[datetime, _from_text(parse_instant)]
_Float = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
_Int = Annotated[int, BeforeValidator(_number)]


class _Body(BaseModel):
    """The members that a PUT may hold; numbers are taken as text as well."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    reward_wait_time: _Duration | None = None
    default_reward: Annotated[_Float, Field(ge=-1, le=1)] | None = None
    reward_aggregation: Annotated[RewardAggregation, _ignoring_case(RewardAggregation)] | None = (
        None
    )
    exploration_percentage: Annotated[_Float, Field(ge=0, le=1)] | None = None
    model_export_frequency: (
        Annotated[_Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=30))] | None
    ) = None
    log_mirror_enabled: bool | None = None
    log_mirror_sas_uri: Annotated[str, Field(max_length=2048)] | None = None
    log_retention_days: _Int | None = None
    learning_mode: Annotated[LearningMode, _ignoring_case(LearningMode)] | None = None
    is_auto_optimization_enabled: bool | None = None
    auto_optimization_frequency: (
        Annotated[_Duration, Field(ge=timedelta(minutes=5), le=timedelta(days=365))] | None
    ) = None
    auto_optimization_start_date: _Instant | None = None
    is_inference_explainability_enabled: bool | None = None
    model_retrain_days: _Int | None = None
    model_auto_publish: bool | None = None
    staged_model_history_length: Annotated[_Int, Field(ge=1, le=100)] | None = None


_DURATION = 'such as "PT15S" or "00:00:15"'
_EXPECTED: Mapping[str, str] = {
    "rewardWaitTime": f"a duration {_DURATION}",
    "defaultReward": "a number from -1 to 1",
    "rewardAggregation": "one of " + ", ".join(how.value for how in RewardAggregation),
    "explorationPercentage": "a number from 0 to 1",
    "modelExportFrequency": f"a duration from 1 second to 30 days, {_DURATION}",
    "logMirrorEnabled": "true or false",
    "logMirrorSasUri": "a text of up to 2048 characters, or null",
    "logRetentionDays": "a whole number of days, or -1 for ever",
    "learningMode": "one of " + ", ".join(mode.value for mode in LearningMode),
    "isAutoOptimizationEnabled": "true or false",
    "autoOptimizationFrequency": 'a duration from 5 minutes to 365 days, such as "P28D"',
    "autoOptimizationStartDate": 'a date and time such as "2021-01-19T00:00:00Z", or null',
    "isInferenceExplainabilityEnabled": "true or false",
    "modelRetrainDays": "a whole number of days",
    "modelAutoPublish": "true or false",
    "stagedModelHistoryLength": "a whole number from 1 to 100",
}
_BY_LOWER_CASE = {member.lower(): member for member in _EXPECTED}
_NULLABLE = frozenset({"logMirrorSasUri", "autoOptimizationStartDate"})
_SECRET = frozenset({"logMirrorSasUri"})


def _shown(member: str, value: object) -> str:
    if member in _SECRET:
        return "a value that is not shown"
    text = orjson.dumps(value).decode()
    return text if len(text) <= 100 else text[:97] + "..."


def _members(body: bytes) -> dict[str, object]:
    """The members of a body that say something, by their names in the API, whatever their case."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidServiceConfiguration(f"The body is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidServiceConfiguration("The body should be a JSON object.")
    members: dict[str, object] = {}
    for name, value in found.items():
        members[_BY_LOWER_CASE.get(str(name).lower()) or name] = value
    return {
        name: value for name, value in members.items() if value is not None or name in _NULLABLE
    }


def _check_rules(
    wanted: ServiceConfiguration, current: ServiceConfiguration, longest_wait: timedelta
) -> None:
    wait = wanted.reward_wait_time
    if not SHORTEST_WAIT <= wait <= longest_wait:
        raise InvalidRewardWaitTime(
            f"rewardWaitTime is {format_duration(wait)}; it should be from "
            f"{format_duration(SHORTEST_WAIT)} to {format_duration(longest_wait)}.",
            target="rewardWaitTime",
        )
    days, shortest = wanted.log_retention_days, wanted.shortest_retention_days()
    if days != FOREVER and not shortest <= days <= _LARGEST:
        raise InvalidLogRetentionDays(
            f"logRetentionDays is {days}; with a rewardWaitTime of {format_duration(wait)} it "
            f"should be from {shortest} to {_LARGEST}, or {FOREVER} for ever.",
            target="logRetentionDays",
        )
    furthest = _LARGEST if days == FOREVER else days
    if not 0 <= wanted.model_retrain_days <= furthest:
        raise InvalidModelRetrainDays(
            f"modelRetrainDays is {wanted.model_retrain_days}; it should be from 0 to {furthest}, "
            "the days that the log is kept.",
            target="modelRetrainDays",
        )
    if (
        wanted.learning_mode != current.learning_mode
        and wanted._how_rewards_are_made() != current._how_rewards_are_made()
    ):
        raise InvalidLearningModeServiceConfiguration(
            f"learningMode can't change (from {current.learning_mode.value} to "
            f"{wanted.learning_mode.value}) together with rewardWaitTime, defaultReward or "
            "rewardAggregation; send two requests.",
            target="learningMode",
        )


def configure(
    current: ServiceConfiguration,
    body: bytes,
    required: Collection[str],
    now: datetime,
    longest_wait: timedelta = LONGEST_WAIT,
) -> ServiceConfiguration:
    """The configuration that a PUT asks for.

    Members that the body leaves out keep their value. A null stands for a member left out, save
    for ``logMirrorSasUri`` and ``autoOptimizationStartDate``, which it clears.
    ``lastConfigurationEditDate`` is ``now``, whatever the body says, so that the answer of a GET
    can be put back as it is. Names of members, aggregations and learning modes are matched
    without regard to case. ``modelExportFrequency`` goes from 1 second to 30 days: no bound was
    ever published, and tutorials lower it to seconds.

    Args:
        current: The configuration that stands.
        body: A JSON object.
        required: Members that the body has to hold, such as ``REQUIRED_IN_V1``.
        now: An aware time.
        longest_wait: The upper end of ``rewardWaitTime``.

    Raises:
        InvalidServiceConfiguration: A member is missing, mistyped or out of range; the message
            names it, its value and what is allowed. Rules between members have subclasses:
            InvalidRewardWaitTime, InvalidLogRetentionDays, InvalidModelRetrainDays and
            InvalidLearningModeServiceConfiguration.
    """
    members = _members(body)
    missing = [name for name in _EXPECTED if name in required and name not in members]
    if missing:
        raise InvalidServiceConfiguration(
            f"{', '.join(missing)} should be given; {missing[0]} is {_EXPECTED[missing[0]]}.",
            target=missing[0],
        )
    try:
        asked = _Body.model_validate(members)
    except ValidationError as error:
        member = str(error.errors(include_url=False)[0]["loc"][0])
        raise InvalidServiceConfiguration(
            f"{member} is {_shown(member, members[member])}; it should be {_EXPECTED[member]}.",
            target=member,
        ) from None
    changes = {name: getattr(asked, name) for name in asked.model_fields_set}
    wanted = replace(current, **changes, last_configuration_edit_date=now)
    _check_rules(wanted, current, longest_wait)
    return wanted
