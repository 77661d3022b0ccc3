"""The page's table of settings says what the service does."""

from __future__ import annotations

from datetime import datetime, timezone
from enum import Enum
from typing import Literal

import orjson
import pytest
from pydantic import BaseModel, TypeAdapter

from loop.configuration import RewardAggregation, ServiceConfiguration, configure
from loop.errors import InvalidServiceConfiguration
from loop.events import LearningMode
from tests.monitor.conftest import Visit

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
Scalar = str | float | bool | None


class Setting(BaseModel):
    """A row of the table."""

    name: str
    kind: Literal[
        "duration", "share", "number", "whole", "days", "choice", "switch", "secret", "moment"
    ]
    fallback: Scalar
    min: float | None = None
    max: float | None = None
    choices: list[tuple[str, str]] = []
    resets: bool = False

    def beyond(self, bound: float, step: int) -> str | float:
        """A value just outside of a bound, as the API takes it."""
        if self.kind == "duration":
            return f"PT{bound + step:.0f}S"
        return bound + step * (0.001 if self.kind in ("share", "number") else 1)

    def at(self, bound: float) -> str | float:
        """The bound, as the API takes it."""
        return f"PT{bound:.0f}S" if self.kind == "duration" else bound


_TABLE = TypeAdapter(list[Setting])


@pytest.fixture(scope="module")
def table() -> list[Setting]:
    """Filled by the first test that has a browser."""
    return []


@pytest.fixture
def settings(table: list[Setting], visit: Visit, untouched_key: str) -> list[Setting]:
    """The rows of the table, as a browser reads them."""
    if not table:
        page = visit(untouched_key).page
        page.goto("/")
        read = "async () => (await import('/monitor/settings.js')).SETTINGS"
        table.extend(_TABLE.validate_python(page.evaluate(read)))
    return table


def put(changes: dict[str, Scalar]) -> ServiceConfiguration:
    """What the service makes of changes to a fresh loop."""
    return configure(ServiceConfiguration(), orjson.dumps(changes), (), NOW)


def test_every_setting_is_in_it_with_its_default(settings: list[Setting]) -> None:
    fresh = orjson.loads(ServiceConfiguration().to_json())
    del fresh["lastConfigurationEditDate"]
    assert {setting.name: setting.fallback for setting in settings} == fresh


def test_what_is_chosen_from_is_what_the_service_takes(settings: list[Setting]) -> None:
    kinds: dict[str, type[Enum]] = {
        "rewardAggregation": RewardAggregation,
        "learningMode": LearningMode,
    }
    choices = {each.name: [name for name, _ in each.choices] for each in settings if each.choices}
    assert choices == {name: [one.value for one in kind] for name, kind in kinds.items()}


def test_bounds_are_those_of_the_service(settings: list[Setting]) -> None:
    for setting in settings:
        for bound, step in ((setting.min, -1), (setting.max, 1)):
            if bound is None:
                continue
            assert put({setting.name: setting.at(bound)})
            with pytest.raises(InvalidServiceConfiguration) as refused:
                put({setting.name: setting.beyond(bound, step)})
            assert refused.value.target == setting.name


def test_it_knows_what_resets_the_model(settings: list[Setting]) -> None:
    changes: dict[str, Scalar] = {
        "rewardWaitTime": "PT11M",
        "defaultReward": 0.1,
        "rewardAggregation": "sum",
        "explorationPercentage": 0.3,
        "modelExportFrequency": "PT6M",
        "logMirrorEnabled": True,
        "logMirrorSasUri": "https://account.blob.example/container?sig=…",
        "logRetentionDays": 91,
        "learningMode": "Apprentice",
        "isAutoOptimizationEnabled": False,
        "autoOptimizationFrequency": "P7D",
        "autoOptimizationStartDate": "2026-01-01T00:00:00Z",
        "isInferenceExplainabilityEnabled": True,
        "modelRetrainDays": 3,
        "modelAutoPublish": False,
        "stagedModelHistoryLength": 11,
    }
    assert {
        setting.name: put({setting.name: changes[setting.name]}).resets_model(
            ServiceConfiguration()
        )
        for setting in settings
    } == {setting.name: setting.resets for setting in settings}
