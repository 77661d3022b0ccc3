"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.stub import Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A service that answers what the test tells it to."""
    with Stub() as stub:
        yield stub
