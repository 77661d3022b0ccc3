"""Tokens that an identity opens storage with: asked for once, renewed before they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity.aio import (
    AzureCliCredential,
    AzureDeveloperCliCredential,
    ManagedIdentityCredential,
)

from loop.errors import StorageUnavailable
from storage.options import Identity, IdentityKind

_SCOPE = "https://storage.azure.com/.default"
_RENEW_SECONDS = 300.0
_PAUSE_SECONDS = 10.0
_ENDPOINT_SECONDS = 5.0
_ENDPOINT_RETRIES = 2
_ENDPOINT_BACKOFF_SECONDS = 0.1
_COMMAND_SECONDS = 30


class StorageTokens(AsyncTokenCredential):
    """A credential of the client library's that asks an identity as seldom as it can.

    All who wait for a token wait for one answer. In a token's last five minutes another one is
    asked for while the old one goes on opening; where none is given, that is tried again, with
    pauses, and fails a call only once the old one has ended.

    Args:
        source: Where the tokens come from; closed with this.
        patience: Seconds until ``source`` counts as not answering.
        now: Unix time.
    """

    def __init__(
        self,
        source: AsyncTokenCredential,
        patience: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._patience = patience
        self._now = now
        self._token = AccessToken("", 0)
        self._failure: Exception | None = None
        self._asked = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> AccessToken:
        """A token for storage, whatever else is asked for.

        Raises:
            StorageUnavailable: The identity gave none.
        """
        if self._asking is None and self._is_due():
            self._asking = asyncio.create_task(self._ask())
        if not self._opens():
            # Whoever is cancelled leaves it to the others.
            if self._asking is not None:
                await asyncio.shield(self._asking)
            if not self._opens():
                raise StorageUnavailable(
                    f"The identity gave no token for storage: {self._reason()}."
                ) from self._failure
        return self._token

    def _opens(self) -> bool:
        return self._now() < self._token.expires_on

    def _is_due(self) -> bool:
        if not self._opens():
            return True
        left = self._token.expires_on - self._now()
        return left < _RENEW_SECONDS and self._now() >= self._asked + _PAUSE_SECONDS

    async def _ask(self) -> None:
        self._asked = self._now()
        try:
            self._token = await asyncio.wait_for(self._source.get_token(_SCOPE), self._patience)
            self._failure = None
        except (AzureError, asyncio.TimeoutError) as error:
            self._failure = error
        finally:
            self._asking = None

    def _reason(self) -> str:
        if self._failure is None:
            return "the one it gave has ended"
        # The message of it may quote what the identity's endpoint has said.
        return type(self._failure).__name__

    async def close(self) -> None:
        """Ask no more, and close the source."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking
        await self._source.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


def storage_tokens(identity: Identity) -> StorageTokens:
    """The tokens of ``identity``; nothing is asked for yet."""
    if identity.kind is IdentityKind.MANAGED:
        managed = ManagedIdentityCredential(
            client_id=identity.client_id,
            retry_total=_ENDPOINT_RETRIES,
            retry_backoff_factor=_ENDPOINT_BACKOFF_SECONDS,
        )
        return StorageTokens(managed, _ENDPOINT_SECONDS)
    # A command is ended by the credential: with less patience here it would be left behind.
    patience = _COMMAND_SECONDS + 1.0
    if identity.kind is IdentityKind.AZURE_CLI:
        return StorageTokens(AzureCliCredential(process_timeout=_COMMAND_SECONDS), patience)
    return StorageTokens(AzureDeveloperCliCredential(process_timeout=_COMMAND_SECONDS), patience)
