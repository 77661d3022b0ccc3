"""One service for all contract tests, and for each test a loop that nobody else has touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.service import LocalService

LOOPS = tuple(f"contract{number}" for number in range(12))


@dataclass(frozen=True, slots=True)
class Loop:
    """What an application knows of its service."""

    endpoint: str
    key: str
    other_key: str


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A running service that has the loops ``LOOPS``."""
    with LocalService(tmp_path_factory.mktemp("service"), LOOPS) as service:
        yield service


@pytest.fixture(scope="session")
def used_loop(service: LocalService) -> Loop:
    """A loop that many tests use; they must not mind each other's events."""
    return _loop(service, LOOPS[0])


@pytest.fixture(scope="session")
def unused_loops(service: LocalService) -> Iterator[Loop]:
    """Loops in their first state."""
    return iter([_loop(service, name) for name in LOOPS[1:]])


@pytest.fixture
def fresh_loop(unused_loops: Iterator[Loop]) -> Loop:
    """A loop in its first state."""
    return next(unused_loops)


def _loop(service: LocalService, name: str) -> Loop:
    key, other_key = service.keys[name]
    return Loop(service.endpoint, key, other_key)
