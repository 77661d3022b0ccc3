"""How a request to the table service shows that it may: by a signature or by a token."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from email.utils import formatdate

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from loop.errors import StorageUnavailable
from storage.options import AccountKey

_SCOPE = "https://storage.azure.com/.default"
_TOKEN_SECONDS = 5.0
_RENEW_SECONDS = 300.0


class Access(ABC):
    """Headers that open the table service."""

    @abstractmethod
    async def headers(self, path: str) -> dict[str, str]:
        """The headers for one request to ``path``, percent-encoded as it is sent.

        Raises:
            StorageUnavailable: No token could be had.
        """


class SharedKeyLite(Access):
    """Signs date and path with the account's key.

    The signature is HMAC-SHA256 of the date, a newline and ``/{account}{path}``: "Authorize with
    Shared Key", Table service with Shared Key Lite, of the Azure Storage REST reference.
    """

    def __init__(self, key: AccountKey, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now

    async def headers(self, path: str) -> dict[str, str]:
        date = formatdate(self._now(), usegmt=True)
        text = f"{date}\n/{self._key.account}{path}"
        signature = hmac.digest(self._key.key, text.encode(), "sha256")
        encoded = base64.b64encode(signature).decode()
        return {
            "x-ms-date": date,
            "Authorization": f"SharedKeyLite {self._key.account}:{encoded}",
        }


class BearerToken(Access):
    """Shows a token of an identity, and renews it in its last five minutes."""

    def __init__(
        self, credential: AsyncTokenCredential, now: Callable[[], float] = time.time
    ) -> None:
        self._credential = credential
        self._now = now
        self._token = ""
        self._expires = 0.0
        self._renewing = asyncio.Lock()

    async def headers(self, path: str) -> dict[str, str]:
        if self._left() < _RENEW_SECONDS:
            await self._renew()
        date = formatdate(self._now(), usegmt=True)
        return {"x-ms-date": date, "Authorization": f"Bearer {self._token}"}

    def _left(self) -> float:
        return self._expires - self._now()

    async def _renew(self) -> None:
        if self._renewing.locked() and self._left() > 0:
            return  # somebody is at it, and the token still opens
        async with self._renewing:
            if self._left() >= _RENEW_SECONDS:
                return
            try:
                token = await asyncio.wait_for(self._credential.get_token(_SCOPE), _TOKEN_SECONDS)
            except (AzureError, asyncio.TimeoutError) as e:
                if self._left() > 0:
                    return
                raise StorageUnavailable(
                    f"The identity gave no token for storage: {type(e).__name__}."
                ) from e
            self._token, self._expires = token.token, float(token.expires_on)
