"""Loops made, listed and removed by their owner."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from loop.events import Decision, Micros, Reward
from loop.manifest import Counts, Manifest, PublishedModel
from loop.register import KeyName, Register, RegisterError
from loop.settings import LoopSettings
from management.loops import (
    add_loop,
    delete_data,
    list_loops,
    remove_key,
    remove_loop,
    rotate_key,
)
from storage.blobs import Conflict
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from storage.table_rows import PAYLOAD_LIMIT

NOW = Micros(1_700_000_000_000_000)


@pytest.fixture
def options(options: StorageOptions, loop_name: str) -> StorageOptions:
    """A container for each test, so that each has a register of its own."""
    return replace(options, container=loop_name)


async def fill(storage: LoopStorage) -> None:
    """Leave something of every kind."""
    too_large_for_a_row = Random(1).randbytes(PAYLOAD_LIMIT + 1)
    await storage.log.append(Decision("e1", NOW, b"[]", (0,), (1.0,)))
    await storage.log.append(Decision("e2", NOW, too_large_for_a_row, (0,), (1.0,)))
    await storage.log.append(Reward("e1", NOW, 1.0))
    await storage.blobs.write("models/m1.vw", b"model")
    await storage.blobs.write("log/2023/11/14/22-000.dsjson.zst", b"lines")
    await storage.settings.replace(LoopSettings(), await storage.settings.read())
    await storage.manifest.replace(Manifest(run_id="r1"), await storage.manifest.read())


async def names(storage: LoopStorage) -> list[str]:
    """The names of a loop's blobs."""
    return [entry.name async for entry in storage.blobs.list("")]


async def test_a_loop_that_was_made_has_two_keys_of_its_own(opened: Storage) -> None:
    shop = await add_loop(opened.register, "shop", NOW)
    app = await add_loop(opened.register, "app", NOW)
    assert len({*shop.keys, *app.keys}) == 4
    assert all(len(key) == 32 for key in (*shop.keys, *app.keys))
    assert (await opened.register.read()).value.loops == {"shop": shop, "app": app}


async def test_the_same_loop_is_not_made_twice(opened: Storage) -> None:
    shop = await add_loop(opened.register, "shop", NOW)
    with pytest.raises(RegisterError, match="already"):
        await add_loop(opened.register, "shop", NOW)
    assert (await opened.register.read()).value.loop("shop") == shop


async def test_a_rotated_key_is_new_and_the_other_stays(opened: Storage) -> None:
    first, second = (await add_loop(opened.register, "shop", NOW)).keys
    rotated = await rotate_key(opened.register, "shop", KeyName.KEY2)
    assert rotated.keys[0] == first
    assert rotated.keys[1] not in (first, second)
    assert (await opened.register.read()).value.loop("shop") == rotated
    with pytest.raises(RegisterError, match="no loop"):
        await rotate_key(opened.register, "app", KeyName.KEY1)


async def test_a_client_key_is_made_rotated_and_taken_away(opened: Storage) -> None:
    # GIVEN a loop, which has none at first
    made = await add_loop(opened.register, "shop", NOW)
    assert made.client_keys == (None, None)
    # WHEN one is made and rotated THEN the loop's other keys stay
    first = await rotate_key(opened.register, "shop", KeyName.CLIENT1)
    second = await rotate_key(opened.register, "shop", KeyName.CLIENT1)
    assert first.keys == second.keys == made.keys
    assert len({first.client_keys[0], second.client_keys[0], *made.keys}) == 4
    assert (await opened.register.read()).value.loop("shop") == second
    # WHEN it is taken away THEN there is none
    assert await remove_key(opened.register, "shop", KeyName.CLIENT1) == made
    with pytest.raises(RegisterError, match="no key client1"):
        await remove_key(opened.register, "shop", KeyName.CLIENT1)


async def test_owners_who_work_at_the_same_time_lose_nothing(opened: Storage) -> None:
    loops = [f"loop{number}" for number in range(4)]
    await asyncio.gather(*(add_loop(opened.register, name, NOW) for name in loops))
    assert sorted((await opened.register.read()).value.loops) == loops


async def test_a_removed_loop_keeps_its_data_for_one_of_its_name(
    opened: Storage, loop_name: str, storage: LoopStorage
) -> None:
    former = await add_loop(opened.register, loop_name, NOW)
    await fill(storage)
    kept = await names(storage)
    await remove_loop(opened.register, loop_name)
    assert (await opened.register.read()).value == Register()
    assert await names(storage) == kept
    assert (await add_loop(opened.register, loop_name, NOW)).keys != former.keys
    with pytest.raises(RegisterError, match="no loop"):
        await remove_loop(opened.register, "other")


async def test_all_of_a_loop_s_data_is_deleted_and_nothing_of_another_s(
    opened: Storage, loop_name: str, storage: LoopStorage
) -> None:
    # GIVEN two loops whose names begin alike
    other = opened.loop(f"{loop_name}2")
    await fill(storage)
    await fill(other)
    kept = await names(other)
    # WHEN the data of one is deleted
    await delete_data(storage, NOW)
    # THEN nothing is left of it
    assert await names(storage) == []
    assert await storage.log.earliest() is None
    # AND all of the other's is there
    assert await names(other) == kept
    assert await other.log.earliest() is not None
    # AND once more does no harm
    await delete_data(storage, NOW)
    assert await names(storage) == []


async def test_a_run_of_the_trainer_under_way_brings_nothing_back(storage: LoopStorage) -> None:
    await fill(storage)
    read = await storage.manifest.read()
    await delete_data(storage, NOW)
    with pytest.raises(Conflict):
        await storage.manifest.replace(Manifest(run_id="r2"), read)
    assert await names(storage) == []


async def test_the_list_says_how_each_loop_is_doing(
    opened: Storage, loop_name: str, storage: LoopStorage
) -> None:
    # GIVEN a loop that has learned, and one that was made just now
    await add_loop(opened.register, loop_name, NOW)
    await add_loop(opened.register, f"{loop_name}2", Micros(NOW + 1))
    model = PublishedModel(id="m", blob="m", sha256="", arguments="", created=Micros(NOW + 2))
    counts = Counts(decisions=5, learned=4, duplicates=1)
    manifest = Manifest(model=model, counts=counts)
    await storage.manifest.replace(manifest, await storage.manifest.read())
    # WHEN they are listed
    default, first, second = await list_loops(opened)
    # THEN each has its own figures, and the default one is always there
    assert (default.name, default.created) == ("default", None)
    assert (first.name, first.created, first.model_created) == (loop_name, NOW, NOW + 2)
    assert first.counts == counts
    assert (second.created, second.model_created, second.counts) == (NOW + 1, None, Counts())
