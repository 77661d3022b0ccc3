"""Which service a command talks to, and with which key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import orjson

DEFAULT_ENDPOINT = "http://127.0.0.1:7071"
KEY_VARIABLE = "PERSONALIZER_KEY1"
KEYS_FILE = Path(__file__).parents[1] / ".local" / "keys.json"


class NoKey(Exception):
    """Raised when nobody has given a key."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where to call, what to show at the door, and where that key was found."""

    endpoint: str
    key: str
    key_source: str


def find_access(endpoint: str, key: str | None, keys_file: Path = KEYS_FILE) -> Access:
    """The first key of: the given one, the environment's, the one that ``make run`` keeps.

    Raises:
        NoKey: There is none of them.
    """
    endpoint = endpoint.rstrip("/")
    if key:
        return Access(endpoint, key, "--key")
    if kept := os.environ.get(KEY_VARIABLE):
        return Access(endpoint, kept, KEY_VARIABLE)
    if keys_file.exists():
        kept = orjson.loads(keys_file.read_bytes())[KEY_VARIABLE]
        return Access(endpoint, kept, str(keys_file))
    raise NoKey(f"no key: give --key, set {KEY_VARIABLE}, or start the service with `make run`")
