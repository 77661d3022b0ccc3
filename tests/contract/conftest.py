"""One service for all contract tests, and for each test a loop that nobody else has touched."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import requests

from tests.contract.ai_personalizer import Clients, open_clients
from tests.service import LocalService

LOOPS = tuple(f"contract{number}" for number in range(32))
LEARN_SECONDS = 60.0
MULTI_SLOT_ARGUMENTS = "--ccb_explore_adf --epsilon 0.2 --power_t 0 -l 0.001 --cb_type mtr -q ::"

Connect = Callable[[str, str], Awaitable[Clients]]


@dataclass(frozen=True, slots=True)
class Loop:
    """What an application knows of its service."""

    endpoint: str
    key: str
    other_key: str


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A running service that has the loops ``LOOPS``."""
    with LocalService(tmp_path_factory.mktemp("service"), LOOPS) as service:
        yield service


@pytest.fixture(scope="package")
def used_loop(service: LocalService) -> Loop:
    """A loop that many tests use; they must not mind each other's events."""
    return _loop(service, LOOPS[0])


@pytest.fixture(scope="package")
def unused_loops(service: LocalService) -> Iterator[Loop]:
    """Loops in their first state."""
    return iter([_loop(service, name) for name in LOOPS[1:]])


@pytest.fixture
def fresh_loop(unused_loops: Iterator[Loop]) -> Loop:
    """A loop in its first state."""
    return next(unused_loops)


@pytest.fixture(scope="package")
def multi_slot_loop(unused_loops: Iterator[Loop]) -> Loop:
    """A loop that has been made multi-slot."""
    loop = next(unused_loops)
    make_multi_slot(loop)
    return loop


def make_multi_slot(loop: Loop) -> None:
    """Give a loop a policy that makes it multi-slot."""
    base = f"{loop.endpoint}/personalizer/v1.1-preview.1/configurations"
    with requests.Session() as session:
        session.headers["ocp-apim-subscription-key"] = loop.key
        configuration = session.get(f"{base}/service", timeout=30).json()
        calm = {**configuration, "isAutoOptimizationEnabled": False}
        session.put(f"{base}/service", json=calm, timeout=30).raise_for_status()
        policy = {"name": "slots", "arguments": MULTI_SLOT_ARGUMENTS}
        session.put(f"{base}/policy", json=policy, timeout=30).raise_for_status()


@pytest.fixture(scope="package")
def learned_loop(unused_loops: Iterator[Loop]) -> Loop:
    """A loop that has learned from one event, and stays at the model that came of it."""
    loop = next(unused_loops)
    teach(loop)
    return loop


def teach(loop: Loop) -> None:
    """Let a loop learn from one event, and then from no other for a day."""
    base = f"{loop.endpoint}/personalizer/v1.1-preview.3"
    with requests.Session() as session:
        session.headers["Ocp-Apim-Subscription-Key"] = loop.key
        service = f"{base}/configurations/service"
        configuration = session.get(service, timeout=30).json()
        quick = {**configuration, "rewardWaitTime": "PT5S", "modelExportFrequency": "PT1S"}
        session.put(service, json=quick, timeout=30).raise_for_status()
        actions = [{"id": name, "features": [{"name": name}]} for name in ("left", "right")]
        rank = {"eventId": "lesson", "actions": actions}
        session.post(f"{base}/rank", json=rank, timeout=30).raise_for_status()
        url = f"{base}/events/lesson/reward"
        session.post(url, json={"value": 1}, timeout=30).raise_for_status()
        deadline = time.monotonic() + LEARN_SECONDS
        url = f"{base}/model/properties"
        while session.get(url, timeout=30).json()["creationTime"] < "1000":
            assert time.monotonic() < deadline, "no model was published"
            time.sleep(0.1)
        # What comes now is not learned while anybody looks.
        calm = {**quick, "modelExportFrequency": "P1D"}
        session.put(service, json=calm, timeout=30).raise_for_status()


@pytest.fixture(params=["sync", "async"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Opens the clients of the 2022 preview by endpoint and key; the test ends with them closed."""
    async with AsyncExitStack() as stack:

        async def connect(endpoint: str, key: str) -> Clients:
            return await open_clients(stack, request.param, endpoint, key)

        yield connect


def _loop(service: LocalService, name: str) -> Loop:
    key, other_key = service.keys[name]
    return Loop(service.endpoint, key, other_key)
