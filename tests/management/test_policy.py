"""The policy over storage."""

from __future__ import annotations

import orjson
import pytest

from loop.configuration import REQUIRED_IN_V1
from loop.errors import (
    InvalidPolicyConfiguration,
    InvalidPolicyContract,
    ProblemTypeIncompatibleWithAutoOptimization,
)
from loop.events import LoopKind, Micros
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.settings import DEFAULT_MULTI_SLOT_POLICY, DEFAULT_POLICY, Policy
from management.configuration import get_configuration, put_configuration
from management.policy import get_policy, put_policy, read_policy, reset_policy
from storage.factory import LoopStorage

BODY = b'{"name": "mine", "arguments": " --cb_explore_adf  --epsilon 0.1\\t-q:: "}'


async def version(storage: LoopStorage) -> int:
    return (await storage.settings.read()).value.training_version


async def test_a_fresh_loop_has_the_default(storage: LoopStorage) -> None:
    policy = await get_policy(storage)

    assert orjson.loads(policy.to_json()) == {"name": "app1", "arguments": DEFAULT_ARGUMENTS}


async def test_arguments_come_back_to_the_letter(storage: LoopStorage) -> None:
    answer = await put_policy(storage, BODY)

    assert answer == Policy(name="mine", arguments=" --cb_explore_adf  --epsilon 0.1\t-q:: ")
    assert await get_policy(storage) == answer
    assert orjson.loads(answer.to_json()) == orjson.loads(BODY)


async def test_every_put_and_reset_asks_for_training(storage: LoopStorage) -> None:
    await put_policy(storage, BODY)
    await put_policy(storage, BODY)
    assert await version(storage) == 2

    assert await reset_policy(storage) == DEFAULT_POLICY

    assert await version(storage) == 3
    assert await get_policy(storage) == DEFAULT_POLICY


async def test_what_a_get_answers_can_be_put(storage: LoopStorage) -> None:
    await put_policy(storage, (await get_policy(storage)).to_json())

    assert await get_policy(storage) == DEFAULT_POLICY


async def test_what_is_refused_changes_nothing(storage: LoopStorage) -> None:
    with pytest.raises(InvalidPolicyConfiguration, match="--daemon"):
        await put_policy(storage, b'{"name":"x","arguments":"--cb_explore_adf --daemon"}')

    assert (await storage.settings.read()).etag is None


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"", None),
        (b"[]", None),
        (b"null", None),
        (b'{"name":"x"', None),
        (b'{"name":"x"}', "arguments"),
        (b'{"arguments":"--cb_explore_adf"}', "name"),
        (b'{"name":null,"arguments":"--cb_explore_adf"}', "name"),
        (b'{"name":"x","arguments":["--cb_explore_adf"]}', "arguments"),
        (b'{"name":7,"arguments":"--cb_explore_adf"}', "name"),
        (orjson.dumps({"name": "n" * 257, "arguments": "--cb_explore_adf"}), "name"),
        (orjson.dumps({"name": "n", "arguments": "--cb_explore_adf".ljust(1025)}), "arguments"),
    ],
)
def test_a_body_that_is_no_policy_is_refused(body: bytes, target: str | None) -> None:
    with pytest.raises(InvalidPolicyContract) as caught:
        read_policy(body)

    assert caught.value.target == target


def test_the_longest_policy_is_read() -> None:
    body = orjson.dumps({"name": "é" * 256, "arguments": "--cb_explore_adf".ljust(1024), "x": 1})

    assert len(read_policy(body).arguments) == 1024


MULTI_SLOT = b'{"name": "page", "arguments": "--ccb_explore_adf --epsilon 0.1 -q ::"}'


async def optimise(storage: LoopStorage, wanted: bool) -> None:
    """Let a loop optimise itself, or not."""
    body = orjson.loads((await get_configuration(storage)).to_json())
    body["isAutoOptimizationEnabled"] = wanted
    await put_configuration(storage, orjson.dumps(body), Micros(0), REQUIRED_IN_V1)


async def kind(storage: LoopStorage) -> LoopKind:
    return (await storage.settings.read()).value.kind


async def test_a_policy_makes_a_loop_multi_slot_and_single_slot_again(
    storage: LoopStorage,
) -> None:
    await optimise(storage, False)
    assert await kind(storage) is LoopKind.SINGLE_SLOT
    await put_policy(storage, MULTI_SLOT)
    assert await kind(storage) is LoopKind.MULTI_SLOT

    # WHEN the policy of a multi-slot loop is deleted THEN it returns to the default of its kind
    assert await reset_policy(storage) == DEFAULT_MULTI_SLOT_POLICY
    assert await kind(storage) is LoopKind.MULTI_SLOT

    await put_policy(storage, BODY)
    assert await kind(storage) is LoopKind.SINGLE_SLOT
    assert await reset_policy(storage) == DEFAULT_POLICY
    assert await version(storage) == 4


async def test_a_loop_that_optimises_itself_can_not_be_multi_slot(storage: LoopStorage) -> None:
    # GIVEN a fresh loop, which does THEN it has to be said first that it is not to
    with pytest.raises(ProblemTypeIncompatibleWithAutoOptimization):
        await put_policy(storage, MULTI_SLOT)
    assert await get_policy(storage) == DEFAULT_POLICY

    await optimise(storage, False)
    await put_policy(storage, MULTI_SLOT)
    with pytest.raises(ProblemTypeIncompatibleWithAutoOptimization):
        await optimise(storage, True)
    assert not (await get_configuration(storage)).is_auto_optimization_enabled
