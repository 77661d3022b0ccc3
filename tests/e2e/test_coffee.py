"""The tutorial's coffee shop over HTTP, from the simulator's command line to a model that knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cli.worlds.coffee import Coffee
from tests.service import ROOT, LocalService

RANDOM = 0.25
HOUR_SECONDS = 3_600


def played(
    service: LocalService, folder: Path, events: int, seconds: int, *options: str
) -> dict[str, float]:
    """The summary of a simulation.

    Args:
        seconds: The reward wait time and the model's update frequency.
    """
    summary = folder / "summary.json"
    command = [sys.executable, "-m", "cli", "simulate", "coffee", "--events", str(events)]
    command += ["--endpoint", service.endpoint, "--key", service.key]
    command += ["--wait", f"PT{seconds}S", "--update", f"PT{seconds}S", "--json", str(summary)]
    command += ["--output", str(folder / "curve.png"), *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=HOUR_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    found: dict[str, float] = json.loads(summary.read_bytes())
    assert found["answered"] == events
    return found


def test_a_small_shop_learns(tmp_path: Path) -> None:
    # 1,600 visits in some 40 s: the first model comes after 20, and the others every 10.
    with LocalService(tmp_path) as service:
        summary = played(service, tmp_path, 1_600, 5, "--rate", "40", "--policy", Coffee.policy)
    assert summary["mean_last"] > 1.6 * RANDOM
