"""Which loop a request's key opens, and how far."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from api.callers import Caller

KEY_HEADER = "Ocp-Apim-Subscription-Key"


class Keyring:
    """The keys of some loops, by the loop's name.

    Only digests are kept, and a presented key is compared with all of them, each in constant
    time, so that how long a refusal takes says nothing about any key.

    Args:
        keys: Those that open a loop.
        client_keys: Those that open only what is for browsers and devices.
    """

    def __init__(
        self, keys: Mapping[str, Iterable[str]], client_keys: Mapping[str, Iterable[str]]
    ) -> None:
        self._callers = [
            Caller(name, limited, _digest(key))
            for limited, loops in ((False, keys), (True, client_keys))
            for name, each in loops.items()
            for key in each
        ]

    def __bool__(self) -> bool:
        return bool(self._callers)

    def find(self, key: str) -> Caller | None:
        """Who shows ``key``; None where it opens nothing."""
        presented = _digest(key)
        found = None
        for caller in self._callers:
            if hmac.compare_digest(caller.identity, presented):
                found = caller
        return found


def _digest(key: str) -> bytes:
    # "surrogatepass": a header may hold bytes that are no text, and is then simply not a key.
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).digest()
