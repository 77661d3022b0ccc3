"""Which loop a request's key opens."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import blake2b

from api.options import LoopKeys, key_settings
from loop.errors import Unauthorized

KEY_HEADER = "Ocp-Apim-Subscription-Key"


class Keyring:
    """The keys of every loop of a deployment.

    Only digests are kept, and a presented key is compared with all of them, each in constant
    time, so that how long a refusal takes says nothing about any key.
    """

    def __init__(self, loops: Iterable[LoopKeys]) -> None:
        loops = tuple(loops)
        self._keys = [(_digest(key), loop.name) for loop in loops for key in loop.keys]
        self._settings = [" or ".join(key_settings(loop.name)) for loop in loops]

    def open(self, key: str | None, addressed: str | None = None) -> str:
        """The name of the loop that ``key`` opens.

        Args:
            key: What the request's key header holds; None where it has none.
            addressed: The loop that the path names, if it names one.

        Raises:
            Unauthorized: The key is missing or opens no loop, or not the one that the path names.
        """
        if not self._keys:
            settings = "; ".join(self._settings)
            raise Unauthorized(f"This service has no key yet. Set {settings} in its settings.")
        if not key:
            raise Unauthorized(f"The request has no key: the header {KEY_HEADER} is missing.")
        presented = _digest(key)
        opened = None
        for digest, name in self._keys:
            if hmac.compare_digest(digest, presented):
                opened = name
        if opened is None:
            raise Unauthorized(f"The key in the header {KEY_HEADER} is not valid.")
        if addressed is not None and addressed.lower() != opened:
            raise Unauthorized(
                f"The key in the header {KEY_HEADER} does not open the loop that the path names."
            )
        return opened


def _digest(key: str) -> bytes:
    # "surrogatepass": a header may hold bytes that are no text, and is then simply not a key.
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).digest()
