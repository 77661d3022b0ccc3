"""A browser as people have it, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# It is to do nothing by itself: no updates, no reports, no other way out than the page's.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoBrowser(Exception):
    """Raised where there is none to start."""


def executable() -> str:
    """The browser's program: what ``CHROMIUM`` names, or else what is installed.

    Raises:
        NoBrowser: There is none.
    """
    named = os.environ.get("CHROMIUM")
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if named is not None and not Path(named).exists():
        raise NoBrowser(f"CHROMIUM names {named}, and there is nothing.")
    if (program := named or found) is None:
        raise NoBrowser(
            "Chromium is missing: install it (on Debian and Ubuntu: apt-get install chromium), or "
            "name it by CHROMIUM=…"
        )
    return program


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser, until the block is left.

    Raises:
        NoBrowser: There is none.
    """
    program = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()
