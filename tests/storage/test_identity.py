from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError

from loop.errors import StorageUnavailable
from storage.identity import StorageTokens

PATIENCE_SECONDS = 30.0


class Source:
    """Gives what it was told to, one after another, and counts."""

    def __init__(self, given: Iterable[AccessToken | Exception | None]) -> None:
        self._given = iter(given)
        self.asked = 0
        self.closed = False

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        assert scopes == ("https://storage.azure.com/.default",)
        self.asked += 1
        given = next(self._given)
        if given is None:
            await asyncio.Event().wait()
            raise AssertionError
        await asyncio.sleep(0)
        if isinstance(given, Exception):
            raise given
        return given

    async def close(self) -> None:
        self.closed = True


class TestStorageTokens:
    """A token is asked for once, and again before it ends."""

    def tokens(self, source: Source, patience: float = PATIENCE_SECONDS) -> StorageTokens:
        self.now = 1_000_000.0
        return StorageTokens(cast(AsyncTokenCredential, source), patience, lambda: self.now)

    async def shown(self, tokens: StorageTokens) -> str:
        return (await tokens.get_token("anything")).token

    async def settled(self) -> None:
        """What was begun in the background is over."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), PATIENCE_SECONDS)

    async def test_one_serves_many_calls(self) -> None:
        source = Source([AccessToken("one", 1_003_600)])
        tokens = self.tokens(source)
        shown = await asyncio.gather(*(self.shown(tokens) for _ in range(5)))
        assert shown == ["one"] * 5
        assert source.asked == 1

    async def test_it_is_renewed_in_its_last_five_minutes_while_nobody_waits(self) -> None:
        source = Source([AccessToken("one", 1_003_600), AccessToken("two", 1_007_200)])
        tokens = self.tokens(source)
        assert await self.shown(tokens) == "one"
        self.now = 1_003_299.0
        assert await self.shown(tokens) == "one"
        await self.settled()
        assert source.asked == 1
        self.now = 1_003_301.0
        assert await self.shown(tokens) == "one"
        await self.settled()
        assert await self.shown(tokens) == "two"
        assert source.asked == 2

    async def test_it_is_used_up_to_its_end_where_no_other_is_given(self) -> None:
        refusal = ClientAuthenticationError("no")
        source = Source([AccessToken("one", 1_003_600), refusal, refusal, refusal])
        tokens = self.tokens(source)
        assert await self.shown(tokens) == "one"
        # WHEN it can't be renewed THEN that is tried again only after a pause
        for moment, asked in ((1_003_301.0, 2), (1_003_310.0, 2), (1_003_311.0, 3)):
            self.now = moment
            assert await self.shown(tokens) == "one"
            await self.settled()
            assert source.asked == asked
        # AND a call fails once it has ended
        self.now = 1_003_600.0
        with pytest.raises(StorageUnavailable, match=r"no token.*ClientAuthenticationError"):
            await self.shown(tokens)

    async def test_all_who_wait_are_told_of_one_failure_and_the_next_one_asks(self) -> None:
        source = Source([ClientAuthenticationError("no"), AccessToken("one", 1_003_600)])
        tokens = self.tokens(source)
        shown = await asyncio.gather(
            *(self.shown(tokens) for _ in range(5)), return_exceptions=True
        )
        assert [type(each) for each in shown] == [StorageUnavailable] * 5
        assert source.asked == 1
        assert await self.shown(tokens) == "one"

    async def test_an_identity_that_does_not_answer_fails_in_its_time(self) -> None:
        tokens = self.tokens(Source([None]), patience=0.01)
        with pytest.raises(StorageUnavailable, match=r"no token.*TimeoutError"):
            await self.shown(tokens)

    async def test_a_token_that_has_ended_is_not_shown(self) -> None:
        tokens = self.tokens(Source([AccessToken("old", 999_999)]))
        with pytest.raises(StorageUnavailable, match="has ended"):
            await self.shown(tokens)

    async def test_who_is_cancelled_leaves_the_answer_to_the_others(self) -> None:
        source = Source([AccessToken("one", 1_003_600)])
        tokens = self.tokens(source)
        first = asyncio.create_task(self.shown(tokens))
        second = asyncio.create_task(self.shown(tokens))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == "one"
        assert source.asked == 1

    async def test_closing_ends_what_is_asked(self) -> None:
        source = Source([None])
        tokens = self.tokens(source)
        async with tokens:
            waiting = asyncio.create_task(self.shown(tokens))
            await asyncio.sleep(0)
            waiting.cancel()
        await self.settled()
        assert source.closed
