"""The policy over storage."""

from __future__ import annotations

import orjson
import pytest

from loop.errors import InvalidPolicyConfiguration, InvalidPolicyContract
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.settings import DEFAULT_POLICY, Policy
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
