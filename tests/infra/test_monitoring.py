"""Alerts and workbook: whether they ask for metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

import telemetry.metrics
from tests.infra.expressions import Array, Name, Object, Text, flat_text, literal_text
from tests.infra.files import INFRA, Files, broken

ALERTS = "modules/alerts.bicep"
_METRIC = re.compile(r'"(personalizer\.[a-z._]+)"')
_TABLES = {"AppMetrics", "AppRequests"}


class _Parameter(BaseModel):
    name: str
    query: str = ""


class _Content(BaseModel):
    query: str = ""
    title: str = ""
    parameters: list[_Parameter] = Field(default_factory=list)


class _Item(BaseModel):
    type: int
    name: str
    content: _Content


class _Workbook(BaseModel):
    version: str
    items: list[_Item]
    fallback: list[str] = Field(alias="fallbackResourceIds")


def measured() -> set[str]:
    """The names of all metrics that the service has."""
    return set(_METRIC.findall(Path(telemetry.metrics.__file__).read_text()))


def alert_queries(files: Files) -> dict[str, str]:
    rules = files[ALERTS].variables["rules"].value
    assert isinstance(rules, Array)
    queries = {}
    for rule in rules.items:
        assert isinstance(rule, Object)
        query = rule.properties["query"]
        assert isinstance(query, Text)
        queries[literal_text(rule.properties["key"]) or ""] = flat_text(query)
    return queries


def workbook() -> _Workbook:
    return _Workbook.model_validate_json((INFRA / "workbook.json").read_text())


def test_the_service_has_the_metrics_that_were_agreed_on() -> None:
    assert len(measured()) == 16


def test_alerts_ask_for_metrics_that_there_are(files: Files) -> None:
    queries = alert_queries(files)
    asked = {name: set(_METRIC.findall(query)) for name, query in queries.items()}
    assert asked == {
        "model-overdue": {"personalizer.model.periods"},
        "trainer-silent": {"personalizer.model.periods"},
        "trainer-failures": {"personalizer.trainer.failures"},
        "dropped": {"personalizer.dropped"},
        "insert-lag": {"personalizer.insert.lag"},
        "server-errors": set(),
    }
    assert set().union(*asked.values()) <= measured()


def test_a_metric_that_there_is_not_is_found() -> None:
    files = broken(ALERTS, "personalizer.dropped", "personalizer.drooped")
    asked = {name for query in alert_queries(files).values() for name in _METRIC.findall(query)}
    assert asked - measured() == {"personalizer.drooped"}


def test_every_threshold_is_a_parameter_of_the_alerts(files: Files) -> None:
    file = files[ALERTS]
    rules = file.variables["rules"].value
    assert isinstance(rules, Array)
    thresholds = {"modelPeriods", "trainerSilentMinutes", "trainerFailures", "dropped"}
    thresholds |= {"insertLagMs", "serverErrorPercent"}
    for rule in rules.items:
        assert isinstance(rule, Object)
        query, explanation = rule.properties["query"], rule.properties["explanation"]
        assert isinstance(query, Text)
        assert isinstance(explanation, Text)
        (threshold,) = (part for part in explanation.parts if not isinstance(part, str))
        assert isinstance(threshold, Name)
        assert threshold in query.parts
        thresholds.remove(threshold.name)
    assert thresholds == set()


def test_the_workbook_shows_every_metric() -> None:
    book = workbook()
    charts = [item for item in book.items if item.type == 3]
    shown = {name for chart in charts for name in _METRIC.findall(chart.content.query)}
    assert shown == measured()
    assert book.fallback == ["{workspaceId}"]
    assert len({item.name for item in book.items}) == len(book.items)
    assert all(chart.content.title for chart in charts)


def test_the_workbook_s_queries_use_its_own_parameters() -> None:
    book = workbook()
    declared = {parameter.name for item in book.items for parameter in item.content.parameters}
    used = {
        name
        for item in book.items
        for name in re.findall(r"\{(\w+)(?::grain)?\}", item.content.query)
    }
    assert used == declared == {"TimeRange", "Loop"}


def test_queries_are_of_known_tables_and_closed(files: Files) -> None:
    book = workbook()
    queries = [*alert_queries(files).values(), *(item.content.query for item in book.items)]
    queries += [parameter.query for item in book.items for parameter in item.content.parameters]
    asked = [query for query in queries if query]
    assert len(asked) == 6 + 12 + 1
    for query in asked:
        assert query.split(" | ")[0] in _TABLES
        outside = re.sub(r'"[^"]*"', "", query)
        assert '"' not in outside
        assert outside.count("(") == outside.count(")")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("AppMetrics", {"Name", "Properties", "Sum", "Max", "ItemCount", "TimeGenerated"}),
        ("AppRequests", {"OperationName", "ResultCode", "ItemCount", "TimeGenerated"}),
    ],
)
def test_queries_take_columns_that_the_tables_have(
    table: str, columns: set[str], files: Files
) -> None:
    queries = [*alert_queries(files).values()]
    queries += [item.content.query for item in workbook().items]
    for query in queries:
        if query.startswith(table):
            outside = re.sub(r'"[^"]*"|\{[^}]*\}', "", query)
            named = set(re.findall(r"\b[A-Z][A-Za-z]+\b", outside)) - {table}
            assert named <= columns
