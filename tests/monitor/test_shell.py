"""Signing in and out, moving between views, and what is seen while the service does not answer."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from api.monitor import folder, unversioned
from tests.monitor.conftest import CLIENT_KEY, LOOPS, Visit
from tests.monitor.visitor import NARROW, Visitor
from tests.service import LocalService

VIEWS = ("overview", "monitor", "setup", "model", "evaluations", "features")
ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_key_opens_the_page(visit: Visit, service: LocalService) -> None:
    # GIVEN somebody with a key of a loop
    visitor = visit(service.keys[LOOPS[0]][0])
    visitor.page.goto("/")
    expect(visitor.page).to_have_title("Sign in – Open Personalizer")
    expect(visitor.page.get_by_label("Key of the endpoint")).to_be_focused()
    # WHEN it is put in
    visitor.sign_in(visitor.key)
    # THEN the first view is there, and says whose it is
    visitor.arrived("overview")
    expect(visitor.page).to_have_title(re.compile(rf"Overview · {LOOPS[0]} – Open Personalizer"))
    expect(visitor.page.locator("#loop")).to_contain_text(LOOPS[0])
    # AND it still is after the page was loaded anew: the tab keeps the key
    visitor.page.reload()
    visitor.arrived("overview")
    # AND no other tab has it
    other = visitor.page.context.new_page()
    other.goto("/")
    expect(other.get_by_label("Key of the endpoint")).to_be_visible()


def test_the_second_key_opens_the_same_loop(visit: Visit, service: LocalService) -> None:
    visitor = visit(service.keys[LOOPS[0]][1])
    visitor.open("setup")
    expect(visitor.page.locator("#loop")).to_contain_text(LOOPS[0])


def test_a_key_of_another_loop_shows_the_other_loop(visit: Visit, service: LocalService) -> None:
    visitor = visit(service.keys[LOOPS[1]][0])
    visitor.open("model")
    expect(visitor.page.locator("#loop")).to_contain_text(LOOPS[1])
    expect(visitor.page.locator("#loop")).not_to_contain_text(f"{LOOPS[0]} ")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("wrong", "The service does not know this key."),
        ("two words", "That can't be a key"),
        ("schlüssel", "That can't be a key"),
    ],
)
def test_a_wrong_key_is_refused(visit: Visit, key: str, reason: str) -> None:
    visitor = visit(key)
    visitor.page.goto("/")
    visitor.sign_in(key)
    expect(visitor.page.locator("#key-problem")).to_contain_text(reason)
    expect(visitor.page.get_by_label("Key of the endpoint")).to_be_visible()
    expect(visitor.page.locator("nav")).to_be_hidden()


def test_a_key_that_stops_working_ends_the_session(visit: Visit, untouched_key: str) -> None:
    # GIVEN somebody who is signed in
    visitor = visit(untouched_key)
    visitor.page.clock.install()
    page = visitor.open("model")
    # WHEN the key is taken away
    refused = {"error": {"code": "401", "message": "The key opens no loop."}}
    page.route("**/personalizer/**", lambda route: route.fulfill(status=401, json=refused))
    page.clock.fast_forward(6_000)
    # THEN they are asked for another one, and are told why
    expect(page.locator("#key-problem")).to_contain_text("The key opens no loop.")
    # AND nothing is left of what was seen
    expect(page.locator("main h2")).to_have_count(0)
    assert page.evaluate("() => sessionStorage.length") == 0


def test_signing_out_forgets_the_key(visit: Visit, untouched_key: str) -> None:
    visitor = visit(untouched_key)
    page = visitor.open("model")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key of the endpoint")).to_be_focused()
    assert page.evaluate("() => sessionStorage.length") == 0
    page.reload()
    expect(page.get_by_label("Key of the endpoint")).to_be_visible()


def test_a_limited_key_is_told_that_it_cant_look(visit: Visit) -> None:
    # GIVEN a key that may rank and reward, and nothing else
    visitor = visit(CLIENT_KEY)
    visitor.page.goto("/")
    # WHEN somebody tries to look with it
    visitor.sign_in(CLIENT_KEY)
    # THEN they are told why not
    expect(visitor.page.locator("#key-problem")).to_contain_text(
        "This key can't look: A client key opens rank, reward and activate, and nothing else."
    )


def test_views_are_reached_by_the_keyboard(visit: Visit, untouched_key: str) -> None:
    # GIVEN somebody without a mouse
    visitor = visit(untouched_key)
    page = visitor.page
    page.goto("/#/setup")
    page.keyboard.type(visitor.key)
    page.keyboard.press("Enter")
    visitor.arrived("setup")
    # WHEN they skip to the content, and go on to another view
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    link = page.locator("nav a[href='#/model']")
    link.focus()
    page.keyboard.press("Enter")
    visitor.arrived("model")
    # THEN the heading of the new view has the focus, so that it is read out
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page).to_have_title(re.compile("^Model and learning settings"))


def test_the_first_stop_leads_past_the_navigation(visit: Visit, untouched_key: str) -> None:
    visitor = visit(untouched_key)
    page = visitor.open("model")
    page.reload()
    visitor.arrived("model")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    visitor.arrived("model")


def test_back_leads_to_the_view_before(visit: Visit, untouched_key: str) -> None:
    visitor = visit(untouched_key)
    page = visitor.open("setup")
    visitor.turn_to("model")
    page.go_back()
    visitor.arrived("setup")


def test_an_address_that_leads_nowhere_leads_to_the_first_view(
    visit: Visit, untouched_key: str
) -> None:
    visitor = visit(untouched_key)
    visitor.page.goto("/#/nowhere")
    visitor.sign_in(visitor.key)
    visitor.arrived("overview")
    assert visitor.page.url.endswith("#/overview")


def test_the_page_says_that_the_service_is_away_and_comes_back_with_it(
    visit: Visit, untouched_key: str, service: LocalService
) -> None:
    # GIVEN a view with data
    visitor = visit(untouched_key)
    visitor.page.clock.install()
    page = visitor.open("model")
    # WHEN the service is gone
    service.kill()
    try:
        page.clock.fast_forward(6_000)
        # THEN the page says so, and from when what it shows is
        expect(visitor.connection).to_contain_text("The service does not answer.")
        expect(visitor.connection).to_contain_text("What you see is from")
        expect(page.get_by_role("heading", name="History of models")).to_be_visible()
        # AND so it does of what somebody wants to be done meanwhile
        page.get_by_role("button", name="Reset…").click()
        visitor.confirm("Reset")
        expect(visitor.said).to_contain_text("The service does not answer.")
    finally:
        service.start()
    # AND by itself it goes on where the service does
    page.clock.fast_forward(3_000)
    expect(visitor.connection).to_be_empty()
    expect(visitor.said).to_contain_text("The service answers again.")


def test_a_failure_of_the_service_is_told_with_its_request(
    visit: Visit, untouched_key: str
) -> None:
    # GIVEN a service that fails on what it is asked to do
    visitor = visit(untouched_key)
    page = visitor.open("model")

    def failing(route: Route) -> None:
        if route.request.method != "DELETE":
            route.continue_()
            return
        failed = {"error": {"code": "InternalServerError", "message": "The service failed."}}
        route.fulfill(status=500, json=failed, headers={"apim-request-id": "the-request"})

    page.route("**/personalizer/**", failing)
    # WHEN it is asked
    page.get_by_role("button", name="Reset…").click()
    visitor.confirm("Reset")
    # THEN the page says what came back, and how to find it in the log
    expect(visitor.said).to_contain_text("The service failed.")
    expect(visitor.said).to_contain_text("InternalServerError · request the-request")
    visitor.said.get_by_role("button", name="Close").click()
    expect(visitor.said).to_be_empty()


def test_an_answer_that_is_none_of_the_services_is_told(visit: Visit, untouched_key: str) -> None:
    visitor = visit(untouched_key)
    page = visitor.page
    page.route("**/personalizer/**", lambda route: route.fulfill(status=502, body="<h1>Bad</h1>"))
    page.goto("/")
    visitor.sign_in(visitor.key)
    expect(page.locator("#key-problem")).to_contain_text("The service answered with status 502.")


def test_a_tab_that_nobody_sees_asks_for_nothing(visit: Visit, untouched_key: str) -> None:
    # GIVEN a tab that goes behind others
    visitor = visit(untouched_key)
    page = visitor.page
    page.clock.install()
    visitor.open("model")
    page.evaluate(
        "() => Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })"
    )
    # The request that was due, or under way, while it went.
    page.clock.run_for(10_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # WHEN time passes
    page.clock.run_for(60_000)
    assert asked == []
    # THEN it asks at once when it comes back
    with page.expect_request("**/views/model"):
        page.evaluate("() => { delete document.hidden; }")
        page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_signing_in_is_readable_for_everybody(visit: Visit, untouched_key: str, dark: bool) -> None:
    visitor = visit(untouched_key, dark=dark)
    visitor.page.goto("/")
    visitor.sign_in("wrong")
    expect(visitor.page.locator("#key-problem")).not_to_be_empty()
    assert visitor.serious() == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_fresh_loop(visit: Visit, untouched_key: str, view: str) -> None:
    # GIVEN a loop without a model, and without a log
    visitor = visit(untouched_key, size=NARROW)
    # WHEN a view is looked at on a narrow screen
    visitor.open(view)
    # THEN it is there, fits, and can be read by everybody
    assert not visitor.is_too_wide()
    assert visitor.serious() == []


def test_the_page_tells_nobody_anything_about_the_deployment(
    browser: Browser, service: LocalService
) -> None:
    # GIVEN somebody without a key
    visitor = Visitor(browser, service.endpoint, "no-key")
    seen: list[str] = []
    visitor.page.on("request", lambda request: seen.append(request.url))
    visitor.page.goto("/")
    expect(visitor.page.get_by_label("Key of the endpoint")).to_be_visible()
    visitor.leave()
    # THEN the page asks for its own files alone, and these are those of the sources to the byte:
    # the same in every deployment of one version, which is part of their addresses
    files = {url.removeprefix(f"{service.endpoint}/").partition("#")[0] for url in seen}
    assert "" in files
    with httpx.Client(base_url=service.endpoint) as client:
        for file in files:
            answer = client.get(f"/{file}")
            source = ROOT / (unversioned(file) or "monitor/index.html")
            assert answer.content.replace(folder().encode(), b"monitor") == source.read_bytes()
    assert all(file == "" or file.startswith("monitor/") for file in files)
