from __future__ import annotations

import pytest

from storage.factory import Storage, open_storage
from storage.options import CONNECTION, StorageOptions, storage_options


async def test_a_loop_is_the_same_each_time(opened: Storage, loop_name: str) -> None:
    assert opened.loop(loop_name) is opened.loop(loop_name)


@pytest.mark.parametrize("name", ["", "Default", "a-b", "a/b", "a" * 41, "ü", "default\n"])
async def test_names_that_no_table_can_bear_are_refused(opened: Storage, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        opened.loop(name)


async def test_a_storage_is_of_use_only_while_it_is_open(options: StorageOptions) -> None:
    storage = open_storage(options)
    with pytest.raises(RuntimeError, match="not open"):
        storage.loop("default")
    async with storage:
        storage.loop("default")
    with pytest.raises(RuntimeError, match="not open"):
        storage.loop("default")


async def test_a_storage_by_identity_opens_and_closes() -> None:
    options = storage_options({f"{CONNECTION}__accountName": "acme"})
    async with open_storage(options) as storage:
        storage.loop("default")
