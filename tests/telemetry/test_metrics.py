"""The instruments: their names are read by alerts and dashboards, and explained to operators."""

from __future__ import annotations

import re
from pathlib import Path

from opentelemetry.metrics import Counter, Histogram, Instrument, UpDownCounter
from opentelemetry.metrics import _Gauge as Gauge

from telemetry import metrics
from telemetry.subject import about_loop, attributes
from tests.measures import Distribution, Measures

ROOT = Path(__file__).parents[2]
COUNTERS = (
    "decisions",
    "outcomes",
    "dropped",
    "joined",
    "defaulted",
    "late",
    "orphaned",
    "duplicates",
    "not_activated",
    "explored",
    "trainer.failures",
)
DISTRIBUTIONS = ("insert.lag", "learn.time", "reward")
GAUGES = ("model.age", "model.periods")


def everything_measured(measures: Measures, loop_name: str) -> dict[str, float | Distribution]:
    """Each instrument, once."""
    with about_loop(loop_name):
        for instrument in vars(metrics).values():
            if isinstance(instrument, (Counter, UpDownCounter)):
                instrument.add(2, attributes())
            elif isinstance(instrument, Histogram):
                instrument.record(2, attributes())
            elif isinstance(instrument, Gauge):
                instrument.set(2, attributes())
            else:
                assert not isinstance(instrument, Instrument)
    return dict(measures.taken(loop_name))


def test_every_instrument_has_the_name_and_the_kind_that_others_rely_on(
    measures: Measures, loop_name: str
) -> None:
    one = Distribution(1, 2.0, 2.0, 2.0)
    assert everything_measured(measures, loop_name) == {
        **{f"personalizer.{name}": 2 for name in (*COUNTERS, *GAUGES)},
        **{f"personalizer.{name}": one for name in DISTRIBUTIONS},
    }


def test_operators_are_told_what_each_means(measures: Measures, loop_name: str) -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    explained = re.findall(r"^\| `(personalizer\.[\w.]+)` \| (\w+)", page, re.MULTILINE)
    kinds = {
        **dict.fromkeys(COUNTERS, "counter"),
        **dict.fromkeys(DISTRIBUTIONS, "distribution"),
        **dict.fromkeys(GAUGES, "gauge"),
    }
    assert sorted(explained) == sorted((f"personalizer.{n}", k) for n, k in kinds.items())


def test_what_reads_metrics_reads_none_that_are_not_there(
    measures: Measures, loop_name: str
) -> None:
    there = {f"personalizer.{name}" for name in (*COUNTERS, *DISTRIBUTIONS, *GAUGES)}
    readers = [ROOT / "docs" / "operate.md", *(ROOT / "infra").rglob("*.bicep")]
    readers += (ROOT / "infra").rglob("*.json")
    read = {
        name
        for reader in readers
        for name in re.findall(r'"(personalizer\.[a-z_.]+[a-z])\\?"', reader.read_text())
    }
    assert read
    assert read <= there


def test_operators_are_told_what_to_do_about_each_alert() -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    alerts = (ROOT / "infra" / "modules" / "alerts.bicep").read_text()
    fired = re.findall(r"^    key: '([\w-]+)'", alerts, re.MULTILINE)
    assert fired
    assert sorted(re.findall(r"^\| \*\*.*\*\* \(`([\w-]+)`\)", page, re.MULTILINE)) == sorted(fired)
