"""The tutorial of the retired service, over HTTP, as its page tells one to play it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.worlds.coffee import Coffee
from tests.service import LocalService


@pytest.mark.acceptance
def test_ten_thousand_customers_teach_the_coffee_shop(tmp_path: Path) -> None:
    # GIVEN a new service
    with LocalService(tmp_path / "service") as service:
        # WHEN 10,000 customers come, with 15 s of wait and of updates, and settings that can learn
        code = main(
            [
                *("simulate", "coffee", "--endpoint", service.endpoint, "--key", service.key),
                *("--wait", "PT15S", "--update", "PT15S", "--policy", Coffee.policy),
                *("--output", str(tmp_path / "curve.png"), "--json", str(tmp_path / "end.json")),
            ]
        )
    # THEN nobody is lost, and the last 1,000 are served nearly as well as exploration allows
    end = json.loads((tmp_path / "end.json").read_text())
    assert code == 0
    assert (end["answered"], end["failures"]) == (10_000, {})
    assert end["ceiling"] == 0.85
    assert end["mean_last"] >= 0.78
