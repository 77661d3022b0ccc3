"""The view of evaluations: each action to its effect."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Response, expect

from api.deployment import now
from evaluation.jobs import Evaluation, Origin, Result, Source, Status
from loop.events import SECOND, LoopKind, Micros
from storage.factory import LoopStorage
from tests.evaluation.results import MONDAY, evaluation, judged
from tests.evaluation.test_answers_views import ARGUMENTS, PAGES, RESULT, done
from tests.monitor.conftest import Visit
from tests.monitor.evaluated import (
    cells,
    inside,
    policies,
    put_evaluation,
    put_run,
)
from tests.monitor.past import loop_with
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, WIDE
from tests.service import LocalService

LARGEST = 200_000
ALL = "views/evaluations"
FOUND = Result(
    policies=(
        *[
            judged(name, source, arguments, only=[(i, 1.0, i < earned) for i in range(60)])
            for name, source, arguments, earned in (
                ("online", Source.ONLINE, "", 20),
                ("baseline1", Source.BASELINE, "", 10),
                ("baselineRand", Source.RANDOM, "", 8),
                ("current", Source.CUSTOM, ARGUMENTS, 25),
                ("mine", Source.CUSTOM, f"{ARGUMENTS} -q ::", 15),
            )
        ],
        *[
            judged(
                f"Hyper{n}", Source.FOUND, ARGUMENTS, only=[(i, 1.0, i < 60 - n) for i in range(60)]
            )
            for n in range(1, 21)
        ],
    )
)
"""Each policy earns something else; the first of those that were found earns the most."""

CARDS = "cards"
"""A loop whose evaluations are written down by hand."""

RESULT_ID = "found"
"""The one of ``CARDS`` that is done, with ``FOUND``."""


@pytest.fixture(scope="module")
def cards(service: LocalService) -> str:
    """The key of ``CARDS``."""

    async def two(storage: LoopStorage) -> None:
        await put_evaluation(storage, evaluation(id="e0", name="the first one"))
        await put_evaluation(storage, done(FOUND, id=RESULT_ID, name="with found ones"), FOUND)

    return loop_with(service, CARDS, two)


def test_the_loop_s_own_runs_say_why(visit: Visit, service: LocalService) -> None:
    # GIVEN a loop that has looked for better settings by itself, twice; at 100 events the last time
    why = "Hyper1 would have earned 1.000 (0.9 to 1.0), best of 20. It was put online in its place."
    applied = done(
        RESULT,
        id="applied",
        name="Auto-optimization 2",
        origin=Origin.AUTO,
        status=Status.OPTIMAL_POLICY_APPLIED,
        description=why,
        created=now(),
    )
    kept = applied.model_copy(
        update={
            "id": "kept",
            "name": "Auto-optimization 1",
            "status": Status.ONLINE_POLICY_RETAINED,
            "description": "The policy stays: that may be chance.",
            "created": MONDAY,
        }
    )

    async def past(storage: LoopStorage) -> None:
        await put_evaluation(storage, kept, RESULT)
        await put_run(storage, applied, RESULT)

    key = loop_with(service, "auto", past)
    visitor = visit(key)
    with caller(service, key) as api:
        page = visitor.open("evaluations")
        found = api.get(ALL).json()
        # THEN each run is there with what was done, and why
        cards = page.locator(".runs > li")
        words = ("done: policy applied", "done: policy kept")
        for card, run, state in zip(cards.all(), found["evaluations"], words, strict=True):
            expect(card).to_contain_text(run["name"])
            expect(card).to_contain_text(run["description"])
            expect(card).to_contain_text("automatic")
            expect(card).to_contain_text(state)
        # AND when the next one is
        auto = found["autoOptimization"]
        assert (auto["events"], auto["eventsNeeded"], auto["leastEvents"]) == (100, 1_000, 1_000)
        due = datetime.fromisoformat(auto["nextDue"]).astimezone(ZoneInfo("Europe/Berlin"))
        expect(page.locator("main")).to_contain_text("The next run begins with 1,000 events")
        expect(page.locator("main")).to_contain_text("100 of 1,000 events")
        expect(page.locator("main")).to_contain_text(f"or from {due.day} ")
        expect(page.locator("main")).to_contain_text(f"{due:%H:%M:%S} on (every 28 days)")
        # AND it can be looked into, and be had alone
        page.get_by_role("link", name="Auto-optimization 2").click()
        expect(page.locator(".lead")).to_have_text(why)
        expect(page.locator("main")).to_contain_text("corrected for 20 candidates")
        page.get_by_role("link", name="All evaluations").click()
        page.get_by_role("link", name="Asked for").click()
        expect(page.locator("main")).to_contain_text("There are none yet.")
        page.get_by_role("link", name="Automatic").click()
        expect(cards).to_have_count(2)
        # AND where the loop does not look by itself, it is said why
        api.put("configurations/service", json={**_standing(api), "learningMode": "Apprentice"})
        page.get_by_role("link", name="All", exact=True).click()
        expect(page.locator("main")).to_contain_text("learningMode is Apprentice")


def _standing(api: httpx.Client) -> dict[str, str]:
    standing: dict[str, str] = api.get("configurations/service").raise_for_status().json()
    return standing


def test_policies_can_be_sorted_and_folded(visit: Visit, cards: str) -> None:
    visitor = visit(cards)
    page = visitor.open(f"evaluations?id={RESULT_ID}")
    table = policies(page)

    def names() -> list[str]:
        return [cells(row)[0].split()[0] for row in table.all()]

    expect(table.first).to_contain_text("★ best")
    by_reward = names()
    assert {"online", "baseline1", "baselineRand", "current", "mine", "Hyper1"} <= {*by_reward}
    head = page.get_by_role("columnheader", name="Average reward")
    expect(head).to_have_attribute("aria-sort", "descending")
    # WHEN the columns are pressed
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert next(reversed(names())) == by_reward[0]
    page.get_by_role("button", name="Policy", exact=True).click()
    assert names() == sorted(by_reward, key=str.lower)
    # AND all bars are asked for
    rows = page.get_by_role("region", name="Average reward of each policy").locator("tbody tr")
    page.get_by_text("Data as a table").first.click()
    expect(rows).to_have_count(12)
    page.get_by_role("button", name=f"Show all {len(by_reward)} policies").click()
    # THEN they are there, with those that others are held against among them either way
    expect(rows).to_have_count(len(by_reward))
    page.get_by_role("button", name="Show fewer").click()
    expect(rows).to_have_count(12)
    for name in ("online", "baseline1", "baselineRand", "current", "mine"):
        expect(rows.filter(has_text=name).first).to_be_visible()


def test_each_view_takes_one_small_request(visit: Visit, cards: str) -> None:
    visitor = visit(cards)
    seen: list[Response] = []
    visitor.page.on(
        "response", lambda answer: seen.append(answer) if "/v1.0/" in answer.url else None
    )
    for view in ("evaluations", f"evaluations?id={RESULT_ID}"):
        if view == "evaluations":
            visitor.open(view)
        else:
            seen.clear()
            visitor.page.goto(f"/#/{view}")
            expect(policies(visitor.page).first).to_be_visible()
        of_data = [answer for answer in seen if ALL in answer.url]
        # It may have been asked for again by now, since one of them waits.
        assert len({answer.url for answer in of_data}) == 1
        assert all(len(answer.body()) < LARGEST for answer in of_data)


def test_how_far_it_is_goes_on_by_itself_and_it_can_be_called_off(
    visit: Visit, service: LocalService, cards: str
) -> None:
    # GIVEN an evaluation that is worked on
    def at(progress: float) -> Evaluation:
        return evaluation(id="run", name="under way", status=Status.RUNNING, progress=progress)

    inside(service, CARDS, lambda storage: put_evaluation(storage, at(0.25)))
    visitor = visit(cards)
    page = visitor.open("evaluations?id=run")
    bar = page.get_by_role("progressbar", name="Progress of under way")
    expect(bar).to_have_attribute("value", "0.25")
    expect(page.locator("main")).to_contain_text("25 %")
    # WHEN it gets on THEN the page says so without being asked
    inside(service, CARDS, lambda storage: put_evaluation(storage, at(0.5)))
    expect(bar).to_have_attribute("value", "0.5", timeout=15_000)
    # WHEN it is called off
    page.get_by_role("button", name="Call off… under way").click()
    visitor.confirm("Call off")
    # THEN it is gone
    expect(visitor.said).to_contain_text("under way is called off.")
    expect(page.get_by_role("link", name="the first one")).to_be_visible()
    with caller(service, cards) as api:
        assert api.get("evaluations/run").status_code == 404
    # AND so says its address
    page.goto("/#/evaluations?id=run")
    expect(page.locator("main")).to_contain_text("There is no such evaluation, or not any more.")


def test_one_that_is_done_is_not_asked_for_again(visit: Visit, cards: str) -> None:
    visitor = visit(cards)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    # GIVEN a page whose time goes by at once
    visitor.page.clock.install()
    page = visitor.open(f"evaluations?id={RESULT_ID}")
    of_it = f"/{ALL}/{RESULT_ID}"
    assert sum(url.endswith(of_it) for url in asked) == 1
    # WHEN an hour has gone by
    page.clock.run_for(3_600_000)
    # THEN nothing was asked for
    assert sum(url.endswith(of_it) for url in asked) == 1


def test_one_that_has_failed_says_why(visit: Visit, service: LocalService, cards: str) -> None:
    why = "The log has no event from then to then that could be judged."
    failed = evaluation(id="failed", name="failed one", status=Status.FAILED, description=why)
    inside(service, CARDS, lambda storage: put_evaluation(storage, failed))
    page = visit(cards).open("evaluations")
    expect(page.locator(".runs > li").filter(has_text="failed one")).to_contain_text(why)
    page.get_by_role("link", name="failed one").click()
    expect(page.locator(".notice.error")).to_have_text(why)
    expect(page.locator("canvas")).to_have_count(0)


def test_slots_are_shown_one_by_one(visit: Visit, service: LocalService, cards: str) -> None:
    pages = done(PAGES, id="pages", name="pages", kind=LoopKind.MULTI_SLOT)
    inside(service, CARDS, lambda storage: put_evaluation(storage, pages, PAGES))
    page = visit(cards).open("evaluations?id=pages")
    slots = page.get_by_role("region", name="What was earned in each slot").locator("tbody tr")
    expect(slots).to_have_count(2)
    # THEN the figures are those of all slots, and of each
    expect(slots.nth(0)).to_contain_text("top")
    expect(slots.nth(0)).to_contain_text("0.500 (")
    expect(slots.nth(1)).to_contain_text("0.250 (")
    online = policies(page).filter(has_text="online")
    expect(online).to_contain_text("0.375")
    # WHEN one is chosen THEN those are its own
    slots.get_by_role("link", name="side").click()
    expect(online).to_contain_text("0.250")
    expect(slots.nth(1)).to_contain_text("shown below")
    expect(page.locator("main")).to_contain_text("Only the slot side is looked at.")
    page.get_by_role("link", name="All slots together").click()
    expect(online).to_contain_text("0.375")
    # AND what is for the other kind of loop can't be applied
    expect(page.get_by_role("button", name="Apply")).to_have_count(0)


def test_many_come_in_parts(visit: Visit, service: LocalService) -> None:
    async def many(storage: LoopStorage) -> None:
        for number in range(55):
            made = evaluation(
                RESULT,
                id=f"e{number}",
                name=f"number {number}",
                origin=Origin.AUTO if number == 3 else Origin.MANUAL,
                optimal_policy="Hyper1",
                created=Micros(MONDAY + number * SECOND),
            )
            await put_evaluation(storage, made)

    page = visit(loop_with(service, "many", many)).open("evaluations")
    expect(page.locator(".runs > li")).to_have_count(50)
    expect(page.locator(".runs > li").first).to_contain_text("number 54")
    expect(page.locator("main")).to_contain_text("1 to 50 of 55")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".runs > li")).to_have_count(5)
    expect(page.locator(".runs > li").last).to_contain_text("number 0")
    page.get_by_role("link", name="Newer").click()
    expect(page.locator(".runs > li")).to_have_count(50)


def test_a_fresh_loop_says_what_it_needs_first(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("evaluations")
    expect(page.locator("main")).to_contain_text("First, the loop needs events.")
    expect(page.locator("main")).to_contain_text("The next run begins with 1,000 events")
    page.get_by_role("link", name="New evaluation").click()
    expect(page.locator("main")).to_contain_text("First, the loop needs events.")
    expect(page.get_by_role("button", name="Evaluate")).to_have_count(0)
    assert visitor.serious() == []


@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_it_reads_well(visit: Visit, cards: str, dark: bool, narrow: bool) -> None:
    visitor = visit(cards, dark=dark, size=NARROW if narrow else WIDE)
    page = visitor.open("evaluations")
    for view, sign in (
        ("evaluations", "New evaluation"),
        (f"evaluations?id={RESULT_ID}", "Arguments"),
    ):
        page.goto(f"/#/{view}")
        expect(page.locator("main").get_by_text(sign).first).to_be_visible()
        assert visitor.serious() == []
        assert not visitor.is_too_wide()
