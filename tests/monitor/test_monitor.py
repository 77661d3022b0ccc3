"""The view Monitor: what becomes of what is sent, what is chosen, and when to leave Apprentice."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.monitor import reading
from tests.monitor.conftest import Visit
from tests.monitor.past import APPRENTICE_EVENTS, CAFE, apprentice, loop_with
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, WIDE, Visitor
from tests.service import LocalService


def figure(page: Page, title: str) -> Locator:
    """A chart."""
    return page.get_by_role("figure").filter(has=page.get_by_text(title, exact=True))


def configuration(service: LocalService, key: str) -> dict[str, str | float | bool | None]:
    """What the API says."""
    with caller(service, key) as api:
        found: dict[str, str | float | bool | None] = api.get("configurations/service").json()
    return found


def become_apprentice(service: LocalService, key: str) -> None:
    """Set the learning mode, as its owner would."""
    with caller(service, key) as api:
        wanted = {**configuration(service, key), "learningMode": "Apprentice"}
        api.put("configurations/service", json=wanted).raise_for_status()


def test_what_became_of_everything(visit: Visit, service: LocalService, cafe_key: str) -> None:
    # GIVEN what the API says of a loop in which not all is well
    said = reading.monitor(service, cafe_key)
    assert said.totals["late"] == CAFE.late
    page = visit(cafe_key).open("monitor")
    # THEN all fates are told, with what they mean and what to do
    rows = page.locator(".fates tbody tr")
    texts = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    found = {
        name: (stretch.split(), all_.split(), meaning) for name, stretch, all_, meaning in texts
    }
    for name, label, whole in (
        ("decisions", "Rank calls", None),
        ("defaulted", "Without a reward", "decisions"),
        ("notActivated", "Not activated", "decisions"),
        ("duplicates", "Duplicate", "decisions"),
        ("dropped", "Dropped", "decisions"),
        ("rewards", "Rewards", None),
        ("joined", "Joined", "rewards"),
        ("late", "Late", "rewards"),
        ("orphaned", "Orphaned", "rewards"),
    ):
        stretch, all_, meaning = found[label]
        count = said.totals[name]
        share = [] if whole is None or not count else [reading.percent(count / said.totals[whole])]
        assert " ".join(all_) == " ".join([f"{count:,}", *share])
        assert stretch[0] == f"{sum(said.fates[name]):,}"
        assert meaning.endswith(".")
        assert ("If many:" in meaning) == (name not in ("decisions", "rewards", "joined"))
    # AND over time
    decided, fates = said.fates["decisions"], said.fates
    given = [
        n - double - none
        for n, double, none in zip(decided, fates["duplicates"], fates["defaulted"], strict=True)
    ]
    shown = reading.table(figure(page, "What became of rank calls"))
    series = [given, fates["defaulted"], fates["duplicates"], fates["dropped"]]
    assert [row[1:] for row in shown] == reading.columns(*([str(n) for n in s] for s in series))
    shown = reading.table(figure(page, "What became of rewards"))
    series = [fates["joined"], fates["late"], fates["orphaned"]]
    assert [row[1:] for row in shown] == reading.columns(*([str(n) for n in s] for s in series))
    expect(figure(page, "What became of rewards").get_by_role("img")).to_have_accessible_name(
        re.compile("Of 380 rewards 340 were joined, 20 were late and 20 orphaned")
    )
    # AND the deferred ones by themselves, where there are any
    shown = reading.table(figure(page, "Rank calls that were not activated"))
    assert [row[2] for row in shown] == [str(n) for n in fates["notActivated"]]


def test_rewards_are_held_against_the_wait(
    visit: Visit, service: LocalService, cafe_key: str
) -> None:
    said = reading.monitor(service, cafe_key)
    visitor = visit(cafe_key)
    page = visitor.open("monitor")
    chart = figure(page, "How long rewards take")
    # THEN the wait is drawn in, and named
    expect(chart.locator(".legend")).to_have_text("reward wait time: 10 minutes")
    late = "Of 360 rewards about 94.4 % came within the wait of 10 minutes; half of all came within"
    expect(chart).to_contain_text(late)
    expect(chart.get_by_role("img")).to_have_accessible_name(re.compile(re.escape(late)))
    # AND each bin is there, and those that are empty up to the wait and a little more
    rows = reading.table(chart)
    assert [row[2] for row in rows][: len(said.delays)] == [str(b.rewards) for b in said.delays]
    assert sum(int(row[2]) for row in rows) == CAFE.joined + CAFE.late
    # WHEN the wait is to be changed
    page.get_by_role("link", name="Change rewardWaitTime in Setup").click()
    # THEN its setting is in front
    visitor.arrived("setup")
    expect(page.get_by_label("Reward wait time", exact=True)).to_be_focused()


def test_choices_are_no_rates_of_success(
    visit: Visit, service: LocalService, cafe_key: str
) -> None:
    said = reading.monitor(service, cafe_key)
    assert [action.id for action in said.actions] == ["juice", "tea", "latte"]
    page = visit(cafe_key).open("monitor")
    # THEN that is said before they are shown
    expect(page.get_by_role("heading", name="not comparable as success rates")).to_be_visible()
    expect(page.get_by_text("in different contexts, on purpose")).to_be_visible()
    # AND they are those of the API
    for title, values in (
        ("Share of the choices", [action.share for action in said.actions]),
        ("Mean propensity", [action.propensity for action in said.actions]),
    ):
        chart = figure(page, title)
        # Not by colour alone
        expect(chart.locator(".legend li")).to_have_text(["●juice", "▲tea", "■latte"])
        rows = reading.table(chart)
        texts = [
            [reading.percent(value, 0) for value in each if value is not None] for each in values
        ]
        assert [row[1:] for row in rows] == reading.columns(*texts)
        assert len(rows) > 10


def test_a_fresh_loop_says_that_nothing_is_joined(visit: Visit) -> None:
    page = visit().open("monitor")
    expect(page.get_by_text("Nothing is joined yet.")).to_be_visible()
    expect(page.get_by_role("figure").filter(has_text="How long rewards take")).to_have_count(0)
    # AND how one would begin as an apprentice
    section = page.locator("section").filter(has=page.get_by_role("heading", name="Apprentice"))
    expect(section).to_contain_text("This loop is Online")
    expect(section).to_contain_text("set learningMode to Apprentice")
    expect(section.get_by_role("button")).to_have_count(0)


def test_an_apprentice_of_few_events_has_to_wait(
    visit: Visit, service: LocalService, fresh_key: str
) -> None:
    become_apprentice(service, fresh_key)
    page = visit(fresh_key).open("monitor")
    expect(page.get_by_text("No event of this mode is joined yet.")).to_be_visible()
    expect(page.get_by_text("Wait for 1,000 events")).to_be_visible()


def test_an_apprentice_goes_online(visit: Visit, service: LocalService) -> None:
    # GIVEN an apprentice that does as its baseline in four of five of a thousand events
    key = loop_with(service, "apprentice", apprentice)
    become_apprentice(service, key)
    before = configuration(service, key)
    page = visit(key).open("monitor")
    section = page.locator("section").filter(has=page.get_by_role("heading", name="Apprentice"))
    facts = section.locator("dd")
    expect(facts).to_have_text(
        ["0.500", "0.400", "80.0 %", f"800 of the last {APPRENTICE_EVENTS:,} events"]
    )
    # THEN the band is drawn in which to switch, and it is inside
    expect(section.get_by_role("img")).to_have_accessible_name(
        "Achievement ratio 80.0 %; switch from 75 % to 85 % on."
    )
    band, here = (section.locator(f".gauge .{part}").bounding_box() for part in ("band", "here"))
    assert band is not None and here is not None
    assert band["x"] < here["x"] < band["x"] + band["width"]
    expect(section).to_contain_text("It is ready")
    # WHEN the switch is asked for by the keyboard, and left alone
    switch = section.get_by_role("button", name="Switch to Online")
    switch.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The model is kept")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(switch).to_be_focused()
    # THEN nothing has happened
    assert configuration(service, key) == before
    # WHEN it is meant
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Switch to Online").click()
    # THEN the loop is Online, and nothing else has changed
    expect(page.locator("#said")).to_contain_text("The loop is Online")
    after = configuration(service, key)
    assert after == {
        **before,
        "learningMode": "Online",
        "lastConfigurationEditDate": after["lastConfigurationEditDate"],
    }
    assert set(after) >= {"rewardWaitTime", "modelAutoPublish"}
    # AND the page knows
    expect(section).to_contain_text("When it was in Apprentice mode last")
    expect(switch).to_be_hidden()
    expect(page.locator("#loop")).to_contain_text("Online")


@pytest.mark.parametrize(
    ("dark", "size"),
    [(False, WIDE), (True, NARROW)],
    ids=["light", "dark-and-narrow"],
)
def test_it_is_readable_for_everybody(
    visit: Visit, service: LocalService, cafe_key: str, dark: bool, size: tuple[int, int]
) -> None:
    visitor: Visitor = visit(cafe_key, dark=dark, size=size)
    page = visitor.open("monitor")
    for title in ("How long rewards take", "What became of rewards", "Mean propensity"):
        reading.table(figure(page, title))
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
