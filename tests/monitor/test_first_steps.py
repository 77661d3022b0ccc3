"""What a loop shows that nobody has called: lines that work, and the wait for what they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.monitor.conftest import Visit
from tests.monitor.seeding import caller
from tests.monitor.visitor import NARROW, ROOT, WIDE
from tests.service import LocalService

SECONDS = 60.0
JOINED_MS = 60_000
# The page asks every few seconds.
ASKED_MS = 20_000
VARIABLE = "PERSONALIZER_KEY1"


def lines(page: Page, name: str) -> str:
    """What stands in a block."""
    text = page.locator(f"#{name}").text_content()
    assert text
    return text


def ran(command: list[str], stdin: str = "", **environment: str) -> str:
    """What a program prints that must not fail."""
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        command,
        input=stdin,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def configure(service: LocalService, key: str, changes: Mapping[str, str | bool]) -> None:
    with caller(service, key) as api:
        standing = api.get("configurations/service").raise_for_status().json()
        api.put("configurations/service", json={**standing, **changes}).raise_for_status()


def test_the_lines_work_and_the_page_turns_by_itself(
    visit: Visit, service: LocalService, fresh_key: str, tmp_path: Path
) -> None:
    # GIVEN somebody in front of a loop that nobody has called, and that waits for seconds
    configure(service, fresh_key, {"rewardWaitTime": "PT5S", "modelExportFrequency": "PT1S"})
    page = visit(fresh_key).open("overview")
    expect(page.get_by_role("heading", name="What to do first")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Waiting for the first call")).to_be_visible()
    expect(page.get_by_text("A decision waits 5 seconds for its reward")).to_be_visible()
    expect(page.get_by_text("a new model is made every 1 second")).to_be_visible()
    # AND the key is not in it
    assert fresh_key not in page.content()
    # WHEN the lines are pasted into a shell, with the key where it is asked for
    pasted = lines(page, "set-key") + f"{fresh_key}\n" + lines(page, "curl-lines")
    printed = ran(["bash", "-s"], pasted)
    # THEN the loop has ranked, and has taken the reward
    assert re.fullmatch(
        r'\{"ranking":\[.*\],"eventId":"first-\d+","rewardActionId":"(pasta|salad)"\}\n204\n',
        printed,
    )
    # AND so it has by the official clients
    key = {VARIABLE: fresh_key}
    script = lines(page, "python-lines")
    assert ran([sys.executable, "-c", script], **key) in ("pasta\n", "salad\n")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "first.mjs").write_text(lines(page, "javascript-lines"))
    assert ran(["node", str(tmp_path / "first.mjs")], **key) in ("pasta\n", "salad\n")
    # THEN the page says that something has come, and turns once it is joined
    expect(page.get_by_role("heading", name="Is it learning?")).to_be_visible(timeout=JOINED_MS)
    expect(page.locator(".tile").first).to_contain_text("1.000", timeout=JOINED_MS)
    expect(page.locator(".tile").first).to_contain_text("of 3 choices", timeout=JOINED_MS)


def test_a_call_that_waits_is_told_of(visit: Visit, service: LocalService, fresh_key: str) -> None:
    # GIVEN a loop that waits for ten minutes, and somebody in front of it
    page = visit(fresh_key).open("overview")
    status = page.locator(".waiting")
    expect(status).to_have_text("Waiting for the first call…")
    expect(page.get_by_text("A decision waits 10 minutes for its reward")).to_be_visible()
    # WHEN it is called for the first time
    with caller(service, fresh_key) as api:
        api.post("rank", json={"actions": [{"id": "a", "features": []}]}).raise_for_status()
    # THEN the page says that it is there, and when it will be learned
    expect(status).to_have_text("A call has arrived.", timeout=ASKED_MS)
    expect(page.get_by_text(re.compile(r"What has arrived is here in 1\d min"))).to_be_visible()


def test_a_loop_of_pages_has_lines_of_its_own(
    visit: Visit, service: LocalService, fresh_key: str
) -> None:
    # GIVEN a fresh multi-slot loop
    configure(service, fresh_key, {"isAutoOptimizationEnabled": False})
    with caller(service, fresh_key) as api:
        policy = {"name": "slots", "arguments": "--ccb_explore_adf --epsilon 0.2 -q ::"}
        api.put("configurations/policy", json=policy).raise_for_status()
    page = visit(fresh_key).open("overview")
    # WHEN its lines are pasted
    printed = ran(["bash", "-s"], lines(page, "curl-lines"), **{VARIABLE: fresh_key})
    # THEN it has filled a page, and has taken the reward
    assert re.fullmatch(r'\{"slots":\[\{"id":"top".*\],"eventId":"first-\d+"\}\n204\n', printed)
    expect(page.locator(".waiting")).to_have_text("A call has arrived.", timeout=ASKED_MS)


def test_lines_are_copied_by_a_button(visit: Visit) -> None:
    page = visit().open("overview")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the curl lines").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == lines(page, "curl-lines")


def test_where_a_browser_has_no_clipboard_lines_are_selected(visit: Visit) -> None:
    # GIVEN a page that came over http, as far as its scripts can tell
    visitor = visit()
    visitor.page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined })"
    )
    page = visitor.open("overview")
    page.get_by_role("button", name="Copy the curl lines").click()
    expect(page.get_by_role("status").filter(has_text="Selected: press Ctrl+C")).to_have_count(1)
    assert page.evaluate("getSelection().toString()").strip() == lines(page, "curl-lines").strip()


@pytest.mark.parametrize(
    ("dark", "size"),
    [(False, WIDE), (True, NARROW)],
    ids=["light", "dark-and-narrow"],
)
def test_it_is_readable_for_everybody(visit: Visit, dark: bool, size: tuple[int, int]) -> None:
    visitor = visit(dark=dark, size=size)
    page = visitor.open("overview")
    for language in ("Python", "JavaScript"):
        page.get_by_text(f"The same in {language}").click()
        expect(page.locator(f"#{language.lower()}-lines")).to_be_visible()
    assert visitor.serious() == []
    assert not visitor.is_too_wide()
