"""The view Overview: whether the loop learns, how well it does, and what needs attention."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import expect

from loop.windows import RANGES
from tests.monitor import reading
from tests.monitor.conftest import Visit
from tests.monitor.past import days, loop_with, steady, years, yesterday
from tests.monitor.visitor import NARROW, ROOT, WIDE
from tests.service import LocalService

LARGEST = 200_000
WORDS = ("last hour", "last 12 hours", "last two weeks", "all")


@pytest.fixture(scope="module")
def days_key(service: LocalService) -> str:
    """The key of a loop that was called seldom, over some days."""
    return loop_with(service, "days", days)


def test_the_answer_and_the_numbers_are_those_of_the_api(
    visit: Visit, service: LocalService, cafe_key: str
) -> None:
    # GIVEN a loop that learns, and what the API says of it
    said = reading.overview(service, cafe_key)
    totals = said.totals
    # WHEN somebody comes
    page = visit(cafe_key).open("overview")
    # THEN the answer is first, in the API's words
    verdict = page.locator(".view > * > :first-child")
    expect(verdict.get_by_role("heading", name="Is it learning?")).to_contain_text("Yes")
    expect(verdict).to_contain_text(said.diagnosis.summary)
    expect(verdict).to_contain_text(said.diagnosis.learning.text)
    # AND then the figures
    tiles = page.locator(".tile")
    expect(tiles.nth(0)).to_contain_text(reading.estimate(totals.online))
    expect(tiles.nth(0)).to_contain_text(f"Baseline {reading.estimate(totals.baseline)}")
    expect(tiles.nth(0)).to_contain_text(f"random {reading.estimate(totals.random)}")
    expect(tiles.nth(0)).to_contain_text(f"{totals.online.events} choices")
    expect(tiles.nth(1)).to_contain_text(re.compile(r"Model made.*(s|min) ago.*Every 5 minutes"))
    expect(tiles.nth(3)).to_contain_text(reading.percent(totals.explored / totals.drawn))
    expect(tiles.nth(3)).to_contain_text(f"{totals.explored} of {totals.drawn} choices")
    expect(tiles.nth(3)).to_contain_text("explorationPercentage is 20 %")
    # AND the curve, for who can't see it too
    figure = page.get_by_role("figure").filter(has_text="Average reward")
    expect(figure.locator(".legend li")).to_contain_text(["This loop", "Baseline", "Random"])
    expect(figure.get_by_role("img")).to_have_accessible_name(
        re.compile(f"the loop earned {reading.estimate(totals.online)} on average")
    )
    expect(figure).to_contain_text("95 % confidence")
    series = (said.online, said.baseline, said.random)
    texts = [
        [reading.decimal(value) for value, n in zip(values, said.online.events, strict=True) if n]
        for each in series
        for values in (each.reward, each.half_width)
    ]
    rows = reading.table(figure)
    assert [row[1:] for row in rows] == reading.columns(*texts)
    assert len(rows) > 10


def test_events_a_minute_are_counted(visit: Visit, service: LocalService) -> None:
    # GIVEN a loop that is called three times a second
    key = loop_with(service, "steady", steady)
    # THEN that is how many it has in a minute
    page = visit(key).open("overview")
    expect(page.locator(".tile").nth(2).locator(".value")).to_have_text("180")


def test_what_needs_attention_comes_with_what_to_do(
    visit: Visit, service: LocalService, cafe_key: str
) -> None:
    said = reading.overview(service, cafe_key).diagnosis.findings
    bad = [finding for finding in said if finding.severity != "fine"]
    assert {"rewards-late", "rewards-orphaned"} <= {finding.id for finding in bad}
    visitor = visit(cafe_key)
    page = visitor.open("overview")
    # THEN each finding is there, the worst first, with its severity in words
    items = page.locator(".findings").first.locator("> li")
    expect(items).to_have_count(len(bad))
    for finding, item in zip(bad, items.all(), strict=True):
        expect(item.get_by_role("heading")).to_have_text(
            f"{finding.severity.capitalize()} {finding.title}"
        )
        expect(item).to_contain_text(f"What to do: {finding.what_to_do}")
        expect(item).to_contain_text(finding.text)
    # AND its evidence behind a fold, which stays open while the view is refreshed
    late = page.locator("[data-finding=rewards-late]")
    with page.expect_response("**/views/overview"):
        late.get_by_text("Evidence").click()
        expect(late.locator("dl")).to_contain_text("late20rewards380")
    expect(late.locator("dl")).to_be_visible()
    # AND what is fine does not stand in the way
    expect(page.locator("[data-finding=learning]")).to_be_hidden()
    page.get_by_text(f"What is fine ({len(said) - len(bad)})").click()
    expect(page.locator("[data-finding=learning]")).to_be_visible()
    # WHEN it is followed to where it can be mended
    late.get_by_role("link", name="Setup: rewardWaitTime").click()
    # THEN that setting is in front
    visitor.arrived("setup")
    expect(page.get_by_label("Reward wait time", exact=True)).to_be_focused()


def test_every_finding_that_there_is_has_its_place(visit: Visit) -> None:
    # GIVEN all findings that are explained, and where the page leads from each
    known = set(re.findall(r"^\| `([a-z-]+)`", (ROOT / "docs/diagnostics.md").read_text(), re.M))
    known |= {"exploration-low", "exploration-high"}
    page = visit().page
    page.goto("/")
    places = page.evaluate("async () => (await import('./monitor/parts/findings.js')).PLACES")
    settings = page.evaluate(
        "async () => (await import('./monitor/settings.js')).SETTINGS.map(({ name }) => name)"
    )
    # THEN none is missing
    assert set(places) == known
    # AND all lead somewhere
    for place in {place for each in places.values() for place in each}:
        view, _, setting = place.partition("?setting=")
        assert (ROOT / f"monitor/views/{view}.js").exists()
        assert not setting or setting in settings


def test_a_stretch_of_time_is_chosen(visit: Visit, days_key: str) -> None:
    # GIVEN a loop with something in each stretch of time but the longest
    visitor = visit(days_key)
    page = visitor.open("overview")
    ranges = page.get_by_role("navigation", name="Stretch of time")
    expect(ranges.get_by_role("link")).to_have_text(list(WORDS))
    # THEN the shortest is shown that holds all
    chosen = ranges.locator("[aria-current]")
    expect(chosen).to_have_text("last two weeks")
    # WHEN others are chosen, by the keyboard
    asked = reading.traffic(page)
    for name, words, events in zip(RANGES, WORDS, (1, 5, 21, 21), strict=True):
        asked.clear()
        ranges.get_by_role("link", name=words, exact=True).focus()
        page.keyboard.press("Enter")
        # THEN they are shown, and one can go on choosing from there
        expect(chosen).to_have_text(words)
        expect(chosen).to_be_focused()
        expect(page.locator(".tile").first).to_contain_text(f"Average reward, {words}")
        expect(page.locator(".tile").first).to_contain_text(f"of {events} choices")
        expect(page).to_have_url(re.compile(f"#/overview\\?range={name}$"))
        assert asked.paths[0] == f"/personalizer/v1.0/views/overview?range={name}"
    # AND the browser's way back is one
    page.go_back()
    expect(chosen).to_have_text("last two weeks")


def test_a_stretch_without_anything_says_so(visit: Visit, service: LocalService) -> None:
    # GIVEN a loop that was not called today
    page = visit(loop_with(service, "yesterday", yesterday)).open("overview")
    expect(page.get_by_role("figure")).to_be_visible()
    # WHEN its last hour is looked at
    page.get_by_role("link", name="last hour").click()
    # THEN that says so, without an empty chart
    expect(page.get_by_text("Last hour: nothing that was decided then is joined.")).to_be_visible()
    expect(page.get_by_role("figure")).to_have_count(0)
    expect(page.locator(".tile").first.locator(".value")).to_have_text(reading.NONE)


def test_a_large_loop_takes_one_small_answer(visit: Visit, service: LocalService) -> None:
    # GIVEN a loop of a million events
    visitor = visit(loop_with(service, "years", years))
    page = visitor.open("setup")
    asked = reading.traffic(page)
    for view, name in product(("overview", "monitor"), RANGES):
        # WHEN its curves are looked at
        asked.clear()
        page.goto(f"/#/{view}?range={name}")
        visitor.arrived(view)
        expect(page.get_by_role("figure").first).to_be_visible()
        # THEN the view has come in one answer
        assert asked.paths == [f"/personalizer/v1.0/views/{view}?range={name}"]
        assert 5_000 < asked.sizes[0] < LARGEST


def test_times_go_on_while_the_service_is_away(visit: Visit, cafe_key: str) -> None:
    # GIVEN somebody who looks at the age of the model
    visitor = visit(cafe_key)
    page = visitor.page
    page.clock.install()
    visitor.open("overview")
    model = page.locator(".tile").nth(1)
    expect(model).to_contain_text("ago")
    # WHEN the service goes away, for an hour and a half
    page.context.set_offline(True)
    page.clock.fast_forward("01:30:00")
    # THEN the page says so, and the model gets older
    expect(visitor.connection).to_contain_text("The service does not answer.")
    expect(model.locator(".value")).to_have_text(re.compile(r"^1\.[5-9] h ago$"))
    expect(model).to_contain_text("Next update: due now")
    # WHEN it is there again
    page.context.set_offline(False)
    page.clock.fast_forward("00:10")
    # THEN the page goes on by itself
    expect(visitor.connection).to_be_empty()
    expect(model.locator(".value")).not_to_contain_text("h ago")


@pytest.mark.parametrize(
    ("dark", "size"),
    [(False, WIDE), (True, NARROW)],
    ids=["light", "dark-and-narrow"],
)
def test_it_is_readable_for_everybody(
    visit: Visit, cafe_key: str, dark: bool, size: tuple[int, int]
) -> None:
    visitor = visit(cafe_key, dark=dark, size=size)
    page = visitor.open("overview")
    reading.table(page.get_by_role("figure"))
    page.get_by_text("Evidence").first.click()
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
