from __future__ import annotations

import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from loop.errors import StorageUnavailable
from storage.options import AccountKey, StorageOptions, Timeouts
from storage.table_access import SharedKeyLite
from storage.table_service import Insert, TableService


class Loopback(AbstractResolver):
    """Finds every host on this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


async def test_a_signature_opens_an_account_that_is_named_by_its_host(
    options: StorageOptions, loop_name: str
) -> None:
    # GIVEN an endpoint like that of a real account, https://account.table.core.windows.net
    assert isinstance(options.credential, AccountKey)
    account = options.credential.account
    endpoint = f"http://{account}.table.localtest:{URL(options.table_endpoint).port}"
    connector = aiohttp.TCPConnector(resolver=Loopback())
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        service = TableService(session, endpoint, SharedKeyLite(options.credential), Timeouts())
        # THEN calls of every form are let in
        table = f"log{loop_name}"
        row = b'{"PartitionKey":"p","RowKey":"r"}'
        assert await service.insert(table, row) is Insert.NO_TABLE
        assert await service.create(table)
        assert await service.insert(table, row) is Insert.KEPT
        assert await service.insert(table, row) is Insert.HELD
        assert await service.tables(table, f"{table}z") == [table]
        assert [r["RowKey"] for r in (await service.page(table, "p", "q")).rows] == ["r"]
        await service.delete(table)
        assert await service.tables(table, f"{table}z") == []


async def test_a_wrong_key_is_told_from_a_failure(options: StorageOptions) -> None:
    wrong = SharedKeyLite(AccountKey("devstoreaccount1", b"wrong"))
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        service = TableService(session, options.table_endpoint, wrong, Timeouts())
        with pytest.raises(StorageUnavailable, match=r"403 Auth\w+") as raised:
            await service.create("logx")
    assert "wrong" not in str(raised.value)
