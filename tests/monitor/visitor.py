"""Somebody who looks at the page, and whatever goes wrong while they do."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect
from pydantic import BaseModel, TypeAdapter

ROOT = Path(__file__).resolve().parent.parent.parent
WIDE = (1280, 900)
NARROW = (360, 780)

_AXE = ROOT / "node_modules/axe-core/axe.min.js"
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("content security policy:", event.violatedDirective, event.blockedURI));
"""
# What a refused or an unanswered request leaves in the console by itself.
_OF_REQUESTS = "Failed to load resource"
_RUN_AXE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map(({ id, impact, nodes }) =>
    ({ id, impact: impact ?? "", places: nodes.map((node) => node.html.slice(0, 200)) }));
}"""
_KEPT = "() => JSON.stringify([document.cookie, { ...localStorage }, location.href])"


class Finding(BaseModel):
    """Something that axe holds against a page."""

    id: str
    impact: str
    places: list[str]


_FINDINGS = TypeAdapter(list[Finding])


class Visitor:
    """A browser's user, with a profile of their own.

    Args:
        endpoint: The service's address.
        key: What they sign in with.
        size: Width and height of the window.

    Attributes:
        page: What they see.
        problems: What must not happen, as far as it has: errors of scripts, violations of the
            page's policy, requests to others, and the key in an address.
    """

    def __init__(
        self,
        browser: Browser,
        endpoint: str,
        key: str,
        *,
        dark: bool = False,
        size: tuple[int, int] = WIDE,
    ) -> None:
        self._endpoint = endpoint
        self.key = key
        self.problems: list[str] = []
        self._context = browser.new_context(
            base_url=endpoint,
            color_scheme="dark" if dark else "light",
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        self._context.add_init_script(_REPORT_VIOLATIONS)
        self.page = self._context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", self._asked)

    @property
    def said(self) -> Locator:
        """What the page says has been done, or why not."""
        return self.page.locator("#said")

    @property
    def connection(self) -> Locator:
        """What the page says where the service does not answer."""
        return self.page.locator("#connection")

    def open(self, view: str = "overview") -> Page:
        """Come to the page, sign in, and wait until a view is there."""
        self.page.goto(f"/#/{view}")
        self.sign_in(self.key)
        self.arrived(view)
        return self.page

    def sign_in(self, key: str) -> None:
        """Put a key in, and send it."""
        self.page.get_by_label("Key of the endpoint").fill(key)
        self.page.get_by_role("button", name="Sign in").click()

    def turn_to(self, view: str) -> None:
        """Go to another view, by its link, and wait until it is there."""
        self.page.locator(f"nav a[href='#/{view}']").click()
        self.arrived(view)

    def arrived(self, view: str) -> None:
        """Wait until a view is in front and shows its data."""
        name = view.partition("?")[0]
        expect(self.page.locator(f"nav a[href='#/{name}']")).to_have_attribute(
            "aria-current", "page"
        )
        expect(self.page.locator(f"main > .view.{name} > *").first).to_be_visible()
        expect(self.page.get_by_text("Loading…")).to_have_count(0)

    def confirm(self, action: str) -> None:
        """Say yes to what is asked."""
        self.page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()

    def serious(self) -> list[Finding]:
        """What axe finds on the page that is serious or worse."""
        # Given to the debugger, not to the page: the page's policy lets no other script in.
        self.page.evaluate(_AXE.read_text())
        findings = _FINDINGS.validate_python(self.page.evaluate(_RUN_AXE))
        return [each for each in findings if each.impact in ("serious", "critical")]

    def is_too_wide(self) -> bool:
        """Whether the page has to be scrolled sideways."""
        return bool(
            self.page.evaluate(
                "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def leave(self) -> None:
        """Close the browser's profile, after a look at what is kept in it."""
        if self.page.url.startswith("http"):
            kept = str(self.page.evaluate(_KEPT))
            if self.key in kept:
                self.problems.append(f"the key is kept: {kept}")
        if self._context.cookies():
            self.problems.append("a cookie was set")
        self._context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and _OF_REQUESTS not in message.text:
            self.problems.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        here = urlsplit(self._endpoint).netloc
        if address.scheme in ("http", "https") and address.netloc != here:
            self.problems.append(f"a request to {address.netloc}")
        if self.key in request.url:
            self.problems.append("the key is in an address")
