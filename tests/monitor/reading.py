"""What the page should show, in its own words, and what it does show and ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tests.monitor.seeding import caller
from tests.service import LocalService

NONE = "–"


class _View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Series(_View):
    """A policy's estimates."""

    events: list[int]
    reward: list[float | None]
    half_width: list[float | None]


class Estimate(_View):
    """The same over a stretch."""

    events: int
    reward: float | None
    half_width: float | None


class Totals(_View):
    """What was earned over a stretch."""

    decisions: int
    drawn: int
    explored: int
    online: Estimate
    baseline: Estimate
    random: Estimate


class Finding(_View):
    """One of the diagnosis."""

    id: str
    severity: str
    title: str
    text: str
    what_to_do: str


class Learning(_View):
    """Why the diagnosis says so."""

    text: str


class Diagnosis(_View):
    """Whether it learns."""

    summary: str
    learning: Learning
    findings: list[Finding]


class Overview(_View):
    """What the API says for the view Overview."""

    range: str
    times: list[int]
    online: Series
    baseline: Series
    random: Series
    totals: Totals
    diagnosis: Diagnosis


class Delay(_View):
    """How many rewards took so long."""

    model_config = ConfigDict(alias_generator=lambda name: "from" if name == "since" else name)

    since: float
    to: float
    rewards: int


class Chosen(_View):
    """How an action was chosen."""

    id: str = ""
    share: list[float | None]
    propensity: list[float | None]


class Monitor(_View):
    """What the API says for the view Monitor."""

    range: str
    times: list[int]
    fates: dict[str, list[int]]
    totals: dict[str, int]
    delays: list[Delay]
    actions: list[Chosen]


def overview(service: LocalService, key: str) -> Overview:
    """Ask the API."""
    with caller(service, key) as api:
        return Overview.model_validate(api.get("views/overview").raise_for_status().json())


def monitor(service: LocalService, key: str) -> Monitor:
    """Ask the API."""
    with caller(service, key) as api:
        return Monitor.model_validate(api.get("views/monitor").raise_for_status().json())


def decimal(value: float | None, digits: int = 3) -> str:
    """As ``format.js`` writes it: halves go away from zero.

    >>> decimal(0.8125), decimal(None)
    ('0.813', '–')
    """
    if value is None:
        return NONE
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def percent(value: float | None, digits: int = 1) -> str:
    """A share, as ``format.js`` writes it."""
    return NONE if value is None else f"{decimal(value * 100, digits)} %"


def estimate(found: Estimate) -> str:
    """A mean reward and half its interval, as ``format.js`` writes them."""
    return f"{decimal(found.reward)} ± {decimal(found.half_width)}"


def table(figure: Locator) -> list[list[str]]:
    """The rows of a chart's data table, which is opened for it."""
    figure.get_by_text("Data as a table").click()
    rows = figure.locator("tbody tr")
    rows.first.wait_for()
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def columns(*columns: Sequence[str]) -> list[list[str]]:
    """Columns as rows."""
    return [list(row) for row in zip(*columns, strict=True)]


@dataclass(slots=True)
class Traffic:
    """What a page asks of the API.

    Attributes:
        paths: In order, with what stands behind ``?``.
        sizes: How many bytes the bodies of its answers have.
    """

    paths: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def clear(self) -> None:
        """Forget what was asked."""
        self.paths.clear()
        self.sizes.clear()


def traffic(page: Page) -> Traffic:
    """Filled from now on."""
    found = Traffic()

    def answered(response: Response) -> None:
        address = urlsplit(response.url)
        if address.path.startswith("/personalizer/"):
            found.paths.append(f"{address.path}?{address.query}".removesuffix("?"))
            found.sizes.append(len(response.body()))

    page.on("response", answered)
    return found
