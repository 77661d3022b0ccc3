"""The deployed package, built once for all tests of it."""

from __future__ import annotations

import pytest

from tests.package.build import Package, build_package


@pytest.fixture(scope="package")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package, and a Python for it."""
    return build_package(tmp_path_factory.mktemp("package"))
