"""The view of evaluations: each action to its effect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Locator, Response, expect
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from api.deployment import now
from evaluation.jobs import Evaluation, Origin, Status
from loop.events import SECOND, LoopKind, Micros
from storage.factory import LoopStorage
from tests.evaluation.results import MONDAY, evaluation
from tests.evaluation.test_answers_views import PAGES, RESULT, done
from tests.monitor.conftest import Visit
from tests.monitor.evaluated import (
    coffee_shop,
    evaluated,
    inside,
    joined,
    put_evaluation,
    put_run,
)
from tests.monitor.past import loop_with
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, WIDE
from tests.service import LocalService

LARGEST = 200_000
ALL = "views/evaluations"
PREVIEW = {"api-version": "2022-09-01-preview"}
QUICK = "--cb_explore_adf --cb_type mtr -q :: -l 0.5 --power_t 0"
PLAIN = "--cb_explore_adf --cb_type mtr"
QUIET = "quietcoffee"
"""A loop that does nothing by itself, and that tests ask for evaluations."""

CARDS = "cards"
"""A loop whose evaluations are written down by hand."""


@pytest.fixture(scope="module")
def quiet(service: LocalService) -> str:
    """The key of ``QUIET``."""
    key = loop_with(service, QUIET, coffee_shop)
    joined(service, key)
    return key


@pytest.fixture(scope="module")
def result(service: LocalService, quiet: str) -> str:
    """An evaluation of ``QUIET`` that is done, with policies that were found."""
    return evaluated(
        service,
        quiet,
        {
            "name": "with found ones",
            "enableOfflineExperimentation": True,
            "policies": [{"name": "mine", "arguments": QUICK}],
        },
    )


@pytest.fixture(scope="module")
def cards(service: LocalService) -> Iterator[str]:
    """The key of ``CARDS``."""

    async def none(storage: LoopStorage) -> None:
        await put_evaluation(storage, evaluation(id="e0", name="the first one"))

    yield loop_with(service, CARDS, none)


def policies(page_or_card: Locator) -> Locator:
    """The rows of the policies."""
    return page_or_card.get_by_role("region", name="Policies").locator("tbody tr")


class Summary(BaseModel):
    """What a policy would have earned."""

    model_config = ConfigDict(alias_generator=to_camel)

    expected_reward: float
    confidence_interval: tuple[float, float]


class Value(BaseModel):
    """What the 2022 preview says of a policy."""

    model_config = ConfigDict(alias_generator=to_camel)

    name: str
    slot_id: str | None = None
    arguments: str
    summary: Summary


def said_of(api: httpx.Client, evaluation_id: str) -> dict[str, Value]:
    """What the 2022 preview says of each policy, over all slots."""
    address = str(api.base_url).partition("/personalizer")[0]
    answer = api.get(f"{address}/personalizer/evaluations/{evaluation_id}", params=PREVIEW)
    values = TypeAdapter(list[Value]).validate_python(answer.json()["content"]["value"])
    return {value.name: value for value in values if value.slot_id is None}


def cells(row: Locator) -> list[str]:
    return [text.strip() for text in row.locator("th, td").all_inner_texts()]


def test_from_the_question_to_the_policy_in_force(
    visit: Visit, service: LocalService, quiet: str, tmp_path: Path
) -> None:
    visitor = visit(quiet)
    page = visitor.open("evaluations")
    # GIVEN settings in a file
    file = tmp_path / "plain.json"
    file.write_text(json.dumps({"name": "plain", "arguments": PLAIN}))
    # WHEN an evaluation is asked for, of all of the log as the page proposes it
    page.get_by_role("link", name="New evaluation").click()
    page.get_by_label("Name", exact=True).fill("before <b>spring</b>")
    page.get_by_label("Look for better settings").uncheck()
    page.get_by_role("button", name="Add settings").click()
    page.get_by_label("Name of the settings").fill("quick")
    page.get_by_label("Arguments").fill(QUICK)
    page.get_by_label("Import from files").set_input_files(file)
    expect(page.get_by_label("Name of the settings").nth(1)).to_have_value("plain")
    page.get_by_role("button", name="Evaluate", exact=True).click()
    expect(visitor.said).to_contain_text("before <b>spring</b> is asked for.")
    # THEN it is shown how far it is, until it is done
    expect(page.get_by_role("heading", name="before <b>spring</b>")).to_be_visible()
    expect(policies(page.locator("main"))).to_have_count(5, timeout=60_000)
    expect(page.locator(".lead")).to_contain_text(" is the best: it would have earned 0.")
    evaluation_id = page.url.rpartition("id=")[2]
    with caller(service, quiet) as api:
        asked = api.get(f"evaluations/{evaluation_id}").json()
        log = api.get("logs/properties").json()["dateRange"]
        assert asked["startTime"] == log["from"]
        assert datetime.fromisoformat(asked["endTime"]) >= datetime.fromisoformat(log["to"])
        # AND the figures are those of the API, the best one first
        said = said_of(api, evaluation_id)
        rows = [cells(row) for row in policies(page.locator("main")).all()]
        rewards = []
        for name, reward, interval, events, _, arguments, _ in rows:
            value = said[name.split()[0]]
            assert reward == f"{value.summary.expected_reward:.3f}"
            low, high = value.summary.confidence_interval
            assert interval == f"{low:.3f} to {high:.3f}"
            assert events == "1,000"
            assert " ".join(arguments.split()) == (value.arguments or "–")
            rewards.append(float(reward))
        assert rewards == sorted(rewards, reverse=True)
        assert {row[0].split()[0] for row in rows} == {*said}
        assert len(said) == 5
        # AND the chart says them to who can't see it
        chart = page.get_by_role("img", name="Average reward of each policy")
        best = said["quick"].summary.expected_reward
        expect(chart).to_have_attribute("aria-label", re.compile(f"quick: {best:.3f} \\("))
        # WHEN a policy is applied
        policy = policies(page.locator("main")).filter(has_text="quick")
        assert api.get("configurations/policy").json()["name"] == "app1"
        policy.get_by_role("button", name="Apply…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("become the learning settings of the loop")
        expect(dialog).to_contain_text("goes online at once")
        expect(dialog).to_contain_text("They take the place of app1")
        visitor.confirm("Apply")
        # THEN it is in force, with the model that was trained with it
        expect(policy).to_contain_text("in force now")
        assert api.get("configurations/policy").json() == {"name": "quick", "arguments": QUICK}
        history = api.get("staged-model").json()
        assert history[0]["userDescription"] == "quick of the evaluation before <b>spring</b>"
        assert history[0]["isPublished"] is True
        # AND its settings go out as a file that can come in again
        with page.expect_download() as downloaded:
            policy.get_by_role("button", name="Download").click()
        assert downloaded.value.suggested_filename == "quick.json"
        content = json.loads(Path(downloaded.value.path()).read_text())
        assert content == {"name": "quick", "arguments": QUICK}
        # WHEN the evaluation is deleted
        page.get_by_role("button", name="Delete… before").click()
        expect(page.get_by_role("dialog")).to_contain_text("What was applied from it stays.")
        visitor.confirm("Delete")
        # THEN it is gone, and what was applied stays
        expect(visitor.said).to_contain_text("is deleted")
        expect(page.get_by_role("link", name="New evaluation")).to_be_visible()
        assert api.get(f"evaluations/{evaluation_id}").status_code == 404
        assert api.get("configurations/policy").json()["name"] == "quick"


def test_what_the_service_refuses_stands_at_the_field(visit: Visit, quiet: str) -> None:
    visitor = visit(quiet)
    page = visitor.open("evaluations?new=1")

    def refused(label: str, code: str, place: int = 0) -> None:
        page.get_by_role("button", name="Evaluate", exact=True).click()
        field = page.get_by_label(label, exact=True).nth(place)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        expect(field).to_have_accessible_description(re.compile(f"{code} · request"))

    # GIVEN two settings of one name
    for name, arguments in (("twin", QUICK), ("twin", f"{QUICK} --data /etc/passwd")):
        page.get_by_role("button", name="Add settings").click()
        page.get_by_label("Name of the settings").last.fill(name)
        page.get_by_label("Arguments").last.fill(arguments)
    refused("Name of the settings", "DuplicateCustomPolicyNames", 1)
    # AND then an option that is not allowed
    page.get_by_label("Name of the settings").last.fill("other")
    refused("Arguments", "InvalidPolicyConfiguration", 1)
    page.get_by_role("button", name="Leave out").last.click()
    # AND then no name
    page.get_by_label("Name", exact=True).fill("")
    refused("Name", "InvalidEvaluationContract")
    page.get_by_label("Name", exact=True).fill("refused")
    # AND then no time, a reversed range, and one without events
    page.get_by_label("Start").fill("")
    refused("Start", "InvalidEvaluationContract")
    page.get_by_label("Start").fill("2090-01-01T00:00:00")
    refused("End", "InvalidEvaluationContract")
    page.get_by_label("End").fill("2090-02-01T00:00:00")
    refused("Start", "NoLogsExistInDateRange")
    # THEN what is put in else stays, and one press puts all of the log back
    expect(page.get_by_label("Arguments")).to_have_value(QUICK)
    page.get_by_role("button", name="All of the log").click()
    expect(page.get_by_label("Start")).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Start")).to_have_value(re.compile("^20[2-8]"))
    # AND a file without settings is refused as well
    page.get_by_label("Import from files").set_input_files(
        {"name": "photo.json", "mimeType": "application/json", "buffer": b"[]"}
    )
    expect(page.locator("#policies-problem")).to_contain_text("No learning settings in photo.json")
    # AND who leaves is asked
    page.get_by_role("link", name="All evaluations").click()
    visitor.confirm("Leave")
    expect(page.get_by_role("link", name="New evaluation")).to_be_visible()


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


def test_policies_can_be_sorted_and_folded(visit: Visit, quiet: str, result: str) -> None:
    visitor = visit(quiet)
    page = visitor.open(f"evaluations?id={result}")
    table = policies(page.locator("main"))

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


def test_each_view_takes_one_small_request(visit: Visit, quiet: str, result: str) -> None:
    visitor = visit(quiet)
    seen: list[Response] = []
    visitor.page.on(
        "response", lambda answer: seen.append(answer) if "/v1.0/" in answer.url else None
    )
    for view in ("evaluations", f"evaluations?id={result}"):
        if view == "evaluations":
            visitor.open(view)
        else:
            seen.clear()
            visitor.page.goto(f"/#/{view}")
            expect(policies(visitor.page.locator("main")).first).to_be_visible()
        [answer] = [answer for answer in seen if ALL in answer.url]
        assert len(answer.body()) < LARGEST


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


def test_one_that_is_done_is_not_asked_for_again(visit: Visit, quiet: str, result: str) -> None:
    visitor = visit(quiet)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    # GIVEN a page whose time goes by at once
    visitor.page.clock.install()
    page = visitor.open(f"evaluations?id={result}")
    of_it = f"/{ALL}/{result}"
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
    online = policies(page.locator("main")).filter(has_text="online")
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


def test_one_is_asked_for_by_keyboard_alone(
    visit: Visit, service: LocalService, quiet: str
) -> None:
    visitor = visit(quiet)
    page = visitor.open("evaluations")

    def tab_to(locator: Locator) -> None:
        for _ in range(60):
            if locator.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{locator} is not to be reached")

    tab_to(page.get_by_role("link", name="New evaluation"))
    page.keyboard.press("Enter")
    name = page.get_by_label("Name", exact=True)
    tab_to(name)
    page.keyboard.press("Control+A")
    page.keyboard.type("by keyboard")
    tab_to(page.get_by_label("Look for better settings"))
    page.keyboard.press("Space")
    tab_to(page.get_by_role("button", name="Add settings"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name of the settings")).to_be_focused()
    page.keyboard.type("plain")
    page.keyboard.press("Tab")
    page.keyboard.type(PLAIN)
    tab_to(page.get_by_role("button", name="Evaluate", exact=True))
    page.keyboard.press("Enter")
    # THEN it is asked for, and can be called off or deleted the same way
    expect(visitor.said).to_contain_text("by keyboard is asked for.")
    remove = page.get_by_role("button", name=re.compile("(Call off|Delete)… by keyboard"))
    tab_to(remove)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with caller(service, quiet) as api:
        found = api.get("evaluations").json()
    [made] = [one for one in found if one["name"] == "by keyboard"]
    assert made["id"] in page.url


@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_it_reads_well(visit: Visit, quiet: str, result: str, dark: bool, narrow: bool) -> None:
    visitor = visit(quiet, dark=dark, size=NARROW if narrow else WIDE)
    page = visitor.open("evaluations")
    for view, sign in (
        ("evaluations", "New evaluation"),
        ("evaluations?new=1", "Settings of your own"),
        (f"evaluations?id={result}", "Arguments"),
    ):
        page.goto(f"/#/{view}")
        expect(page.locator("main").get_by_text(sign).first).to_be_visible()
        if sign == "Settings of your own":
            page.get_by_role("button", name="Add settings").click()
            expect(page.get_by_label("Arguments")).to_be_visible()
            page.get_by_role("button", name="Leave out").click()
        assert visitor.serious() == []
        assert not visitor.is_too_wide()
