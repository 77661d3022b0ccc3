"""``python -m tests.monitor.screenshots``: pictures of the page for the documentation."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.monitor.chromium import NoBrowser, open_browser
from tests.monitor.evaluated import evaluated, reported
from tests.monitor.past import REGULARS, apprentice, loop_with, regulars, surveyed
from tests.monitor.seeding import caller
from tests.monitor.visitor import Visitor
from tests.service import LocalService

FOLDER = Path(__file__).resolve().parents[2] / "docs/page"
SIZE = (1200, 800)
EVALUATION = "The last hour"
REPORT = "What guests like"
PLAIN = "--cb_explore_adf --epsilon 0.2 --cb_type mtr"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture.

    Attributes:
        name: Its file's.
        view: What is in front.
        prepare: What is done before it is taken.
        whole: Whether what is below the window is on it.
        loop: Whose it is.
    """

    name: str
    view: str
    prepare: Callable[[Page], object] = lambda page: None
    dark: bool = False
    whole: bool = True
    loop: str = "cafe"


SHOTS = (
    Shot("first-steps", "overview", loop="fresh"),
    Shot("overview", "overview"),
    Shot("overview-dark", "overview", dark=True, whole=False),
    Shot("monitor", "monitor"),
    Shot("apprentice", "monitor", loop="apprentice", whole=False),
    Shot("setup", "setup"),
    Shot(
        "setup-reset",
        "setup",
        lambda page: page.get_by_label("Exploration").fill("30"),
        whole=False,
    ),
    Shot("model", "model"),
    Shot("evaluations", "evaluations"),
    Shot("evaluation", "evaluations", lambda page: _follow(page, EVALUATION, "Policies")),
    Shot("new-evaluation", "evaluations?new=1", lambda page: _add_settings(page)),
    Shot("features", "features", lambda page: _follow(page, REPORT, "Features and their scores")),
)


def main() -> int:
    """Take them all. The exit code: 0, or 1 after a line that says why not."""
    try:
        with tempfile.TemporaryDirectory() as folder, LocalService(Path(folder)) as service:
            _take(service, _seeded(service))
    except NoBrowser as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _seeded(service: LocalService) -> Mapping[str, str]:
    """The keys of loops that have something to show, by their names."""
    key = loop_with(service, "cafe", regulars)
    _configure(service, key, {"modelExportFrequency": "PT1S"})
    surveyed(service, key, REGULARS)
    evaluated(
        service,
        key,
        {
            "name": EVALUATION,
            "enableOfflineExperimentation": True,
            "policies": [{"name": "plain", "arguments": PLAIN}],
        },
    )
    reported(service, key, REPORT)
    novice = loop_with(service, "apprentice", apprentice)
    _configure(service, novice, {"learningMode": "Apprentice"})
    return {"cafe": key, "apprentice": novice, "fresh": service.key}


def _configure(service: LocalService, key: str, changes: Mapping[str, str]) -> None:
    with caller(service, key) as api:
        standing = api.get("configurations/service").raise_for_status().json()
        api.put("configurations/service", json={**standing, **changes}).raise_for_status()


def _follow(page: Page, name: str, region: str) -> None:
    """Turn to one of those that a view lists, and wait for what it has found."""
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("region", name=region, exact=True).wait_for()


def _add_settings(page: Page) -> None:
    page.get_by_role("button", name="Add settings").click()
    page.get_by_label("Name of the settings").fill("plain")
    page.get_by_label("Arguments").fill(PLAIN)
    page.evaluate("scrollTo(0, 0)")


def _take(service: LocalService, keys: Mapping[str, str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        for shot in SHOTS:
            key = keys[shot.loop]
            visitor = Visitor(browser, service.endpoint, key, dark=shot.dark, size=SIZE)
            page = visitor.open(shot.view)
            shot.prepare(page)
            # Charts are drawn once their library is there.
            page.wait_for_load_state("networkidle")
            file = FOLDER / f"{shot.name}.png"
            page.screenshot(path=file, full_page=shot.whole, animations="disabled")
            visitor.leave()
            print(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


if __name__ == "__main__":
    sys.exit(main())
