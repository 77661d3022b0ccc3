"""Fixtures for every test that needs storage: a real Azurite, and a loop of its own in it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from local.azurite import Azurite
from local.failures import CannotRun
from storage.factory import LoopStorage, Storage, open_storage
from storage.options import CONNECTION, StorageOptions, storage_options
from tests.discretion import Discretion
from tests.measures import Measures


@pytest.fixture(autouse=True)
def discretion() -> Iterator[Discretion]:
    """Fails a test in whose course something is logged that must be in no line of a log."""
    listening = Discretion()
    logging.getLogger().addHandler(listening)
    yield listening
    logging.getLogger().removeHandler(listening)
    assert listening.leaks == []


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """One Azurite for the whole run, on free ports, with an empty directory."""
    emulator = Azurite(tmp_path_factory.mktemp("azurite"))
    try:
        emulator.__enter__()
    except CannotRun as e:
        pytest.fail(str(e), pytrace=False)
    yield emulator
    emulator.__exit__(None, None, None)


@pytest.fixture
def options(azurite: Azurite) -> StorageOptions:
    """How to open a further storage on the same Azurite."""
    return storage_options({CONNECTION: azurite.connection_string})


@pytest.fixture
def loop_name() -> str:
    """A loop that no other test uses."""
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
async def opened(options: StorageOptions) -> AsyncIterator[Storage]:
    """An open storage, of all loops."""
    async with open_storage(options) as storage:
        yield storage


@pytest.fixture
def storage(opened: Storage, loop_name: str) -> LoopStorage:
    """The empty storage of ``loop_name``."""
    return opened.loop(loop_name)


@pytest.fixture(scope="session")
def every_measure() -> Measures:
    """What is measured in the whole run, from the first test on that wants to know."""
    return Measures()


@pytest.fixture
def measures(every_measure: Measures) -> Measures:
    """What is measured from here on."""
    every_measure.taken()
    return every_measure
