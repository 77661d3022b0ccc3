"""What end-to-end tests share: a loop behind proxies that can fail, and looks at its storage."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from local.azurite import Azurite
from loop.events import SECOND, Decision, Micros, Observation, Reward
from loop.joined import JoinedEvent
from loop.joining import EARLY
from loop.register import DEFAULT_LOOP
from storage.event_log import BUCKET
from storage.factory import LoopStorage
from storage.joined_log import joined_events
from storage.options import CONNECTION, StorageOptions, storage_options
from storage.table_rows import DAY
from tests.fault_proxy import FaultProxy
from tests.service import LocalService, make_loops

T = TypeVar("T")

PATIENCE_SECONDS = 240.0
"""How long anything may take that will come; far more than it needs on a busy machine."""

KEY_HEADER = "Ocp-Apim-Subscription-Key"


@dataclass(frozen=True, slots=True)
class Running:
    """A service on a storage that outlives it.

    Attributes:
        key: Opens the one loop that the test uses.
        tables: In front of the event log.
        blobs: In front of everything else that is kept.
    """

    service: LocalService
    key: str
    tables: FaultProxy
    blobs: FaultProxy

    @property
    def endpoint(self) -> str:
        """Where the loop answers."""
        return self.service.endpoint

    async def start(self) -> None:
        """Start the service, again or for the first time."""
        await asyncio.to_thread(self.service.start)

    async def kill(self) -> None:
        """End the service with SIGKILL."""
        await asyncio.to_thread(self.service.kill)


@asynccontextmanager
async def behind_proxies(
    azurite: Azurite, loop: str, folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """A service that is yet to be started; it is stopped at the end."""
    options = storage_options({CONNECTION: azurite.connection_string})
    async with FaultProxy(options.table_endpoint) as tables, FaultProxy(options.blob_endpoint) as b:
        connection = _connection(azurite.connection_string, options, tables, b)
        service = LocalService(folder, settings={CONNECTION: connection, **(settings or {})})
        key = service.key
        if loop != DEFAULT_LOOP:
            key, _ = (await make_loops(azurite.connection_string, [loop]))[loop]
        running = Running(service, key, tables, b)
        try:
            yield running
        finally:
            tables.heal()
            b.heal()
            if service.endpoint:
                await asyncio.to_thread(service.stop)


def _connection(text: str, options: StorageOptions, tables: FaultProxy, blobs: FaultProxy) -> str:
    behind = text.replace(options.table_endpoint, tables.endpoint)
    return behind.replace(options.blob_endpoint, blobs.endpoint)


async def until(
    what: str, look: Callable[[], Awaitable[T | None]], seconds: float = PATIENCE_SECONDS
) -> T:
    """What ``look`` finds; it is asked again and again until there is something.

    Raises:
        AssertionError: It has found nothing in its time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


async def joined(storage: LoopStorage) -> list[JoinedEvent]:
    """All events of the joined log, as its readers see them."""
    events = joined_events(storage.blobs, Micros(0), Micros(2**62))
    async with aclosing(events):
        return [event async for event in events if isinstance(event, JoinedEvent)]


async def all_joined(storage: LoopStorage, ids: set[str]) -> list[JoinedEvent]:
    """The joined log, once all of ``ids`` are in it."""

    missing = ids

    async def look() -> list[JoinedEvent] | None:
        nonlocal missing
        events = await joined(storage)
        missing = ids - {event.decision.event_id for event in events}
        return None if missing else events

    try:
        return await until("the joined log", look)
    except AssertionError as error:
        raise AssertionError(f"{error}; without {sorted(missing)[:20]}") from None


async def rows(storage: LoopStorage) -> tuple[list[Decision], list[Observation]]:
    """What the event log holds, each in order of time."""
    now = time.time_ns() // 1000 // BUCKET * BUCKET
    start, end = Micros(now - DAY), Micros(now + DAY)
    scan = storage.log.decisions(start, end)
    decisions = [row async for _, found in scan for row in found if isinstance(row, Decision)]
    observations = [row async for _, found in storage.log.observations(start, end) for row in found]
    return decisions, observations


async def assert_joined_as_logged(storage: LoopStorage, wait: float) -> None:
    """The joined log says what follows from the event log, worked out here in another way.

    Args:
        wait: The reward wait time in seconds. The rewards are aggregated by ``earliest``, the
            default reward is 0, and everything has happened within ten minutes.
    """
    decisions, observations = await rows(storage)
    first: dict[str, Decision] = {}
    for decision in decisions:
        first.setdefault(decision.event_id, decision)
    rewards = defaultdict(list)
    for observation in observations:
        if isinstance(observation, Reward):
            rewards[observation.event_id].append(observation)
    events = await joined(storage)
    assert len({event.decision.event_id for event in events}) == len(events)
    for event in events:
        decision = first[event.decision.event_id]
        assert event.decision.time == decision.time
        assert event.decision.ranking == decision.ranking
        assert event.decision.probabilities == decision.probabilities
        inside = [
            (reward.time, reward.value)
            for reward in rewards[decision.event_id]
            if -EARLY < reward.time - decision.time < wait * SECOND
        ]
        found = [(o.time, o.value) for o in event.observations if isinstance(o, Reward)]
        assert sorted(found) == sorted(inside)
        assert event.reward == (inside[0][1] if inside else 0.0)
