"""What an operator sees of a running service: its metrics, sent to a place of the tests' own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loop.register import DEFAULT_LOOP
from storage.factory import open_storage
from storage.options import CONNECTION, storage_options
from tests.e2e.running import KEY_HEADER, until
from tests.ingestion import Ingestion
from tests.service import LocalService

OTHER = "shop"
ACTIONS = [{"id": name, "features": [{"kind": name}]} for name in ("a", "b", "c")]

# Python tells its audit hooks of every connection that anything in the process opens.
SPY = """
import os, sys

def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        with open(os.environ["SPY_FILE"], "a") as file:
            file.write(f"{event} {arguments[1 if event != 'socket.getaddrinfo' else 0]!r}\\n")

sys.addaudithook(note)
"""


@pytest.fixture(scope="module")
def ingestion() -> Iterator[Ingestion]:
    """Where the service sends its metrics."""
    with Ingestion() as ingestion:
        yield ingestion


@pytest.fixture(scope="module")
def spied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that tells of every connection of the service."""
    folder = tmp_path_factory.mktemp("spy")
    (folder / "sitecustomize.py").write_text(SPY)
    return folder / "connections"


@pytest.fixture(scope="module")
def service(
    ingestion: Ingestion, spied: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalService]:
    """A service with two loops that is watched."""
    settings = {
        **ingestion.settings,
        "PYTHONPATH": str(spied.parent),
        "SPY_FILE": str(spied),
    }
    folder = tmp_path_factory.mktemp("service")
    with LocalService(folder, [OTHER], settings) as service:
        yield service


def client(service: LocalService, loop: str = DEFAULT_LOOP) -> httpx.Client:
    """An application of a loop."""
    return httpx.Client(
        base_url=f"{service.endpoint}/personalizer/v1.0/",
        headers={KEY_HEADER: service.keys[loop][0]},
    )


def rank(http: httpx.Client, event_id: str, deferred: bool = False) -> str:
    """The action that an event is given."""
    body = {"eventId": event_id, "actions": ACTIONS, "deferActivation": deferred}
    answer = http.post("rank", json=body)
    assert answer.status_code == 201, answer.text
    chosen: str = answer.json()["rewardActionId"]
    return chosen


def learn_quickly(http: httpx.Client) -> None:
    """Have rewards waited for, and models made, as briefly as can be."""
    read = http.get("configurations/service").json()
    wanted = {
        **read,
        "rewardWaitTime": "PT5S",
        "modelExportFrequency": "PT1S",
        "isAutoOptimizationEnabled": False,
    }
    assert http.put("configurations/service", json=wanted).status_code == 200


def test_what_happens_in_a_loop_is_told(service: LocalService, ingestion: Ingestion) -> None:
    # GIVEN a loop that learns within seconds
    with client(service) as http:
        learn_quickly(http)
        # WHEN 20 events are decided: 12 rewarded, one twice, 5 not at all, 3 never shown
        for number in range(17):
            rank(http, f"e{number}")
        for number in range(3):
            rank(http, f"deferred{number}", deferred=True)
        for number in range(12):
            value = -1 if number % 4 == 0 else 0.5
            assert http.post(f"events/e{number}/reward", json={"value": value}).status_code == 204
        http.post("events/e1/reward", json={"value": 1})

    def told() -> bool:
        sums = ingestion.sums(DEFAULT_LOOP)
        return "personalizer.joined" in sums and sums["personalizer.joined"].value == 20

    ingestion.wait_for(told)
    ingestion.wait_for(lambda: "personalizer.model.age" in ingestion.sums(DEFAULT_LOOP))
    # THEN each of the metrics says so, for this loop
    sums = ingestion.sums(DEFAULT_LOOP)
    assert sums["personalizer.decisions"].value == 20
    assert sums["personalizer.outcomes"].value == 13
    lag = sums["personalizer.insert.lag"]
    assert lag.count == 33 and lag.least is not None and lag.least > 0
    assert sums["personalizer.defaulted"].value == 8
    assert sums["personalizer.not_activated"].value == 3
    reward = sums["personalizer.reward"]
    assert (reward.count, reward.value) == (17, 9 * 0.5 - 3)
    assert (reward.least, reward.greatest) == (-1.0, 0.5)
    assert sums["personalizer.learn.time"].count >= 1
    # AND nothing that has not happened is told of it
    unknown = {"dropped", "late", "orphaned", "duplicates", "explored", "trainer.failures"}
    assert not {f"personalizer.{name}" for name in unknown} & sums.keys()
    # AND none of it of the other one, which has neither events nor a model
    assert ingestion.sums(OTHER).keys() == {"personalizer.model.periods"}
    assert ingestion.sums(OTHER)["personalizer.model.periods"].value == 0
    assert ingestion.sums(None) == {}


def test_it_is_asked_how_it_is_without_a_key(service: LocalService) -> None:
    health = httpx.get(f"{service.endpoint}/health")
    assert (health.status_code, health.json()) == (200, {"status": "healthy"})
    ready = httpx.get(f"{service.endpoint}/ready")
    assert ready.status_code == 200
    assert 0 <= ready.json()["modelAgeSeconds"] < 60
    head = httpx.head(f"{service.endpoint}/ready")
    assert (head.status_code, head.content) == (200, b"")


def test_a_run_that_fails_is_told(service: LocalService, ingestion: Ingestion) -> None:
    async def break_manifest() -> None:
        async with open_storage(storage_options({CONNECTION: service.connection})) as storage:
            await storage.loop(OTHER).blobs.write("manifest.json", b"{not a manifest")

    # WHEN a loop can't be trained any more
    asyncio.run(break_manifest())
    # THEN that is told, of this loop
    ingestion.wait_for(lambda: "personalizer.trainer.failures" in ingestion.sums(OTHER))
    assert "personalizer.trainer.failures" not in ingestion.sums(DEFAULT_LOOP)


def test_nothing_goes_anywhere_but_to_storage_and_the_endpoint(
    service: LocalService, ingestion: Ingestion, spied: Path
) -> None:
    # GIVEN a service that has sent metrics
    ingestion.wait_for(lambda: bool(ingestion.envelopes))
    # THEN all that it has opened are connections to these
    found = re.findall(r"(?:http://|127\.0\.0\.1:)[^;]*?:?(\d+)/", service.connection)
    ports = {int(port) for port in found} | {ingestion.port}
    connected = set()
    for line in spied.read_text().splitlines():
        event, _, place = line.partition(" ")
        if event == "socket.getaddrinfo":
            assert place == "'127.0.0.1'", line
        else:
            host, port = re.fullmatch(r"\('([^']*)', (\d+)\)", place).groups()  # type: ignore[union-attr]
            assert host == "127.0.0.1", line
            connected.add(int(port))
    assert ingestion.port in connected
    assert connected <= ports


async def test_every_line_of_the_log_says_what_it_is_about(service: LocalService) -> None:
    async def published() -> list[str] | None:
        lines = [line for line in service.output.splitlines() if " trainer_run " in line]
        return lines or None

    for line in await until("a run", published):
        assert re.search(r" trainer_run loop=(default|shop) request_id=[0-9a-f-]{36} ", line), line
