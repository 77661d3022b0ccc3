from __future__ import annotations

from dataclasses import replace

import pytest
from azure.storage.blob.aio import ContainerClient

from local.azurite import Azurite
from loop.events import Micros
from loop.register import Register
from storage.factory import Storage, open_storage
from storage.options import CONNECTION, StorageOptions, storage_options


async def test_a_loop_is_the_same_each_time(opened: Storage, loop_name: str) -> None:
    assert opened.loop(loop_name) is opened.loop(loop_name)


@pytest.mark.parametrize("name", ["", "Default", "a-b", "a/b", "a" * 25, "ü", "default\n"])
async def test_names_that_no_table_can_bear_are_refused(opened: Storage, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        opened.loop(name)


async def test_a_storage_is_of_use_only_while_it_is_open(options: StorageOptions) -> None:
    storage = open_storage(options)
    with pytest.raises(RuntimeError, match="not open"):
        storage.loop("default")
    with pytest.raises(RuntimeError, match="not open"):
        _ = storage.register
    async with storage:
        storage.loop("default")
    with pytest.raises(RuntimeError, match="not open"):
        storage.loop("default")


async def test_a_storage_by_identity_opens_and_closes() -> None:
    options = storage_options({f"{CONNECTION}__accountName": "acme"})
    async with open_storage(options) as storage:
        storage.loop("default")


async def test_the_register_is_in_a_container_of_its_own(
    azurite: Azurite, options: StorageOptions, loop_name: str
) -> None:
    # GIVEN a storage that nobody has used, with a register and a loop's data
    options = replace(options, container=loop_name)
    async with open_storage(options) as storage:
        assert (await storage.register.read()).value == Register()
        register = Register().with_loop("shop", ("one", "two"), Micros(0))
        await storage.register.replace(register, await storage.register.read())
        await storage.loop("shop").blobs.write("a", b"")
    # WHEN another process opens it THEN the register is there
    async with open_storage(options) as storage:
        assert (await storage.register.read()).value == register
    # AND not where the data is
    assert await names(azurite, loop_name) == ["shop/a"]
    assert await names(azurite, f"{loop_name}-register") == ["loops.json"]


async def names(azurite: Azurite, container: str) -> list[str]:
    """The names of all blobs of a container."""
    connection = azurite.connection_string
    async with ContainerClient.from_connection_string(connection, container) as client:
        return [blob.name async for blob in client.list_blobs()]
