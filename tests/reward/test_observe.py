"""Observe: what a reward may look like, and what happens when the log does not take it."""

from __future__ import annotations

import asyncio

import pytest

from loop.errors import InvalidEventIdToActivate, InvalidRewardRequest, StorageUnavailable
from loop.events import Activation, Micros, Observation, Ranked, Reward, SlotRewards
from reward.observe import Observer
from storage.event_log import EventSink

NOW = Micros(1_700_000_000_000_000)
PATIENCE = 60.0


class FailingLog(EventSink):
    """Refuses the first appends, then keeps; notes every attempt."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.attempts: list[Ranked | Observation] = []

    async def append(self, event: Ranked | Observation) -> None:
        self.attempts.append(event)
        if len(self.attempts) <= self.failures:
            raise StorageUnavailable("away")


class HangingLog(FailingLog):
    """Never answers."""

    async def append(self, event: Ranked | Observation) -> None:
        self.attempts.append(event)
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"value": 1}', 1.0),
        (b'{"value": -0.25}', -0.25),
        (b'{"value": "1.0"}', 1.0),
        (b'{"value": 1e300}', 1e300),
        (b'{"value": 17, "other": [1]}', 17.0),
        (b' {"value":\t0 } ', 0.0),
    ],
)
async def test_a_finite_number_is_kept(body: bytes, value: float) -> None:
    log = FailingLog()
    await Observer(log, PATIENCE).reward("e1", body, NOW)
    assert log.attempts == [Reward("e1", NOW, value)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"1.0",
        b'{"value": null}',
        b'{"value": true}',
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": -Infinity}',
        b'{"value": 1e999}',
        b'{"value": "NaN"}',
        b'{"value": "inf"}',
        b'{"value": "much"}',
        b'{"value": ""}',
        b'{"value": [1]}',
        b'{"value": {"value": 1}}',
        b'{"Value": 1}',
        b'{"value": 1',
        b'{"value": "\xff"}',
        b"[" * 100_000,
    ],
)
async def test_anything_else_is_refused_and_not_kept(body: bytes) -> None:
    log = FailingLog()
    with pytest.raises(InvalidRewardRequest):
        await Observer(log, PATIENCE).reward("e1", body, NOW)
    assert log.attempts == []


async def test_ids_have_up_to_256_characters() -> None:
    log = FailingLog()
    await Observer(log, PATIENCE).reward("é" * 256, b'{"value": 1}', NOW)
    await Observer(log, PATIENCE).activate("é" * 256, NOW)
    with pytest.raises(InvalidRewardRequest, match="257"):
        await Observer(log, PATIENCE).reward("e" * 257, b'{"value": 1}', NOW)
    with pytest.raises(InvalidEventIdToActivate, match="257"):
        await Observer(log, PATIENCE).activate("e" * 257, NOW)


async def test_a_failed_append_is_tried_once_more_with_the_same_object() -> None:
    log = FailingLog(failures=1)
    await Observer(log, PATIENCE).reward("e1", b'{"value": 1}', NOW)
    assert len(log.attempts) == 2
    assert log.attempts[0] is log.attempts[1]


async def test_two_failures_are_told_to_the_caller() -> None:
    log = FailingLog(failures=2)
    with pytest.raises(StorageUnavailable):
        await Observer(log, PATIENCE).activate("e1", NOW)
    assert log.attempts == [Activation("e1", NOW)] * 2


async def test_a_log_that_hangs_is_given_up() -> None:
    with pytest.raises(StorageUnavailable, match="in time"):
        await Observer(HangingLog(), 0.01).reward("e1", b'{"value": 1}', NOW)


@pytest.mark.parametrize(
    ("rewards", "values"),
    [
        (b'[{"slotId": "top", "value": 1}]', (("top", 1.0),)),
        (
            b'[{"slotId": "a", "value": "0.5"}, {"slotId": 7, "value": -1}]',
            (("a", 0.5), ("7", -1.0)),
        ),
        (b'[{"slotId": "a", "value": 1}, {"slotId": "a", "value": 0}]', (("a", 1.0), ("a", 0.0))),
    ],
)
async def test_rewards_of_slots_are_one_row(
    rewards: bytes, values: tuple[tuple[str, float], ...]
) -> None:
    log = FailingLog()
    await Observer(log, PATIENCE).reward_slots("e1", b'{"reward": %b}' % rewards, NOW)
    assert log.attempts == [SlotRewards("e1", NOW, values)]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"{}", "reward"),
        (b'{"value": 1}', "reward"),
        (b'{"reward": null}', "reward"),
        (b'{"reward": 1}', "reward"),
        (b'{"reward": []}', "reward"),
        (b'{"reward": [%b]}' % b",".join([b'{"slotId":"a","value":1}'] * 51), "reward"),
        (b'{"reward": [1]}', "reward[0]"),
        (b'{"reward": [{"value": 1}]}', "reward[0].slotId"),
        (b'{"reward": [{"slotId": "", "value": 1}]}', "reward[0].slotId"),
        (b'{"reward": [{"slotId": "a", "value": 1}, {"slotId": "b"}]}', "reward[1].value"),
        (b'{"reward": [{"slotId": "a", "value": true}]}', "reward[0].value"),
        (b'{"reward": [{"slotId": "a", "value": "much"}]}', "reward[0].value"),
    ],
)
async def test_what_is_no_list_of_rewards_is_refused_with_its_place(
    body: bytes, target: str
) -> None:
    log = FailingLog()
    with pytest.raises(InvalidRewardRequest) as caught:
        await Observer(log, PATIENCE).reward_slots("e1", body, NOW)
    assert caught.value.target == target
    with pytest.raises(InvalidRewardRequest, match="257"):
        await Observer(log, PATIENCE).reward_slots(
            "e" * 257, b'{"reward": [{"slotId": "a", "value": 1}]}', NOW
        )
    assert log.attempts == []
