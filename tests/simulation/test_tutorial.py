"""The tutorial of the retired service over HTTP, as its page tells one to play it, and its page
of several slots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.worlds.coffee import Coffee
from cli.worlds.shop import Shop
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


@pytest.mark.acceptance
def test_fifteen_thousand_visitors_teach_the_shop_what_goes_where(tmp_path: Path) -> None:
    # GIVEN a new service
    with LocalService(tmp_path / "service") as service:
        # WHEN 15,000 visitors see the page of a multi-slot loop that explores 5 % of its choices
        code = main(
            [
                *("simulate", "shop", "--endpoint", service.endpoint, "--key", service.key),
                *("--events", "15000", "--exploration", "0.05", "--policy", Shop.policy),
                *("--wait", "PT15S", "--update", "PT15S"),
                *("--output", str(tmp_path / "curve.png"), "--json", str(tmp_path / "end.json")),
            ]
        )
    # THEN nobody is lost, and pages end within a tenth of the best possible, far from chance
    end = json.loads((tmp_path / "end.json").read_text())
    assert code == 0
    assert (end["answered"], end["failures"]) == (15_000, {})
    assert end["random"] < 0.3 * end["best"]
    assert end["mean_last"] >= 0.9 * end["best"]
