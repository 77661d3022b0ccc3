from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import cast

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from yarl import URL

from loop.errors import StorageUnavailable
from storage.options import AccountKey, StorageOptions, Timeouts
from storage.table_access import BearerToken, SharedKeyLite
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


class Tokens:
    """Gives what it was told to, one after another, and counts."""

    def __init__(self, given: Iterable[AccessToken | Exception]) -> None:
        self._given = iter(given)
        self.asked = 0

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        assert scopes == ("https://storage.azure.com/.default",)
        self.asked += 1
        await asyncio.sleep(0)
        given = next(self._given)
        if isinstance(given, Exception):
            raise given
        return given


class TestBearerToken:
    """A token is asked for once, and again before it expires."""

    def access(self, tokens: Tokens) -> BearerToken:
        self.now = 1_000_000.0
        return BearerToken(cast(AsyncTokenCredential, tokens), lambda: self.now)

    async def shown(self, access: BearerToken) -> str:
        return (await access.headers("/t"))["Authorization"]

    async def test_serves_many_calls(self) -> None:
        tokens = Tokens([AccessToken("one", 1_003_600)])
        access = self.access(tokens)
        shown = await asyncio.gather(*(self.shown(access) for _ in range(5)))
        assert shown == ["Bearer one"] * 5
        assert tokens.asked == 1

    async def test_is_renewed_in_its_last_five_minutes(self) -> None:
        tokens = Tokens([AccessToken("one", 1_003_600), AccessToken("two", 1_007_200)])
        access = self.access(tokens)
        assert await self.shown(access) == "Bearer one"
        self.now = 1_003_299.0
        assert await self.shown(access) == "Bearer one"
        self.now = 1_003_301.0
        assert await self.shown(access) == "Bearer two"
        assert tokens.asked == 2

    async def test_is_used_up_to_its_end_where_no_other_is_given(self) -> None:
        refusal = ClientAuthenticationError("no")
        tokens = Tokens([AccessToken("one", 1_003_600), refusal, refusal])
        access = self.access(tokens)
        assert await self.shown(access) == "Bearer one"
        self.now = 1_003_599.0
        assert await self.shown(access) == "Bearer one"
        self.now = 1_003_601.0
        with pytest.raises(StorageUnavailable, match="ClientAuthenticationError"):
            await self.shown(access)
