"""Which loop a request's key opens."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import blake2b

KEY_HEADER = "Ocp-Apim-Subscription-Key"


class Keyring:
    """The keys of some loops, by the loop's name.

    Only digests are kept, and a presented key is compared with all of them, each in constant
    time, so that how long a refusal takes says nothing about any key.
    """

    def __init__(self, loops: Mapping[str, Sequence[str]]) -> None:
        self._keys = [(_digest(key), name) for name, keys in loops.items() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def find(self, key: str) -> str | None:
        """The name of the loop that ``key`` opens; None where it opens none."""
        presented = _digest(key)
        opened = None
        for digest, name in self._keys:
            if hmac.compare_digest(digest, presented):
                opened = name
        return opened


def _digest(key: str) -> bytes:
    # "surrogatepass": a header may hold bytes that are no text, and is then simply not a key.
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).digest()
