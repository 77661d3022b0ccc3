"""The bills of docs/deploy.md: of what is deployed by default, and computed as it says there."""

from __future__ import annotations

import re

import pytest

from benchmarks.costs import MONTH, Deployment, Needs, Prices, bill, table
from loop.configuration import ServiceConfiguration
from tests.docs.test_walkthroughs import DEPLOY
from tests.service import ROOT

_TUNED = Deployment(always_ready=1, trainer_seconds=60, items_per_second=1)


def lines(events: float, deployment: Deployment | None = None) -> dict[str, float]:
    """The dollars of a bill, by their names."""
    items = bill(events, deployment or Deployment(), Needs(), Prices())
    return {item.name: item.dollars for item in items}


def test_both_tables_of_the_page_are_what_is_computed() -> None:
    text = DEPLOY.read_text()
    for deployment in (Deployment(), _TUNED):
        assert table([1, 10, 100], deployment, Needs(), Prices()) in text


def test_they_are_of_what_is_deployed_by_default() -> None:
    bicep = (ROOT / "infra" / "personalizer.bicep").read_text()
    default = dict(re.findall(r"^param (\w+) \w+ = '?(.*?)'?$", bicep, re.MULTILINE))
    alerts = (ROOT / "infra" / "modules" / "alerts.bicep").read_text()
    loop = ServiceConfiguration()
    standard = Deployment()
    assert standard.memory_gb == int(default["instanceMemoryMB"]) / 1024
    assert standard.always_ready == int(default["alwaysReadyInstances"])
    assert default["trainerSchedule"] == f"*/{standard.trainer_seconds:g} * * * * *"
    assert (default["evaluatorSchedule"], standard.evaluator_seconds) == ("0 * * * * *", 60)
    assert standard.update_seconds == loop.model_export_frequency.total_seconds()
    assert standard.retention_days == loop.log_retention_days
    assert standard.daily_cap_gb == int(default["telemetryDailyCapGb"])
    assert standard.alerts == len(re.findall(r"^    key: ", alerts, re.MULTILINE))
    assert default["alertFrequency"] == "PT15M"
    assert default["useVirtualNetwork"] == "false"


def test_some_lines_by_hand() -> None:
    # 1.5 calls a second keep an instance of 2 GB counted for 1.5 s of 2.5.
    assert lines(1)["calls: memory × time"] == pytest.approx(0.6 * MONTH * 2 * 0.000026)
    # Always ready, that time costs less, and the rest something.
    ready = MONTH * 2 * (0.000004 + 0.6 * 0.000016)
    assert lines(1, _TUNED)["calls: memory × time"] == pytest.approx(ready)
    # Two timers look four times and once a minute, and each look counts for a second.
    looks = (4 + 1) * 60 * 730
    assert lines(0)["timers: memory × time"] == pytest.approx(looks * 2 * 0.000026)
    # 150 calls a second are 394 million in a month, and the first quarter of a million is free.
    runs = 150 * MONTH + looks - 250_000
    assert lines(100)["executions"] == pytest.approx(runs * 0.40 / 1e6)
    # 100 events a second for 90 days: a decision each, half a reward.
    stored = 100 * 90 * 86_400 * (780 + 150) / 1e9
    assert lines(100)["tables: stored"] == pytest.approx(stored * 0.045)


def test_telemetry_ends_at_its_cap_and_is_free_below_its_grant() -> None:
    capped = (MONTH / 86_400 - 5) * 2.30
    assert lines(1000, Deployment(items_per_second=20))["telemetry"] == pytest.approx(capped)
    assert lines(0.01)["telemetry"] == 0
