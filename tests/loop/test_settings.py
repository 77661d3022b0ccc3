from __future__ import annotations

import orjson
import pytest

from loop.configuration import ServiceConfiguration
from loop.events import LearningMode
from loop.learning_settings import DEFAULT_MULTI_SLOT_ARGUMENTS
from loop.settings import LoopSettings, Policy


def test_settings_of_an_older_release_keep_what_they_say() -> None:
    # GIVEN settings that were stored when loops did not optimise themselves by default
    stored = orjson.loads(LoopSettings(training_version=3).model_dump_json())
    stored["configuration"]["is_auto_optimization_enabled"] = False
    del stored["reconfigured"]
    # WHEN they are read THEN nothing has changed
    settings = LoopSettings.model_validate_json(orjson.dumps(stored))
    assert settings.configuration == ServiceConfiguration(is_auto_optimization_enabled=False)
    assert (settings.training_version, settings.reconfigured) == (3, 0)
    assert settings.optimization_hindrance == "isAutoOptimizationEnabled is false"


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        (LearningMode.ONLINE, None),
        (LearningMode.APPRENTICE, "Apprentice"),
        (LearningMode.LOGGING_ONLY, "LoggingOnly"),
    ],
)
def test_a_loop_optimises_itself_online_alone(mode: LearningMode, says: str | None) -> None:
    found = LoopSettings(
        configuration=ServiceConfiguration(learning_mode=mode)
    ).optimization_hindrance
    assert found is None if says is None else says in str(found)


def test_a_multi_slot_loop_does_not() -> None:
    policy = Policy(name="slots", arguments=DEFAULT_MULTI_SLOT_ARGUMENTS)
    assert "multi-slot" in str(LoopSettings(policy=policy).optimization_hindrance)


def test_another_policy_asks_for_another_training() -> None:
    policy = Policy(name="mine", arguments="--cb_explore_adf")
    changed = LoopSettings(training_version=3).with_policy(policy)
    assert (changed.policy, changed.training_version) == (policy, 4)
