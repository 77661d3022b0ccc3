"""The form that asks for an evaluation, and what becomes of it: each action to its effect."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, expect
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from tests.monitor.conftest import Visit
from tests.monitor.evaluated import (
    cells,
    coffee_shop,
    joined,
    policies,
)
from tests.monitor.past import loop_with
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, WIDE
from tests.service import LocalService

PREVIEW = {"api-version": "2022-09-01-preview"}
QUICK = "--cb_explore_adf --cb_type mtr -q :: -l 0.5 --power_t 0"
PLAIN = "--cb_explore_adf --cb_type mtr"


@pytest.fixture(scope="module")
def shop(service: LocalService) -> str:
    """The key of a loop with a log, which does nothing by itself."""
    key = loop_with(service, "coffee", coffee_shop)
    joined(service, key)
    return key


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


def test_from_the_question_to_the_policy_in_force(
    visit: Visit, service: LocalService, shop: str, tmp_path: Path
) -> None:
    visitor = visit(shop)
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
    expect(policies(page)).to_have_count(5, timeout=60_000)
    expect(page.locator(".lead")).to_contain_text(" is the best: it would have earned 0.")
    evaluation_id = page.url.rpartition("id=")[2]
    with caller(service, shop) as api:
        asked = api.get(f"evaluations/{evaluation_id}").json()
        log = api.get("logs/properties").json()["dateRange"]
        assert asked["startTime"] == log["from"]
        assert datetime.fromisoformat(asked["endTime"]) >= datetime.fromisoformat(log["to"])
        # AND the figures are those of the API, the best one first
        said = said_of(api, evaluation_id)
        rows = [cells(row) for row in policies(page).all()]
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
        policy = policies(page).filter(has_text="quick")
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


def test_what_the_service_refuses_stands_at_the_field(visit: Visit, shop: str) -> None:
    visitor = visit(shop)
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


def test_one_is_asked_for_by_keyboard_alone(visit: Visit, service: LocalService, shop: str) -> None:
    visitor = visit(shop)
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
    with caller(service, shop) as api:
        found = api.get("evaluations").json()
    [made] = [one for one in found if one["name"] == "by keyboard"]
    assert made["id"] in page.url


@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_it_reads_well(visit: Visit, shop: str, dark: bool, narrow: bool) -> None:
    visitor = visit(shop, dark=dark, size=NARROW if narrow else WIDE)
    page = visitor.open("evaluations?new=1")
    page.get_by_role("button", name="Add settings").click()
    expect(page.get_by_label("Arguments")).to_be_visible()
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
    page.get_by_role("button", name="Leave out").click()
