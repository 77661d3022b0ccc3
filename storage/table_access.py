"""How a request to the table service shows that it may: by a signature or by a token."""

from __future__ import annotations

import base64
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from email.utils import formatdate

from storage.identity import StorageTokens
from storage.options import AccountKey


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
    """Shows a token of an identity."""

    def __init__(self, tokens: StorageTokens) -> None:
        self._tokens = tokens

    async def headers(self, path: str) -> dict[str, str]:
        token = await self._tokens.get_token()
        return {
            "x-ms-date": formatdate(usegmt=True),
            "Authorization": f"Bearer {token.token}",
        }
