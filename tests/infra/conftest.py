"""The files of infra/, parsed once."""

from __future__ import annotations

import pytest

from tests.infra.files import Files, parsed, sources


@pytest.fixture(scope="session")
def files() -> Files:
    return parsed(sources())
