"""The service configuration over storage: what is put is what the next GET gives."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from loop.configuration import REQUIRED_IN_V1, ServiceConfiguration
from loop.errors import InvalidRewardWaitTime, InvalidServiceConfiguration
from loop.events import Micros
from management.configuration import get_configuration, put_configuration
from storage.factory import LoopStorage

NOW = Micros(1_772_366_400_250_000)
NONE: frozenset[str] = frozenset()


async def version(storage: LoopStorage) -> int:
    return (await storage.settings.read()).value.training_version


async def test_a_fresh_loop_has_the_defaults(storage: LoopStorage) -> None:
    assert await get_configuration(storage) == ServiceConfiguration()


async def test_what_a_put_answers_the_next_get_gives(storage: LoopStorage) -> None:
    body = {
        "rewardWaitTime": "00:00:15",
        "defaultReward": 0.25,
        "rewardAggregation": "median",
        "explorationPercentage": 0.3,
        "modelExportFrequency": "PT15S",
        "logRetentionDays": -1,
        "autoOptimizationStartDate": "2026-01-19T00:00:00Z",
    }

    answer = await put_configuration(storage, orjson.dumps(body), NOW, REQUIRED_IN_V1)

    assert (await get_configuration(storage)).to_json() == answer.to_json()
    shown = orjson.loads(answer.to_json())
    assert shown["rewardWaitTime"] == "PT15S"
    assert shown["lastConfigurationEditDate"] == "2026-03-01T12:00:00.250000Z"


async def test_a_get_put_back_moves_only_the_date(storage: LoopStorage) -> None:
    first = await put_configuration(storage, b'{"rewardWaitTime":"PT1M"}', NOW, NONE)
    before = await version(storage)

    again = await put_configuration(storage, first.to_json(), Micros(NOW + 1), REQUIRED_IN_V1)

    assert again.last_configuration_edit_date > first.last_configuration_edit_date
    assert await version(storage) == before


async def test_a_change_that_resets_the_model_asks_for_training(storage: LoopStorage) -> None:
    await put_configuration(storage, b'{"modelRetrainDays":3}', NOW, NONE)
    assert await version(storage) == 0

    await put_configuration(storage, b'{"explorationPercentage":0.5}', NOW, NONE)

    assert await version(storage) == 1


async def test_what_is_refused_changes_nothing(storage: LoopStorage) -> None:
    with pytest.raises(InvalidRewardWaitTime):
        await put_configuration(storage, b'{"rewardWaitTime":"P3D"}', NOW, NONE)
    with pytest.raises(InvalidServiceConfiguration):
        await put_configuration(storage, b'{"defaultReward":0.5}', NOW, REQUIRED_IN_V1)

    assert (await storage.settings.read()).etag is None


async def test_puts_at_the_same_time_all_count(storage: LoopStorage) -> None:
    bodies = [b'{"modelRetrainDays":7}', b'{"defaultReward":0.5}', b'{"explorationPercentage":0}']

    await asyncio.gather(*(put_configuration(storage, body, NOW, NONE) for body in bodies))

    stands = await get_configuration(storage)
    assert (stands.model_retrain_days, stands.default_reward) == (7, 0.5)
    assert stands.exploration_percentage == 0
    assert await version(storage) == 2
