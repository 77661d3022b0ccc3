"""The charts: what they say to whom, whatever the data."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.monitor.conftest import Visit
from tests.monitor.visitor import NARROW, Visitor

DRAWN = "() => !!globalThis.Chart?.getChart(document.querySelector('canvas'))"
PICTURE = "() => document.querySelector('canvas').toDataURL()"

# Each with data in which something is missing.
CHARTS = {
    "lineChart": """{ times: [0, 10, 20, 600], width: 10, summary: "It rises.", series: [
        { name: "online", values: [0.1, null, 0.25, 0.5], halfWidths: [0.1, null, 0.05, null] },
        { name: "random", values: [null, null, null, null], dashed: true }] }""",
    "stackedBars": """{ times: [0, 20], width: 10, summary: "Few are late.", series: [
        { name: "joined", values: [5, 1200] }, { name: "late", values: [null, 1] }] }""",
    "intervalBars": """{ summary: "One is best.", rows: [
        { label: "online", value: 0.5, low: 0.4, high: 0.6 },
        { label: "unknown", value: null, low: null, high: null }] }""",
    "histogram": """{ at: 600, summary: "Most are early.", bins: [
        { from: 1, to: 30, count: 7 }, { from: 30, to: 700, count: 1200 }] }""",
}
TABLES = {
    "lineChart": [
        ["from", "online", "±", "random"],
        ["1 Jan 1970, 01:00:00", "0.100", "0.100", "–"],
        ["1 Jan 1970, 01:00:10", "–", "–", "–"],
        ["1 Jan 1970, 01:00:20", "0.250", "0.050", "–"],
        ["1 Jan 1970, 01:10:00", "0.500", "–", "–"],
    ],
    "stackedBars": [
        ["from", "joined", "late"],
        ["1 Jan 1970, 01:00:00", "5", "–"],
        ["1 Jan 1970, 01:00:20", "1,200", "1"],
    ],
    "intervalBars": [
        ["", "reward", "from", "to"],
        ["online", "0.500", "0.400", "0.600"],
        ["unknown", "–", "–", "–"],
    ],
    "histogram": [
        ["from", "to", "number"],
        ["1 s", "30 s", "7"],
        ["30 s", "12 min", "1,200"],
    ],
}
EMPTY = {
    "lineChart": '{ times: [], width: 10, summary: "", series: [] }',
    "stackedBars": '{ times: [], width: 10, summary: "", series: [] }',
    "intervalBars": '{ rows: [], summary: "" }',
    "histogram": '{ bins: [], at: 600, summary: "" }',
}


def draw(visitor: Visitor, kind: str, data: str) -> Page:
    """A page with one chart, and nothing that would be drawn over it."""
    page = visitor.page
    page.goto("/")
    page.evaluate(
        f"""async () => {{
            const charts = await import("/monitor/charts.js");
            const bound = (at) => `wait ${{at}} s`;
            const chart = charts.{kind}({{ title: "A chart", value: "reward", bound }});
            document.querySelector("main").replaceChildren(chart.element);
            chart.update({data});
            globalThis.shown = chart;
        }}"""
    )
    page.wait_for_function(DRAWN)
    return page


@pytest.mark.parametrize("kind", CHARTS)
def test_a_chart_is_there_for_everybody(visit: Visit, untouched_key: str, kind: str) -> None:
    visitor = visit(untouched_key, size=NARROW)
    page = draw(visitor, kind, CHARTS[kind])
    # THEN it says in words what it shows
    expect(page.get_by_role("img", name="A chart. ")).to_be_visible()
    # AND has its figures as a table, for who asks for them
    expect(page.get_by_role("table")).to_have_count(0)
    page.get_by_text("Data as a table").click()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(len(TABLES[kind]))
    cells = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    assert rows.evaluate_all(cells) == TABLES[kind]
    # AND nothing serious is found, nor is it too wide
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
    # AND it is drawn in other colours when the system turns dark
    light = page.evaluate(PICTURE)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => ({PICTURE})() !== light", arg=light)
    # AND without data it is a chart still
    page.evaluate(f"() => shown.update({EMPTY[kind]})")
    expect(page.get_by_role("row")).to_have_count(1)


def test_other_data_are_shown_without_ado(visit: Visit, untouched_key: str) -> None:
    page = draw(visit(untouched_key), "intervalBars", CHARTS["intervalBars"])
    before = page.evaluate(PICTURE)
    page.evaluate('() => shown.update({ summary: "", rows: [{ label: "best", value: 0.9 }] })')
    page.wait_for_function(f"(before) => ({PICTURE})() !== before", arg=before)
    # Nothing moves, for who can't bear it and for who looks every five seconds.
    assert (
        page.evaluate("() => Chart.getChart(document.querySelector('canvas')).options.animation")
        is False
    )


def test_charts_that_are_gone_are_given_back(visit: Visit, untouched_key: str) -> None:
    page = draw(visit(untouched_key), "histogram", CHARTS["histogram"])
    page.evaluate(
        """async () => {
            document.querySelector("main").replaceChildren();
            (await import("/monitor/charts.js")).dropDetached();
        }"""
    )
    assert page.evaluate("() => Object.keys(Chart.instances).length") == 0
