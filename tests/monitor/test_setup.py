"""The view Setup: each setting is read and changed through the API, by its rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.monitor.conftest import Visit
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, Visitor
from tests.service import LocalService

Configuration = dict[str, str | float | bool | None]


def configuration(service: LocalService, key: str) -> Configuration:
    """What the API says."""
    with caller(service, key) as api:
        found: Configuration = api.get("configurations/service").raise_for_status().json()
    return found


def save(visitor: Visitor, resets: bool = False) -> None:
    """Save what was changed, and wait until it is."""
    visitor.page.get_by_role("button", name="Save", exact=True).click()
    if resets:
        visitor.confirm("Save and reset")
    expect(visitor.said).to_contain_text("Saved.")
    expect(visitor.page.locator(".saving")).to_be_hidden()


def writes(page: Page) -> list[str]:
    """Filled with the methods of requests that change something, as they are made."""
    made: list[str] = []

    def asked(request: Request) -> None:
        if request.method != "GET":
            made.append(request.method)

    page.on("request", asked)
    return made


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """Somebody in front of the settings of a fresh loop."""
    visitor = visit()
    visitor.open("setup")
    return visitor


@pytest.fixture
def looker(visit: Visit, untouched_key: str) -> Visitor:
    """Somebody in front of the settings of a fresh loop, who saves nothing."""
    looker = visit(untouched_key)
    looker.open("setup")
    return looker


def test_a_fresh_loop_shows_its_defaults(looker: Visitor) -> None:
    page = looker.page
    expect(page.get_by_label("Reward wait time", exact=True)).to_have_value("10")
    expect(page.get_by_label("Reward wait time: unit")).to_have_value("60")
    expect(page.get_by_label("Default reward")).to_have_value("0")
    expect(page.get_by_label("Reward aggregation")).to_have_value("earliest")
    expect(page.get_by_label("Exploration")).to_have_value("20")
    expect(page.get_by_label("Learning mode")).to_have_value("Online")
    expect(page.get_by_label("Log retention")).to_have_value("90")
    expect(page.get_by_label("Publish new models automatically")).to_be_checked()
    expect(page.get_by_label("Explain ranks")).not_to_be_checked()
    expect(page.get_by_text("Nothing was changed yet.")).to_be_visible()
    expect(page.locator(".saving")).to_be_hidden()


def test_every_setting_is_changed_through_the_api(visitor: Visitor, service: LocalService) -> None:
    # GIVEN the settings of a fresh loop
    page = visitor.page
    before = configuration(service, visitor.key)
    # WHEN all of them are changed but the learning mode, which goes alone
    page.get_by_label("Reward wait time", exact=True).fill("1.5")
    page.get_by_label("Reward wait time: unit").select_option("hours")
    page.get_by_label("Default reward").fill("-0.5")
    page.get_by_label("Reward aggregation").select_option("sum")
    page.get_by_label("Exploration").fill("7")
    page.get_by_label("Explain ranks").check()
    page.get_by_label("Model update frequency", exact=True).fill("15")
    page.get_by_label("Model update frequency: unit").select_option("seconds")
    page.get_by_label("Publish new models automatically").uncheck()
    page.get_by_label("Models in the history").fill("5")
    page.get_by_label("Days to rebuild from").fill("30")
    page.get_by_label("Optimise learning settings automatically").uncheck()
    page.get_by_label("Optimization frequency", exact=True).fill("7")
    page.get_by_label("Not before").fill("2027-01-02T03:04:05")
    page.get_by_label("for ever").check()
    save(visitor, resets=True)
    page.get_by_label("Learning mode").select_option("Apprentice")
    save(visitor)
    # THEN the API says the same
    after = configuration(service, visitor.key)
    assert after["lastConfigurationEditDate"] != before["lastConfigurationEditDate"]
    assert {
        name: value for name, value in after.items() if name != "lastConfigurationEditDate"
    } == {
        "rewardWaitTime": "PT1H30M",
        "defaultReward": -0.5,
        "rewardAggregation": "sum",
        "explorationPercentage": 0.07,
        "modelExportFrequency": "PT15S",
        "logMirrorEnabled": False,
        "logMirrorSasUri": None,
        "logRetentionDays": -1,
        "learningMode": "Apprentice",
        "isAutoOptimizationEnabled": False,
        "autoOptimizationFrequency": "P7D",
        # In Berlin, where the browser is.
        "autoOptimizationStartDate": "2027-01-02T02:04:05Z",
        "isInferenceExplainabilityEnabled": True,
        "modelRetrainDays": 30,
        "modelAutoPublish": False,
        "stagedModelHistoryLength": 5,
    }
    # AND the page shows the answer, also to who comes later
    expect(page.locator("#loop")).to_contain_text("Apprentice")
    for again in (lambda: None, page.reload):
        again()
        visitor.arrived("setup")
        expect(page.get_by_label("Reward wait time", exact=True)).to_have_value("90")
        expect(page.get_by_label("Reward wait time: unit")).to_have_value("60")
        expect(page.get_by_label("Exploration")).to_have_value("7")
        expect(page.get_by_label("for ever")).to_be_checked()
        expect(page.get_by_label("Not before")).to_have_value("2027-01-02T03:04:05")
    # AND what was set can be taken back
    page.get_by_label("Not before").fill("")
    page.get_by_label("for ever").uncheck()
    page.get_by_label("Log retention").fill("60")
    save(visitor)
    after = configuration(service, visitor.key)
    assert after["autoOptimizationStartDate"] is None
    assert after["logRetentionDays"] == 60


def test_durations_are_taken_however_they_are_written(
    visitor: Visitor, service: LocalService
) -> None:
    field = visitor.page.get_by_label("Model update frequency", exact=True)
    unit = visitor.page.get_by_label("Model update frequency: unit")
    for text, taken, number in (
        ("PT90S", "PT1M30S", "90"),
        ("00:01:31", "PT1M31S", "91"),
        ("p0dt1m32s", "PT1M32S", "92"),
    ):
        field.fill(text)
        expect(unit).to_be_disabled()
        save(visitor)
        assert configuration(service, visitor.key)["modelExportFrequency"] == taken
        expect(field).to_have_value(number)
        expect(unit).to_have_value("1")
    unit.select_option("hours")
    field.fill("1,5")
    save(visitor)
    assert configuration(service, visitor.key)["modelExportFrequency"] == "PT1H30M"


def test_a_reset_of_the_model_is_told_before_it_is_saved(
    visitor: Visitor, service: LocalService
) -> None:
    # GIVEN a change that resets the model
    page = visitor.page
    page.get_by_label("Exploration").fill("30")
    # THEN the page says so, and what the model is rebuilt from, before anything is done
    rebuilt = "rebuilt from the last 2 days of the log"
    expect(page.locator(".saving")).to_contain_text("Exploration: 20 % → 30 %")
    expect(page.locator(".saving")).to_contain_text("Saving this resets the model.")
    expect(page.locator(".saving")).to_contain_text(rebuilt)
    # AND asks
    made = writes(page)
    page.get_by_role("button", name="Save", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text(rebuilt)
    expect(question).to_contain_text("The log is empty: there is nothing to rebuild from.")
    # WHEN the answer is no, nothing happens
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert made == []
    assert configuration(service, visitor.key)["explorationPercentage"] == 0.2
    # AND WHEN it is yes, it is done
    save(visitor, resets=True)
    assert configuration(service, visitor.key)["explorationPercentage"] == 0.3


def test_nothing_to_rebuild_from_is_told(looker: Visitor) -> None:
    page = looker.page
    page.get_by_label("Days to rebuild from").fill("0")
    expect(page.locator(".saving")).not_to_contain_text("resets the model")
    page.get_by_label("Default reward").fill("1")
    expect(page.locator(".saving")).to_contain_text("Nothing of the log is learned again")


def test_what_was_changed_can_be_discarded(looker: Visitor) -> None:
    page = looker.page
    page.get_by_label("Default reward").fill("1")
    page.get_by_label("Explain ranks").check()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Default reward")).to_have_value("0")
    expect(page.get_by_label("Explain ranks")).not_to_be_checked()
    expect(page.locator(".saving")).to_be_hidden()


def fill(label: str, text: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_label(label, exact=True).fill(text)


def select(label: str, value: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_label(label, exact=True).select_option(value)


BROKEN: tuple[tuple[list[Callable[[Page], object]], str, str], ...] = (
    (
        [fill("Reward wait time", "4"), select("Reward wait time: unit", "seconds")],
        "rewardWaitTime",
        "5 seconds is the least.",
    ),
    ([fill("Reward wait time", "soon")], "rewardWaitTime", "A number is needed here, or a"),
    ([fill("Default reward", "1.01")], "defaultReward", "1 is the most."),
    ([fill("Default reward", "")], "defaultReward", "A number is needed here."),
    ([fill("Exploration", "101")], "explorationPercentage", "100 is the most."),
    ([fill("Models in the history", "2.5")], "stagedModelHistoryLength", "A whole number"),
    ([fill("Optimization frequency", "366")], "autoOptimizationFrequency", "365 days is the"),
    ([fill("Log retention", "1")], "logRetentionDays", "it has to be 2 days or more."),
    (
        [fill("Reward wait time", "P2D"), fill("Log retention", "2")],
        "logRetentionDays",
        "it has to be 3 days or more.",
    ),
    ([fill("Days to rebuild from", "91")], "modelRetrainDays", "kept for 90 days only"),
    (
        [fill("Default reward", "1"), select("Learning mode", "Apprentice")],
        "learningMode",
        "Save this and default reward one after the other",
    ),
)


def test_what_breaks_a_rule_is_told_at_its_field(visit: Visit, untouched_key: str) -> None:
    visitor = visit(untouched_key)
    page = visitor.open("setup")
    made = writes(page)
    for changes, place, text in BROKEN:
        # GIVEN a value that the service would refuse
        for change in changes:
            change(page)
        # WHEN it is saved
        page.get_by_role("button", name="Save", exact=True).click()
        # THEN the page says why not, at the field, which has the focus
        expect(page.locator(f"#{place}-problem")).to_contain_text(text)
        expect(page.locator(f"#{place}")).to_be_focused()
        expect(page.locator(f"#{place}")).to_have_attribute("aria-invalid", "true")
        page.get_by_role("button", name="Discard").click()
        expect(page.locator(f"#{place}-problem")).to_be_empty()
    # AND nothing was sent
    assert made == []


def test_what_the_service_refuses_is_told_at_its_field(
    visitor: Visitor, service: LocalService
) -> None:
    page = visitor.page
    # GIVEN a wait that only a deployment can allow
    page.get_by_label("Reward wait time", exact=True).fill("3")
    page.get_by_label("Reward wait time: unit").select_option("days")
    # WHEN it is saved
    page.get_by_role("button", name="Save", exact=True).click()
    visitor.confirm("Save and reset")
    # THEN the field says what the service says, and by which name its log has it
    problem = page.locator("#rewardWaitTime-problem")
    expect(problem).to_contain_text("rewardWaitTime is P3D; it should be from PT5S to P2D.")
    expect(problem).to_contain_text("InvalidRewardWaitTime · request ")
    expect(page.get_by_label("Reward wait time", exact=True)).to_be_focused()
    # AND it is still there to be mended
    expect(page.get_by_label("Reward wait time", exact=True)).to_have_value("3")
    assert configuration(service, visitor.key)["rewardWaitTime"] == "PT10M"
    page.get_by_role("button", name="Discard").click()
    expect(problem).to_be_empty()


def test_the_mirrors_uri_is_hidden_and_checked(visitor: Visitor, service: LocalService) -> None:
    page = visitor.page
    field = page.get_by_label("SAS URI of the mirror", exact=True)
    expect(field).to_have_attribute("type", "password")
    # GIVEN something that is no SAS URI of a container
    field.fill("https://account.blob.example/container?sig=secret")
    expect(page.locator(".saving")).not_to_contain_text("secret")
    page.get_by_label("Mirror the log").check()
    # WHEN it is saved
    page.get_by_role("button", name="Save", exact=True).click()
    # THEN the service refuses it, at the field
    expect(page.locator("#logMirrorSasUri-problem")).to_contain_text("InvalidSasUri")
    assert configuration(service, visitor.key)["logMirrorSasUri"] is None
    # AND it is shown to who asks for it
    page.get_by_role("button", name="Show").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Show").click()
    expect(field).to_have_attribute("type", "password")


def test_what_others_change_meanwhile_is_not_lost(visitor: Visitor, service: LocalService) -> None:
    # GIVEN somebody who is about to change something
    page = visitor.page
    page.clock.install()
    page.reload()
    visitor.arrived("setup")
    page.get_by_label("Models in the history").fill("20")
    # WHEN somebody else changes something else
    with caller(service, visitor.key) as api:
        standing = api.get("configurations/service").json()
        api.put(
            "configurations/service", json={**standing, "modelRetrainDays": 3}
        ).raise_for_status()
    # THEN the page says so, and keeps what was put in
    notice = page.get_by_text("Somebody else has changed the configuration meanwhile.")
    page.clock.fast_forward(6_000)
    expect(notice).to_be_visible()
    expect(page.get_by_label("Models in the history")).to_have_value("20")
    # AND what is saved is that alone
    save(visitor)
    after = configuration(service, visitor.key)
    assert (after["stagedModelHistoryLength"], after["modelRetrainDays"]) == (20, 3)
    expect(page.get_by_label("Days to rebuild from")).to_have_value("3")
    expect(notice).to_be_hidden()


def test_leaving_without_saving_is_asked_for(looker: Visitor) -> None:
    # GIVEN a change that is not saved
    page = looker.page
    page.get_by_label("Models in the history").fill("20")
    # WHEN another view is asked for
    page.locator("nav a[href='#/model']").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("What you have changed here is not saved.")
    # THEN a no keeps the view and what was put in
    question.get_by_role("button", name="Cancel").click()
    looker.arrived("setup")
    expect(page.get_by_label("Models in the history")).to_have_value("20")
    assert page.url.endswith("#/setup")
    # AND a yes leaves it
    page.locator("nav a[href='#/model']").click()
    looker.confirm("Leave")
    looker.arrived("model")


def test_a_setting_is_changed_by_the_keyboard_alone(visit: Visit, service: LocalService) -> None:
    # GIVEN somebody without a mouse, who goes through the page stop by stop
    visitor = visit()
    page = visitor.page
    page.goto("/#/setup")
    page.keyboard.type(visitor.key)
    page.keyboard.press("Enter")
    visitor.arrived("setup")

    def go_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
                return
        raise AssertionError(f"no stop at {selector}")

    # WHEN a setting that resets the model is changed, and saved
    go_to("#explorationPercentage")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("35")
    go_to("#save")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    # THEN the question can be left, and comes back
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#save")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # AND it is done
    expect(visitor.said).to_contain_text("Saved.")
    assert configuration(service, visitor.key)["explorationPercentage"] == 0.35


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_readable_for_everybody(visit: Visit, untouched_key: str, dark: bool) -> None:
    # GIVEN the view with changes, and with a complaint
    visitor = visit(untouched_key, dark=dark, size=NARROW)
    page = visitor.open("setup")
    page.get_by_label("Default reward").fill("2")
    page.get_by_label("Exploration").fill("30")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#defaultReward-problem")).not_to_be_empty()
    # THEN nothing serious is found, and it fits a narrow screen
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
    # AND neither is while it asks
    page.get_by_label("Default reward").fill("0")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert visitor.serious() == []
