"""What a client was answered, held in files; what differs from run to run is masked.

A file holds the answers that one client gets, by what it asked for. A change that is meant is
written with ``UPDATE_SNAPSHOTS=1``, and reviewed as any other change.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from pydantic import JsonValue

FOLDER = Path(__file__).with_name("snapshots")
UPDATE = "UPDATE_SNAPSHOTS"

# They belong to the connection, or say what the body says already.
_PASSING = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)
_MASKS = (
    # The years that a fresh loop answers with, 1 and 1601, are part of the answer.
    (re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"), "<time>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<guid>"),
    (re.compile(r"[0-9a-f]{32}-\w{5}"), "<event id>"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<endpoint>"),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer as it came over the wire.

    Attributes:
        body: Its JSON; else its text, empty where there was none.
    """

    status: int
    headers: Mapping[str, str]
    body: JsonValue


def exchange(status: int, headers: Mapping[str, str], body: str) -> Exchange:
    """Read an answer; the names of its headers are put in lower case."""
    lowered = {name.lower(): value for name, value in headers.items()}
    is_json = body != "" and lowered.get("content-type", "").startswith("application/json")
    return Exchange(status, lowered, json.loads(body) if is_json else body)


def heard(answer: requests.Response) -> Exchange:
    """An answer that was asked for with `requests`."""
    return exchange(answer.status_code, answer.headers, answer.text)


class Snapshots:
    """The answers that one client gets.

    Args:
        client: Names the file.
    """

    def __init__(self, client: str) -> None:
        self._path = FOLDER / f"{client}.json"

    def check(self, asked: str, found: Exchange) -> None:
        """Compare an answer with the one that is held, the order of its members too."""
        held = self._read()
        headers = {name: found.headers[name] for name in sorted(found.headers.keys() - _PASSING)}
        answer: JsonValue = {"status": found.status, "headers": dict(headers), "body": found.body}
        masked = _masked(_text(answer))
        if os.environ.get(UPDATE):
            held[asked] = json.loads(masked)
            self._path.write_text(_text(dict(sorted(held.items()))) + "\n", encoding="utf-8")
        assert asked in held, f"no answer is held; write it with {UPDATE}=1"
        expected = _text(held[asked])
        lines = difflib.unified_diff(expected.splitlines(), masked.splitlines(), lineterm="")
        assert masked == expected, "\n".join([f"{self._path.name}: {asked}", *lines])

    def check_all(self, answers: Mapping[str, Exchange]) -> None:
        """Compare all answers that a client gets; none that is held may be missing."""
        for asked, found in answers.items():
            self.check(asked, found)
        assert self._read().keys() == answers.keys()

    def _read(self) -> dict[str, JsonValue]:
        if not self._path.exists():
            return {}
        held = json.loads(self._path.read_text(encoding="utf-8"))
        assert isinstance(held, dict)
        return held


def _text(value: JsonValue) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _masked(text: str) -> str:
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text
