"""The view of features: each action to its effect."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Response, expect

from evaluation.importance import ScoredFeature
from evaluation.importances import FeatureImportance
from evaluation.jobs import Status
from storage.factory import LoopStorage
from tests.evaluation.results import DAY, MONDAY
from tests.monitor.conftest import Visit
from tests.monitor.evaluated import coffee_shop, inside, joined, put_report
from tests.monitor.past import loop_with
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, WIDE
from tests.service import LocalService

LARGEST = 200_000
PATH = "featureImportances"
WRITTEN = "reports"
"""A loop whose reports are written down by hand."""

LONG = FeatureImportance(
    id="long",
    name="many features",
    start=MONDAY,
    end=MONDAY + DAY,
    arguments="--cb_explore_adf",
    created=MONDAY,
    status=Status.SUCCEEDED,
    progress=1.0,
    scores=tuple(
        ScoredFeature(
            namespace="FromUrl" if i % 2 else "user", name=f"feature-{i}", score=1 - i / 60
        )
        for i in range(60)
    ),
)


@pytest.fixture(scope="module")
def shop(service: LocalService) -> str:
    """The key of a loop whose events can be looked into."""
    key = loop_with(service, "featurecoffee", coffee_shop)
    joined(service, key)
    return key


@pytest.fixture(scope="module")
def written(service: LocalService) -> str:
    """The key of ``WRITTEN``."""

    async def long(storage: LoopStorage) -> None:
        await put_report(storage, LONG)

    return loop_with(service, WRITTEN, long)


def rows(main: Locator) -> Locator:
    """The features with their scores."""
    return main.get_by_role("region", name="Features and their scores").locator("tbody tr")


def test_a_report_is_made_read_and_deleted(visit: Visit, service: LocalService, shop: str) -> None:
    visitor = visit(shop)
    page = visitor.open("features")
    main = page.locator("main")
    expect(main).to_contain_text("There are none yet.")
    # GIVEN a report that is asked for, of all of the log
    page.get_by_role("link", name="New report").click()
    page.get_by_label("Name").fill("in <b>November</b>")
    page.get_by_role("button", name="Make the report").click()
    expect(visitor.said).to_contain_text("in <b>November</b> is asked for.")
    # WHEN it is done
    expect(rows(main).first).to_be_visible(timeout=60_000)
    report_id = page.url.rpartition("id=")[2]
    with caller(service, shop) as api:
        report = api.get(f"{PATH}/{report_id}").json()
        assert report["status"] == "Succeeded"
        # THEN the scores are those of the API, from 0 to 100, with namespaces
        shown = [
            [*map(str.strip, row.locator("th, td").all_inner_texts())] for row in rows(main).all()
        ]
        assert shown == [
            [each["featureName"], each["namespace"], f"{100 * each['score']:.1f}"]
            for each in report["featureScores"]
        ]
        assert shown[0][2] == "100.0"
        expect(main).to_contain_text("A feature of noise scores near 0")
        expect(main).to_contain_text("FromUrl plain members of the context")
        # AND the chart says them to who can't see it
        first = report["featureScores"][0]
        chart = page.get_by_role("img", name="How much each feature matters")
        label = re.compile(re.escape(f"{first['namespace']}.{first['featureName']}: 100"))
        expect(chart).to_have_attribute("aria-label", label)
        # WHEN it is deleted THEN it is gone
        page.get_by_role("button", name="Delete…").click()
        visitor.confirm("Delete")
        expect(visitor.said).to_contain_text("is deleted")
        expect(main).to_contain_text("There are none yet.")
        assert api.get(f"{PATH}/{report_id}").status_code == 404


def test_what_the_service_refuses_stands_at_the_field(visit: Visit, shop: str) -> None:
    page = visit(shop).open("features?new=1")
    for label, value, at, code in (
        ("Name", "", "Name", "InvalidContract"),
        ("Start", "2090-01-01T00:00:00", "End", "InvalidContract"),
        ("End", "2090-02-01T00:00:00", "Start", "NoLogsExistInDateRange"),
    ):
        page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Make the report").click()
        expect(page.get_by_label(at)).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label(at)).to_have_accessible_description(
            re.compile(f"{code} · request")
        )
        page.get_by_label("Name").fill("refused")


def test_a_long_list_is_folded(visit: Visit, written: str) -> None:
    visitor = visit(written)
    seen: list[Response] = []
    visitor.page.on("response", lambda each: seen.append(each) if PATH in each.url else None)
    page = visitor.open("features?id=long")
    main = page.locator("main")
    expect(rows(main)).to_have_count(15)
    page.get_by_role("button", name="Show all 60 features").click()
    expect(rows(main)).to_have_count(60)
    expect(main).to_contain_text("user an object of that name")
    page.get_by_role("button", name="Show fewer").click()
    expect(rows(main)).to_have_count(15)
    # AND one request was enough for it
    [answer] = seen
    assert len(answer.body()) < LARGEST


def test_how_far_it_is_goes_on_by_itself_and_it_can_be_called_off(
    visit: Visit, service: LocalService, written: str
) -> None:
    # GIVEN a report that is worked on, and one that has failed
    changes = {"id": "run", "name": "under way", "status": Status.RUNNING, "scores": ()}
    run = LONG.model_copy(update={**changes, "progress": 0.25})
    why = "With 12 choices nothing can be told."
    failed = LONG.model_copy(
        update={"id": "no", "name": "no report", "status": Status.FAILED, "description": why}
    )

    async def written_down(storage: LoopStorage) -> None:
        await put_report(storage, run)
        await put_report(storage, failed)

    inside(service, WRITTEN, written_down)
    visitor = visit(written)
    page = visitor.open("features")
    # THEN each says what there is to say
    cards = page.locator(".runs > li")
    expect(cards).to_have_count(3)
    expect(cards.filter(has_text="no report")).to_contain_text(why)
    bar = page.get_by_role("progressbar", name="Progress of under way")
    expect(bar).to_have_attribute("value", "0.25")
    # WHEN it gets on THEN the page says so without being asked
    more = run.model_copy(update={"progress": 0.5})
    inside(service, WRITTEN, lambda storage: put_report(storage, more))
    expect(bar).to_have_attribute("value", "0.5", timeout=15_000)
    # WHEN it is called off THEN it is gone
    page.get_by_role("button", name="Call off… under way").click()
    visitor.confirm("Call off")
    expect(visitor.said).to_contain_text("under way is called off.")
    expect(cards).to_have_count(2)
    with caller(service, written) as api:
        assert api.get(f"{PATH}/run").status_code == 404


def test_a_fresh_loop_says_what_it_needs_first(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("features")
    expect(page.locator("main")).to_contain_text("First, the loop needs events.")
    page.get_by_role("link", name="New report").click()
    expect(page.get_by_role("link", name="All reports")).to_be_visible()
    expect(page.locator("main")).to_contain_text("First, the loop needs events.")
    assert visitor.serious() == []


@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_it_reads_well(visit: Visit, written: str, dark: bool, narrow: bool) -> None:
    visitor = visit(written, dark=dark, size=NARROW if narrow else WIDE)
    page = visitor.open("features")
    for view, sign in (("features", "many features"), ("features?id=long", "Namespaces")):
        page.goto(f"/#/{view}")
        expect(page.locator("main").get_by_text(sign).first).to_be_visible()
        assert visitor.serious() == []
        assert not visitor.is_too_wide()
