"""The keys that a tenant publishes, for anybody to verify its tokens with.

Nothing here runs by a clock of its own: a token that comes in starts a fetch where one is due.
Tokens whose key is known go on meanwhile. Those whose key is not known wait for the fetch; however
many of them come, there is one in ``UNKNOWN_SECONDS`` and no more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError
from pydantic import BaseModel, ConfigDict, ValidationError

from loop.errors import IssuerUnavailable

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 3_600.0
"""How long keys are gone by without a look whether others are published."""

UNKNOWN_SECONDS = 30.0
"""The time between two fetches at least, also where the last one has failed."""

AWAY_SECONDS = 2.0
"""The same as long as there is no key at all."""

_FETCH_SECONDS = 5.0
_LARGEST_DOCUMENT = 1_048_576
_SMALLEST_KEY_BITS = 2_048


class _Key(BaseModel):
    """One published key; what is not for RSA lacks some of this."""

    model_config = ConfigDict(frozen=True)

    kty: str
    kid: str = ""
    n: str = ""
    e: str = ""


class _Document(BaseModel):
    """What is published; other members are of no use here."""

    keys: tuple[_Key, ...]


class _FetchFailed(Exception):
    """Raised when keys could not be fetched; the text says why."""


class PublishedKeys:
    """A tenant's public keys by their ids, as far as this process has seen them.

    Args:
        urls: Where they are published; those of all documents hold.
        clock: Seconds that only grow.
    """

    def __init__(self, urls: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._urls = urls
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._refresh_due = self._fetch_due = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> RSAPublicKey | None:
        """The key of that id; None where none is published.

        Raises:
            IssuerUnavailable: Not one key could be fetched yet.
        """
        known = self._keys.get(key_id)
        due = self._fetch_due if known is None else self._refresh_due
        if self._fetching is None and self._clock() >= due:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        if known is not None:
            return known
        if self._fetching is not None:
            # It ends by itself: each of its requests has a time limit.
            await asyncio.wait({self._fetching})
        if not self._keys:
            raise IssuerUnavailable(
                "The keys that bearer tokens are verified with can't be fetched; try again."
            )
        return self._keys.get(key_id)

    async def close(self) -> None:
        """Stop fetching."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    async def _fetch(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
        refresh = UNKNOWN_SECONDS
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                found = await asyncio.gather(*(_read(session, url) for url in self._urls))
        except _FetchFailed as error:
            logger.warning("entra_keys_not_fetched", extra={"reason": str(error)})
        else:
            # Those that are not published any more are gone at once.
            self._keys = {key_id: key for keys in found for key_id, key in keys.items()}
            refresh = REFRESH_SECONDS
            logger.info("entra_keys_fetched", extra={"keys": len(self._keys)})
        finally:
            now = self._clock()
            self._refresh_due = now + refresh
            self._fetch_due = now + (UNKNOWN_SECONDS if self._keys else AWAY_SECONDS)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("entra_keys_fetch_crashed", exc_info=error)


async def _read(session: aiohttp.ClientSession, url: str) -> dict[str, RSAPublicKey]:
    data = bytearray()
    try:
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise _FetchFailed(f"status {answer.status}")
            async for chunk in answer.content.iter_any():
                data += chunk
                if len(data) > _LARGEST_DOCUMENT:
                    raise _FetchFailed("too large")
        document = _Document.model_validate_json(bytes(data))
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise _FetchFailed(type(error).__name__) from error
    except ValidationError as error:
        raise _FetchFailed("no key document") from error
    keys = {key.kid: usable for key in document.keys if (usable := _usable(key)) is not None}
    if not keys:
        raise _FetchFailed("no usable key")
    return keys


def _usable(published: _Key) -> RSAPublicKey | None:
    if published.kty != "RSA" or not published.kid:
        return None
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": published.n, "e": published.e})
    except (InvalidKeyError, ValueError):
        return None
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY_BITS:
        return None
    return key
