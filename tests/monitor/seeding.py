"""What happens to a loop before somebody looks at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx

from api.keys import KEY_HEADER
from tests.service import LocalService, make_loops

KNOWN_SECONDS = 30.0
LEARN_SECONDS = 60.0
LOOPS_AT_ONCE = 8
EVENTS = 12


def caller(service: LocalService, key: str) -> httpx.Client:
    """The API of a loop, as any client calls it: paths begin behind the version."""
    return httpx.Client(
        base_url=f"{service.endpoint}/personalizer/v1.1-preview.3/",
        headers={KEY_HEADER: key},
        timeout=30,
    )


def fresh_keys(service: LocalService) -> Iterator[str]:
    """Keys of loops that nobody has used, without end: some are made whenever there is none left.

    Each loop costs the timers of the service a little all the time, so that none is made in store.
    """
    for batch in count():
        names = [f"page{batch}x{number}" for number in range(LOOPS_AT_ONCE)]
        # In a thread, since the browser has an event loop in this one.
        with ThreadPoolExecutor(1) as thread:
            made = thread.submit(asyncio.run, make_loops(service.connection, names)).result()
        keys = [key for key, _ in made.values()]
        deadline = time.monotonic() + KNOWN_SECONDS
        with caller(service, keys[-1]) as api:
            while not api.get("status").is_success:
                assert time.monotonic() < deadline, "the service does not know the loops"
                time.sleep(0.1)
        yield from keys


def teach(service: LocalService, keys: Iterable[str]) -> None:
    """Let loops learn from ``EVENTS`` events each, and then from no other for a day."""
    loops = [caller(service, key) for key in keys]
    for api in loops:
        _configure(api, {"rewardWaitTime": "PT5S", "modelExportFrequency": "PT1S"})
        for number in range(EVENTS):
            actions = [{"id": name, "features": [{"name": name}]} for name in ("latte", "tea")]
            event = f"lesson-{number}"
            api.post("rank", json={"eventId": event, "actions": actions}).raise_for_status()
            api.post(f"events/{event}/reward", json={"value": number % 2}).raise_for_status()
    deadline = time.monotonic() + LEARN_SECONDS
    for api in loops:
        while _learned(api) < EVENTS:
            assert time.monotonic() < deadline, "no model has learned everything"
            time.sleep(0.1)
        # What comes now is not learned while anybody looks.
        _configure(api, {"modelExportFrequency": "P1D"})
        api.close()


def _configure(api: httpx.Client, changes: dict[str, str]) -> None:
    standing = api.get("configurations/service").raise_for_status().json()
    api.put("configurations/service", json={**standing, **changes}).raise_for_status()


def _learned(api: httpx.Client) -> int:
    history = api.get("staged-model").raise_for_status().json()
    return sum(model["numberOfEventsLearnedSinceLastExport"] for model in history)
