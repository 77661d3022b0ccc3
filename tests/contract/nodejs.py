"""Runs the scripts in `node/`: each asks a client of the JavaScript world for many things."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from tests.contract.conftest import Loop
from tests.contract.snapshots import Exchange, exchange

FOLDER = Path(__file__).with_name("node")
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call.

    Attributes:
        wire: What the service answered.
        made: What the client made of it, as far as the script tells.
    """

    wire: Exchange
    made: JsonValue


def run(script: str, loop: Loop, *files: Path) -> Mapping[str, Answer]:
    """All answers that a script was given, by what it asked for."""
    ran = subprocess.run(
        ["node", FOLDER / script, loop.endpoint, loop.key, *files],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return {
        asked: Answer(exchange(found["status"], found["headers"], found["body"]), found["made"])
        for asked, found in json.loads(ran.stdout).items()
    }
