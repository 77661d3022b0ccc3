"""The view of the model and of the learning settings: each action to its effect."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, expect

from loop.learning_settings import DEFAULT_ARGUMENTS
from tests.monitor.conftest import Visit
from tests.monitor.seeding import EVENTS, caller, teach
from tests.monitor.visitor import NARROW, Visitor
from tests.service import LocalService

QUICKER = "--cb_explore_adf --epsilon 0.2 --power_t 0 -l 0.5 --cb_type mtr -q ::"
TAUGHT = 4
HISTORY = "staged-model"
POLICY = "configurations/policy"


@pytest.fixture(scope="module")
def taught_keys(service: LocalService, unused_keys: Iterator[str]) -> Iterator[str]:
    """Keys of loops that have a model, one after the other."""
    keys = [next(unused_keys) for _ in range(TAUGHT)]
    teach(service, keys)
    return iter(keys)


@pytest.fixture(scope="module")
def looked_at(taught_keys: Iterator[str]) -> str:
    """The key of a loop with a model that many look at, and nobody changes."""
    return next(taught_keys)


@pytest.fixture
def visitor(visit: Visit, taught_keys: Iterator[str]) -> Visitor:
    """Somebody in front of a loop with a model, which nobody has changed."""
    visitor = visit(next(taught_keys))
    visitor.open("model")
    return visitor


@pytest.fixture
def fresh(visit: Visit) -> Visitor:
    """Somebody in front of a loop without a model."""
    visitor = visit()
    visitor.open("model")
    return visitor


def row(visitor: Visitor, model_id: str) -> Locator:
    """A model's row in the history."""
    return visitor.page.get_by_role("row").filter(has_text=model_id)


def history(api: httpx.Client) -> list[dict[str, str | bool | int]]:
    """What the API says of it, the newest first."""
    found: list[dict[str, str | bool | int]] = api.get(HISTORY).raise_for_status().json()
    return found


def press(visitor: Visitor, name: str, action: str) -> None:
    """Press a button, and say yes to what it asks."""
    visitor.page.get_by_role("button", name=name).click()
    visitor.confirm(action)


def test_a_model_goes_out_and_comes_in_as_a_file(
    visitor: Visitor, service: LocalService, tmp_path: Path
) -> None:
    page = visitor.page
    with caller(service, visitor.key) as api:
        model = api.get("model").content
        # GIVEN a model, and its files: bare and signed
        with page.expect_download() as bare:
            page.get_by_role("button", name="Export", exact=True).first.click()
        assert bare.value.suggested_filename.endswith("-model.vw")
        assert Path(bare.value.path()).read_bytes() == model
        with page.expect_download() as signed:
            page.get_by_role("button", name="Export signed").click()
        archive = tmp_path / "model.vw.zip"
        signed.value.save_as(archive)
        with zipfile.ZipFile(archive) as files:
            assert files.read("model.vw") == model
            assert {"signer.der", "sha512_signature.bin"} <= set(files.namelist())
        # WHEN the signed one is taken in
        [before] = history(api)
        page.get_by_label("Import a signed model").set_input_files(archive)
        press(visitor, "Import…", "Import")
        expect(visitor.said).to_contain_text("model.vw.zip serves now.")
        # THEN it serves, and both are in the history
        imported, former = history(api)
        assert imported["userDescription"] == "imported"
        assert (imported["isPublished"], former["isPublished"]) == (True, False)
        assert api.get("model").content == model
        expect(row(visitor, str(imported["modelId"]))).to_contain_text("serves")
        expect(row(visitor, str(former["modelId"]))).to_contain_text(str(EVENTS))

        # AND the one before can be published again, which is said to be a way back
        row(visitor, str(before["modelId"])).get_by_role("button", name="Roll back…").click()
        expect(page.get_by_role("dialog")).to_contain_text("learning goes on from it")
        visitor.confirm("Roll back")
        expect(row(visitor, str(before["modelId"]))).to_contain_text("serves")
        assert [model["isPublished"] for model in history(api)] == [False, True]
        # AND the newer one after it
        row(visitor, str(imported["modelId"])).get_by_role("button", name="Publish…").click()
        visitor.confirm("Publish")
        expect(row(visitor, str(imported["modelId"]))).to_contain_text("serves")
        assert [model["isPublished"] for model in history(api)] == [True, False]

        # AND what a model is can be written down, and that it is to stay
        row(visitor, str(before["modelId"])).get_by_role("button", name="Describe…").click()
        page.get_by_label("Description").fill("before <b>Christmas</b>")
        page.get_by_label("Pin it").check()
        visitor.confirm("Save")
        expect(row(visitor, str(before["modelId"]))).to_contain_text("before <b>Christmas</b>")
        expect(row(visitor, str(before["modelId"]))).to_contain_text("pinned")
        described = history(api)[1]
        assert described["userDescription"] == "before <b>Christmas</b>"
        assert described["savedInHistory"] is True

        # AND it can be removed, unless it is learned on from
        row(visitor, str(imported["modelId"])).get_by_role("button", name="Describe…").wait_for()
        row(visitor, str(before["modelId"])).get_by_role("button", name="Remove…").click()
        visitor.confirm("Remove")
        expect(row(visitor, str(before["modelId"]))).to_have_count(0)
        assert [model["modelId"] for model in history(api)] == [imported["modelId"]]


def test_a_file_that_is_no_model_is_refused(fresh: Visitor, tmp_path: Path) -> None:
    page = fresh.page
    # GIVEN no file
    page.get_by_role("button", name="Import…").click()
    expect(fresh.said).to_contain_text("Choose the file first")
    # WHEN one is chosen that holds no model
    page.get_by_label("Import a signed model").set_input_files(
        {"name": "model.vw.zip", "mimeType": "application/zip", "buffer": b"no archive"}
    )
    press(fresh, "Import…", "Import")
    # THEN the page says what the service says
    expect(fresh.said).to_contain_text("InvalidModelImportFormat · request ")


def test_the_model_is_reset(visitor: Visitor, service: LocalService) -> None:
    with caller(service, visitor.key) as api:
        assert api.get("model").content
        # WHEN it is reset
        press(visitor, "Reset…", "Reset")
        expect(visitor.said).to_contain_text("The model is reset.")
        # THEN there is none any more
        assert api.get("model").content == b""
        # AND the view says so
        expect(visitor.page.locator(".facts")).to_contain_text("There is none yet")
        # AND there is nothing to export
        visitor.page.get_by_role("button", name="Export", exact=True).first.click()
        expect(visitor.said).to_contain_text("There is no model yet")
        # AND the history is still there to go back to
        assert len(history(api)) == 1
        expect(visitor.page.get_by_role("button", name="Publish…")).to_be_visible()


def test_learning_settings_are_put_in_force(fresh: Visitor, service: LocalService) -> None:
    page = fresh.page
    with caller(service, fresh.key) as api:
        # GIVEN the default learning settings
        expect(page.get_by_label("Arguments")).to_have_value(DEFAULT_ARGUMENTS)
        expect(page.get_by_text("the default", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Save…")).to_be_disabled()
        # WHEN others are put
        page.get_by_label("Name").fill("quicker")
        page.get_by_label("Arguments").fill(f" {QUICKER}")
        page.get_by_role("button", name="Save…").click()
        # THEN it is said what that does to the model
        expect(page.get_by_role("dialog")).to_contain_text("The model is reset")
        fresh.confirm("Put in force")
        expect(fresh.said).to_contain_text("The learning settings are in force.")
        # AND they are in force, to the letter
        assert api.get(POLICY).json() == {"name": "quicker", "arguments": f" {QUICKER}"}
        expect(page.get_by_text("of your own", exact=True)).to_be_visible()
        # AND they go back to the default
        press(fresh, "Back to default…", "Put in force")
        expect(page.get_by_label("Arguments")).to_have_value(DEFAULT_ARGUMENTS)
        assert api.get(POLICY).json()["arguments"] == DEFAULT_ARGUMENTS


def test_learning_settings_that_the_service_refuses(fresh: Visitor, service: LocalService) -> None:
    page = fresh.page
    # WHEN an option is put that is not allowed
    page.get_by_label("Arguments").fill(f"{QUICKER} --data /etc/passwd")
    press(fresh, "Save…", "Put in force")
    # THEN the service's reason stands at the field, and what was put in stays there
    expect(page.locator("#policy-problem")).to_contain_text("--data")
    expect(page.locator("#policy-problem")).to_contain_text("InvalidPolicyConfiguration · request")
    expect(page.get_by_label("Arguments")).to_have_value(f"{QUICKER} --data /etc/passwd")
    with caller(service, fresh.key) as api:
        assert api.get(POLICY).json()["arguments"] == DEFAULT_ARGUMENTS
    # AND settings that would make the loop multi-slot say so
    page.get_by_label("Arguments").fill(QUICKER.replace("--cb_", "--ccb_", 1))
    page.get_by_role("button", name="Save…").click()
    expect(page.get_by_role("dialog")).to_contain_text("make this loop multi-slot")
    fresh.confirm("Put in force")
    expect(page.locator("#policy-problem")).to_contain_text("isAutoOptimizationEnabled")
    # AND what was put in can be discarded
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Arguments")).to_have_value(DEFAULT_ARGUMENTS)
    expect(page.locator("#policy-problem")).to_be_empty()


def test_learning_settings_travel_as_a_file(
    fresh: Visitor, service: LocalService, tmp_path: Path
) -> None:
    page = fresh.page
    # GIVEN the settings of a loop as a file
    with page.expect_download() as exported:
        page.get_by_role("button", name="Export", exact=True).last.click()
    file = tmp_path / exported.value.suggested_filename
    exported.value.save_as(file)
    found = json.loads(file.read_text())
    assert found["arguments"] == DEFAULT_ARGUMENTS
    # WHEN one with other settings is read
    file.write_text(json.dumps({"name": "from a file", "arguments": QUICKER}))
    page.get_by_label("Import from a file").set_input_files(file)
    # THEN they are there to be looked at, and not in force yet
    expect(page.get_by_label("Arguments")).to_have_value(QUICKER)
    expect(page.get_by_label("Name")).to_have_value("from a file")
    with caller(service, fresh.key) as api:
        assert api.get(POLICY).json()["arguments"] == DEFAULT_ARGUMENTS
        # AND are put in force as any others
        press(fresh, "Save…", "Put in force")
        expect(fresh.said).to_contain_text("The learning settings are in force.")
        assert api.get(POLICY).json() == {"name": "from a file", "arguments": QUICKER}
    # AND a file without any is refused
    page.get_by_label("Import from a file").set_input_files(
        {"name": "other.json", "mimeType": "application/json", "buffer": b'{"name": "only"}'}
    )
    expect(page.locator("#policy-problem")).to_contain_text("other.json holds no learning settings")


def test_each_box_clears_what_it_says_and_nothing_else(
    visitor: Visitor, service: LocalService
) -> None:
    page = visitor.page
    with caller(service, visitor.key) as api:
        # GIVEN a loop with a log, a model and learning settings of its own
        quick = {**api.get("configurations/service").json(), "modelExportFrequency": "P1D"}
        api.put("configurations/service", json=quick).raise_for_status()
        assert api.get("logs/properties").json()["dateRange"]["from"]
        model = api.get("model").content
        clear = page.get_by_role("button", name="Clear…")
        expect(clear).to_be_disabled()
        # WHEN the log is cleared
        page.get_by_label("Logged data").check()
        clear.click()
        expect(page.get_by_role("dialog")).to_contain_text("All decisions and rewards")
        expect(page.get_by_role("dialog")).not_to_contain_text("What was learned is forgotten")
        visitor.confirm("Clear")
        # THEN it is empty, and the model is as it was
        expect(visitor.said).to_contain_text("Cleared: the log is empty.")
        assert api.get("logs/properties").json() == {"dateRange": {"from": None, "to": None}}
        assert api.get("model").content == model
        expect(clear).to_be_disabled()
        # WHEN the model is cleared
        page.get_by_label("Model", exact=True).check()
        clear.click()
        visitor.confirm("Clear")
        # THEN there is none
        expect(visitor.said).to_contain_text("Cleared: the model is reset.")
        assert api.get("model").content == b""
        # WHEN the learning settings are cleared
        policy = {"name": "mine", "arguments": QUICKER}
        api.put(POLICY, json=policy).raise_for_status()
        page.get_by_label("Learning settings back to the default").check()
        clear.click()
        visitor.confirm("Clear")
        # THEN they are the default
        expect(visitor.said).to_contain_text("Cleared: the learning settings are the default.")
        assert api.get(POLICY).json()["arguments"] == DEFAULT_ARGUMENTS
        # AND a no clears nothing
        api.put(POLICY, json=policy).raise_for_status()
        page.get_by_label("Logged data").check()
        page.get_by_label("Learning settings back to the default").check()
        clear.click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert api.get(POLICY).json() == policy
        # AND several go at once
        clear.click()
        visitor.confirm("Clear")
        expect(visitor.said).to_contain_text("the log is empty, the learning settings are")
        assert api.get(POLICY).json()["arguments"] == DEFAULT_ARGUMENTS


def test_the_keyboard_is_enough_to_describe_a_model(visit: Visit, looked_at: str) -> None:
    # GIVEN somebody without a mouse, in front of the history
    visitor = visit(looked_at)
    page = visitor.open("model")
    button = page.get_by_role("button", name="Describe…")
    button.focus()
    # WHEN a model is described
    page.keyboard.press("Enter")
    expect(page.get_by_label("Description")).to_be_focused()
    page.keyboard.type("by keyboard")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("dialog").get_by_role("button", name="Save")).to_be_focused()
    page.keyboard.press("Enter")
    # THEN it is, and the focus is back where it was
    expect(page.get_by_role("cell", name="by keyboard")).to_be_visible()
    expect(button).to_be_focused()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_readable_for_everybody(visit: Visit, looked_at: str, dark: bool) -> None:
    # GIVEN the view of a loop with a model
    visitor = visit(looked_at, dark=dark, size=NARROW)
    page = visitor.open("model")
    expect(page.get_by_role("row")).to_have_count(2)
    # THEN nothing serious is found, and it fits a narrow screen
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
    # AND neither is while it asks
    page.get_by_role("button", name="Describe…").click()
    assert visitor.serious() == []


def test_an_archive_of_another_signer_is_refused(fresh: Visitor) -> None:
    # GIVEN a signed archive whose signature is none
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for name in ("model.vw", "signer.der", "sha512_signature.bin"):
            files.writestr(name, b"nothing")
    fresh.page.get_by_label("Import a signed model").set_input_files(
        {"name": "theirs.zip", "mimeType": "application/zip", "buffer": archive.getvalue()}
    )
    press(fresh, "Import…", "Import")
    expect(fresh.said).to_contain_text("InvalidModelImport")
