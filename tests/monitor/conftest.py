"""One browser and one service for all tests of the page; for each test a profile of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Browser

from tests.monitor.chromium import NoBrowser, open_browser
from tests.monitor.past import CAFE, cafe, loop_with, surveyed
from tests.monitor.seeding import fresh_keys
from tests.monitor.visitor import WIDE, Visitor
from tests.service import LocalService

LOOPS = ("pageone", "pagetwo")
"""Loops that are looked at, and that nobody uses or changes."""

CLIENT_KEY = "test-client"
"""A key of the loop `default` that opens rank, reward and activate alone."""


class Visit(Protocol):
    """Brings somebody to the page; by default with the key of a loop that nobody has used."""

    def __call__(
        self, key: str | None = ..., *, dark: bool = ..., size: tuple[int, int] = ...
    ) -> Visitor: ...


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests of the page."""
    try:
        with open_browser() as browser:
            yield browser
    except NoBrowser as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A running service that has the loops ``LOOPS``."""
    settings = {"PERSONALIZER_CLIENT_KEY1": CLIENT_KEY}
    with LocalService(tmp_path_factory.mktemp("service"), LOOPS, settings) as service:
        yield service


@pytest.fixture(scope="package")
def unused_keys(service: LocalService) -> Iterator[str]:
    """Keys of loops in their first state, one after the other."""
    return fresh_keys(service)


@pytest.fixture
def fresh_key(unused_keys: Iterator[str]) -> str:
    """The key of a loop in its first state."""
    return next(unused_keys)


@pytest.fixture(scope="package")
def untouched_key(service: LocalService) -> str:
    """The key of a loop in its first state that many look at, and nobody changes."""
    return service.keys[LOOPS[0]][0]


@pytest.fixture(scope="package")
def cafe_key(service: LocalService) -> str:
    """The key of a loop that has served a café for most of an hour; nobody changes anything."""
    key = loop_with(service, "cafe", cafe)
    surveyed(service, key, CAFE.decisions)
    return key


@pytest.fixture
def visit(browser: Browser, service: LocalService, unused_keys: Iterator[str]) -> Iterator[Visit]:
    """How to bring somebody to the page. The test fails if anything went wrong with them."""
    visitors: list[Visitor] = []

    def brought(
        key: str | None = None, *, dark: bool = False, size: tuple[int, int] = WIDE
    ) -> Visitor:
        shown = next(unused_keys) if key is None else key
        visitor = Visitor(browser, service.endpoint, shown, dark=dark, size=size)
        visitors.append(visitor)
        return visitor

    yield brought
    for visitor in visitors:
        visitor.leave()
    assert [visitor.problems for visitor in visitors if visitor.problems] == []
