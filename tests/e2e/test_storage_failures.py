"""Storage that answers 503, hangs, comes late or is gone, under a running service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from loop.manifest import Manifest
from loop.register import DEFAULT_LOOP
from storage.factory import LoopStorage, open_storage
from storage.options import CONNECTION, storage_options
from tests.e2e.running import (
    KEY_HEADER,
    Running,
    all_joined,
    assert_joined_as_logged,
    behind_proxies,
    joined,
    until,
)
from tests.fault_proxy import Answer, Delay, Hang

WAIT = 5.0
GRACE = 6.0
SETTINGS = {"TRAINER_GRACE_SECONDS": f"{GRACE:g}"}

ANSWERED_SECONDS = 30.0
"""Many times as long as any call may take; storage is away until it has been answered."""

ACTIONS = [{"id": name, "features": [{"kind": name}]} for name in ("a", "b", "c")]
UNIFORM = dict.fromkeys(("a", "b", "c"), 1 / 3)

READS = (
    "configurations/service",
    "configurations/policy",
    "model",
    "model/properties",
    "logs/properties",
)


class Application:
    """An application that ranks, and rewards action ``a``, while storage comes and goes.

    Attributes:
        answered: Ids of the events whose rank was answered.
        rewarded: Those of them whose reward was acknowledged, and with what.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.answered: list[str] = []
        self.rewarded: dict[str, float] = {}

    async def configure(self) -> None:
        """Make waits short."""
        path = "configurations/service"
        configuration = (await self._http.get(path)).json()
        configuration |= {"rewardWaitTime": f"PT{WAIT:g}S", "modelExportFrequency": "PT5S"}
        put = await self._http.put(path, json=configuration)
        assert put.status_code == 200, put.text

    async def rank(self) -> dict[str, float]:
        """Rank one event; its probabilities by action."""
        event_id = f"e{len(self.answered):04d}"
        body = {"eventId": event_id, "contextFeatures": [{"user": "u"}], "actions": ACTIONS}
        answer = await self._http.post("rank", json=body)
        assert answer.status_code == 201, answer.text
        self.answered.append(event_id)
        self._action = answer.json()["rewardActionId"]
        return {each["id"]: each["probability"] for each in answer.json()["ranking"]}

    async def reward(self) -> httpx.Response:
        """Reward the last event."""
        event_id, value = self.answered[-1], float(self._action == "a")
        answer = await self._http.post(f"events/{event_id}/reward", json={"value": value})
        if answer.status_code == 204:
            self.rewarded[event_id] = value
        return answer

    async def activate(self) -> httpx.Response:
        """Activate the last event."""
        return await self._http.post(f"events/{self.answered[-1]}/activate")

    async def read(self, path: str) -> httpx.Response:
        """Ask for something that is in storage."""
        return await self._http.get(path)

    async def events(self, count: int) -> None:
        """Rank and reward, with nothing in the way."""
        for _ in range(count):
            await self.rank()
            answer = await self.reward()
            assert answer.status_code == 204, answer.text

    async def back(self) -> None:
        """Return when a reward is taken again."""

        async def look() -> bool | None:
            await self.rank()
            return True if (await self.reward()).status_code == 204 else None

        await until("rewards are taken again", look)


@asynccontextmanager
async def application(running: Running) -> AsyncIterator[Application]:
    """An application of a running service."""
    async with httpx.AsyncClient(
        base_url=f"{running.endpoint}/personalizer/v1.0/",
        headers={KEY_HEADER: running.key},
        timeout=ANSWERED_SECONDS,
    ) as http:
        yield Application(http)


def assert_refused(answer: httpx.Response) -> None:
    """It says that storage is away, and when to try again."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["x-ms-error-code"] == "RequestTimeout"
    error = answer.json()["error"]
    assert error["code"] == "RequestTimeout"
    assert error["message"]


Break = Callable[[Running], Awaitable[None]]


async def refuse(running: Running) -> None:
    """Storage that answers 503."""
    running.tables.always(Answer(503, "ServerBusy"))
    running.blobs.always(Answer(503, "ServerBusy"))


async def hang(running: Running) -> None:
    """Storage that takes requests and says nothing."""
    running.tables.always(Hang())
    running.blobs.always(Hang())


async def lag(running: Running) -> None:
    """Storage that does everything, too late."""
    running.tables.always(Delay())
    running.blobs.always(Delay())


async def vanish(running: Running) -> None:
    """Storage that can't be reached."""
    await running.tables.gone()
    await running.blobs.gone()


async def mend(running: Running) -> None:
    """Storage as it should be."""
    for proxy in (running.tables, running.blobs):
        proxy.heal()
        await proxy.gone()
        await proxy.back()


async def test_what_storage_does_costs_no_answer_and_nothing_is_lost_in_silence(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    async with behind_proxies(azurite, loop_name, tmp_path, SETTINGS) as running:
        await running.start()
        async with application(running) as app:
            # GIVEN a loop at work
            await app.configure()
            await app.events(30)
            undisturbed = set(app.answered)
            # WHEN storage is short of time for a moment
            await refuse(running)
            for _ in range(10):
                await app.rank()
            assert_refused(await app.reward())
            await mend(running)
            # AND after that fails for longer, in every way
            for fail in (hang, lag, vanish, refuse):
                await app.back()
                await fail(running)
                # THEN ranks are answered all the same, and whoever waits for storage is told
                for _ in range(10):
                    await app.rank()
                refused = [app.reward(), app.activate(), *(app.read(path) for path in READS)]
                for answer in await asyncio.gather(*refused):
                    assert_refused(answer)
                assert (await app.read("status")).status_code == 200
                await mend(running)
            # AND all recovers by itself
            await app.back()
            await app.events(10)
            undisturbed.update(app.answered[-10:])
            for path in READS:
                assert (await app.read(path)).status_code == 200

        # THEN what was answered is joined, or counted as dropped
        async def look() -> Manifest | None:
            manifest = (await storage.manifest.read()).value
            missing = set(app.answered) - {e.decision.event_id for e in await joined(storage)}
            return manifest if len(missing) <= manifest.counts.dropped else None

        await all_joined(storage, undisturbed)
        manifest = await until("each answered decision is joined or dropped", look)
        log = await joined(storage)
        ids = {event.decision.event_id for event in log}
        assert ids <= set(app.answered)
        assert 0 < manifest.counts.dropped < len(app.answered)
        # AND each acknowledged reward of what is joined is learned; refused ones may be kept, too
        rewards = {e.decision.event_id: e.reward for e in log if e.rewarded}
        acknowledged = {id_: value for id_, value in app.rewarded.items() if id_ in ids}
        assert acknowledged.items() <= rewards.items()
        await assert_joined_as_logged(storage, WAIT)
        assert manifest.counts.learned == len(log)
        assert manifest.model is not None
        assert "request_crashed" not in running.service.output


@pytest.fixture
def own_azurite(tmp_path: Path) -> Iterator[Azurite]:
    """An Azurite whose loop ``default`` nobody else uses."""
    with Azurite(tmp_path / "own") as azurite:
        yield azurite


@pytest.fixture
async def default_storage(own_azurite: Azurite) -> AsyncIterator[LoopStorage]:
    """What ``default`` keeps there."""
    options = storage_options({CONNECTION: own_azurite.connection_string})
    async with open_storage(options) as storage:
        yield storage.loop(DEFAULT_LOOP)


@pytest.mark.parametrize("fail", [hang, vanish])
async def test_a_service_that_starts_without_storage_answers_and_then_learns(
    own_azurite: Azurite, default_storage: LoopStorage, tmp_path: Path, fail: Break
) -> None:
    # The keys of ``default`` are settings: no other loop is open before storage has been seen.
    async with behind_proxies(own_azurite, DEFAULT_LOOP, tmp_path, SETTINGS) as running:
        # GIVEN a service that has never seen its storage
        await fail(running)
        await running.start()
        async with application(running) as app:
            # WHEN it is asked THEN it answers as a fresh loop does
            assert await app.rank() == pytest.approx(UNIFORM)
            assert_refused(await app.reward())
            assert_refused(await app.read("configurations/service"))
            # AND once storage is there, it learns
            await mend(running)
            await app.back()
            await app.configure()
            await app.events(30)
            log = await all_joined(default_storage, set(app.rewarded))
            assert {e.decision.event_id: e.reward for e in log if e.rewarded} == app.rewarded

            async def look() -> dict[str, float] | None:
                probabilities = await app.rank()
                return probabilities if probabilities != pytest.approx(UNIFORM) else None

            learned = await until("ranks by what was learned", look)
            assert max(learned, key=learned.__getitem__) == "a"
