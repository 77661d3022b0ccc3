"""From observations to rewards and activations."""

from __future__ import annotations

import pytest

from loop.batched_outcomes import read_observations
from loop.errors import InvalidRequest
from loop.events import Activation, Micros, Reward, SlotRewards
from tests.batches import (
    CA,
    CB,
    CCB,
    DEDUP_INFO,
    OUTCOME,
    Event,
    cb,
    dedup_info,
    message,
    outcome,
)

NOW = Micros(1_700_000_000_000_000)


def observed(payload: bytes, event_id: str = "e1") -> Event:
    return Event(payload, id=event_id, type=OUTCOME)


def nonces(body: bytes) -> list[str]:
    return [o.nonce for o in read_observations(body, NOW) if isinstance(o, Reward)]


def test_numbers_are_rewards_and_taken_actions_are_activations() -> None:
    body = message(
        [
            Event(dedup_info({}), type=DEDUP_INFO),
            observed(outcome(0.5)),
            observed(outcome(-3), "e2"),
            observed(outcome(0.0), "e3"),
            observed(outcome(action_taken=True), "e4"),
            observed(outcome("1.0"), "e5"),
            observed(outcome(0.25, action_taken=True), "e6"),
        ]
    )
    assert read_observations(body, NOW) == [
        Reward("e1", NOW, 0.5),
        Reward("e2", NOW, -3.0),
        Reward("e3", NOW, 0.0),
        Activation("e4", NOW),
        Reward("e5", NOW, 1.0),
        Reward("e6", NOW, 0.25),
        Activation("e6", NOW),
    ]


def test_a_reward_may_be_that_of_a_slot() -> None:
    body = message([observed(outcome(0.5, index="top")), observed(outcome("1.0", index="s" * 256))])
    assert read_observations(body, NOW) == [
        SlotRewards("e1", NOW, (("top", 0.5),)),
        SlotRewards("e1", NOW, (("s" * 256, 1.0),)),
    ]


def test_outcomes_may_be_compressed() -> None:
    body = message([Event(outcome(0.5), type=OUTCOME, compressed=True)])
    assert read_observations(body, NOW) == [Reward("e1", NOW, 0.5)]


def test_a_batch_sent_again_makes_the_same_rewards() -> None:
    # GIVEN a batch with two equal rewards, and another that differs in one
    equal = [observed(outcome(1.0))] * 12
    body, other = message(equal), message([*equal, observed(outcome(0.0))])
    # THEN its rewards are told apart, and those of the same batch are not
    assert len(set(nonces(body))) == 12
    assert nonces(body) == nonces(body)
    assert not set(nonces(body)) & set(nonces(other))
    # THEN they sort as they were sent, which is what decides at one time of arrival
    assert sorted(nonces(body)) == nonces(body)


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"", ""),
        (outcome(), ".payload"),
        (outcome(float("nan")), ".payload.value"),
        (outcome(float("inf")), ".payload.value"),
        (outcome("much"), ".payload.value"),
        (outcome("nan"), ".payload.value"),
        (outcome('{"v":1}'), ".payload.value"),
        (outcome(""), ".payload.value"),
        (outcome(1.0, index=0), ".payload.index"),
        (outcome(1.0, index=""), ".payload.index"),
        (outcome(1.0, index="s" * 257), ".payload.index"),
        (outcome(index="slot"), ".payload"),
        (outcome(action_taken=True, index="slot"), ".payload.index"),
    ],
)
def test_other_outcomes_are_refused(payload: bytes, place: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_observations(message([observed(outcome(1.0)), observed(payload)]), NOW)
    assert error.value.target == f"events[1]{place}"


@pytest.mark.parametrize("kind", [CB, CCB, CA])
def test_other_payloads_are_refused(kind: int) -> None:
    with pytest.raises(InvalidRequest, match="not taken") as error:
        read_observations(message([Event(cb(), type=kind)]), NOW)
    assert error.value.target == "events[0].meta.payload_type"
