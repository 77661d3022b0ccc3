"""Hostile input over HTTP: an answer or an error that helps, and a loop that goes on learning."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
import pytest
from yarl import URL

from local.azurite import Azurite
from loop.model import MAX_COST
from storage.factory import LoopStorage
from tests.e2e.hostility import Fuzzer, Request
from tests.e2e.running import (
    KEY_HEADER,
    Running,
    all_joined,
    assert_joined_as_logged,
    behind_proxies,
    until,
)

WAIT = 10.0
# Rewards wait as long as the grace lets them: a busy machine is not what is tested.
SETTINGS = {"TRAINER_GRACE_SECONDS": "7"}
CONCURRENCY = 8
CALL_SECONDS = 60.0

CODES = {
    400: {
        "BadRequest",
        "InvalidRankRequest",
        "InvalidRewardRequest",
        "InvalidEventIdToActivate",
        "InvalidPolicyConfiguration",
        "InvalidPolicyContract",
    },
    404: {"ResourceNotFound"},
    405: {"OperationNotAllowed"},
    413: {"PayloadSizeExceeded"},
}


@dataclass(slots=True)
class Outcome:
    """What became of the requests.

    Attributes:
        accepted: Ids of the events that were ranked.
        repeats: Ranks of ids that were ranked before.
        rewards: What those were rewarded with, as far as it was acknowledged.
        answers: How many there were of each status and code.
    """

    accepted: set[str] = field(default_factory=set)
    repeats: int = 0
    rewards: dict[str, float] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)


class Attacker:
    """Sends requests and looks at every answer."""

    def __init__(self, running: Running, http: aiohttp.ClientSession, seed: int) -> None:
        self._running = running
        self._http = http
        self._seed = seed
        self.outcome = Outcome()

    async def attack(self, turns: Iterator[int]) -> None:
        """Send one request, and what follows from it, per turn."""
        for turn in turns:
            fuzzer = Fuzzer(self._seed, turn)
            status, body = await self._send(fuzzer.first())
            if status != 201:
                continue
            event_id = orjson.loads(body)["eventId"]
            if event_id in self.outcome.accepted:  # a number, most likely
                self.outcome.repeats += 1
                continue
            self.outcome.accepted.add(event_id)
            for following, value in fuzzer.following(event_id):
                status, body = await self._send(following)
                assert status == 204, (following, body)
                if value is not None and _can_be_named(event_id):
                    self.outcome.rewards[event_id] = float(str(value))

    async def _send(self, request: Request) -> tuple[int, bytes]:
        url = URL(f"{self._running.endpoint}/personalizer/v1.0/{request.path}", encoded=True)
        headers = {KEY_HEADER: self._running.key, **request.headers}
        async with self._http.request(
            request.method, url, data=request.body, headers=headers
        ) as answer:
            body = await answer.read()
        if answer.status in (201, 204):
            self.outcome.answers[str(answer.status)] += 1
        else:
            self._check_error(request, answer, body)
        return answer.status, body

    def _check_error(self, request: Request, answer: aiohttp.ClientResponse, body: bytes) -> None:
        what = (request.method, request.path, request.body[:2_000], answer.status, body)
        assert answer.status in CODES, what
        error = orjson.loads(body)["error"]
        assert error["code"] in CODES[answer.status], what
        assert answer.headers["x-ms-error-code"] == error["code"], what
        assert answer.headers["apim-request-id"], what
        assert error["message"], what
        self.outcome.answers[f"{answer.status} {error['code']}"] += 1
        if request.path == "rank" and answer.status != 405:
            assert _names_the_place(request.body, error), what


def _names_the_place(body: bytes, error: dict[str, str]) -> bool:
    if "bytes" in error["message"] and error["code"] == "PayloadSizeExceeded":
        return len(body) > 1_048_576
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "column" in error["message"]
    if not isinstance(content, dict):
        return "object" in error["message"]
    return bool(error["target"]) and error["target"].split(".")[0] in error["message"]


def _can_be_named(event_id: str) -> bool:
    """A path reads these two letters and digits as a slash."""
    return "%2f" not in event_id.lower()


async def attacked(running: Running, count: int, seed: int) -> Outcome:
    """What becomes of ``count`` turns, several at a time."""
    turns = iter(range(count))
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=CALL_SECONDS), auto_decompress=False
    ) as http:
        attacker = Attacker(running, http, seed)
        attacks = [asyncio.create_task(attacker.attack(turns)) for _ in range(CONCURRENCY)]
        async with AsyncExitStack() as stack:
            for attack in attacks:
                stack.callback(attack.cancel)
            await asyncio.gather(*attacks)
    return attacker.outcome


async def configure(running: Running) -> None:
    """Make the waits short."""
    root = f"{running.endpoint}/personalizer/v1.0/configurations/service"
    async with aiohttp.ClientSession(headers={KEY_HEADER: running.key}) as http:
        async with http.get(root) as answer:
            configuration = await answer.json()
        configuration |= {"rewardWaitTime": f"PT{WAIT:g}S", "modelExportFrequency": "PT5S"}
        async with http.put(root, json=configuration) as answer:
            assert answer.status == 200


async def rank_simply(running: Running) -> list[float]:
    """The probabilities of two actions whose features nobody has sent before."""
    body = {"actions": [{"id": "a", "features": []}, {"id": "b", "features": [{"x": 1}]}]}
    url = f"{running.endpoint}/personalizer/v1.0/rank"
    async with (
        aiohttp.ClientSession(headers={KEY_HEADER: running.key}) as http,
        http.post(url, json=body) as answer,
    ):
        assert answer.status == 201
        return [each["probability"] for each in (await answer.json())["ranking"]]


async def survive(running: Running, storage: LoopStorage, count: int, seed: int) -> None:
    """Attack, and then see what was learned."""
    await running.start()
    await configure(running)
    pid = running.service.pid
    outcome = await attacked(running, count, seed)
    print(dict(outcome.answers))
    assert len(outcome.accepted) > count / 4
    assert sum(outcome.answers.values()) >= count
    # The trainer joins and learns all that was accepted.
    log = await all_joined(storage, outcome.accepted)
    assert len(log) == len(outcome.accepted)
    rewards = {e.decision.event_id: e.reward for e in log if e.rewarded}
    assert rewards == outcome.rewards
    await assert_joined_as_logged(storage, WAIT)
    manifest = (await storage.manifest.read()).value
    counts = manifest.counts
    print(counts)
    # Only rewards that no model can hold are not learned.
    beyond = sum(abs(e.reward) > MAX_COST and e.activated for e in log)
    idle = sum(not e.activated for e in log)
    assert (counts.unlearnable, counts.not_activated) == (beyond, idle)
    assert counts.learned == len(log) - beyond - idle
    assert counts.duplicates <= outcome.repeats  # in one bucket, a repeat is the same row
    assert (counts.dropped, counts.broken_models) == (0, 0)

    # The process lives, and answers by a model that has learned all this.
    async def look() -> bool | None:
        first, second = await rank_simply(running)
        return True if first != second else None

    await until("a model that decides", look)
    assert running.service.pid == pid
    assert "request_crashed" not in running.service.output
    assert "model_failed" not in running.service.output


async def test_hostile_requests_get_answers_that_help_and_stop_nothing(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    async with behind_proxies(azurite, loop_name, tmp_path, SETTINGS) as running:
        await survive(running, storage, count=500, seed=1)


@pytest.mark.acceptance
async def test_many_hostile_requests_get_answers_that_help_and_stop_nothing(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    async with behind_proxies(azurite, loop_name, tmp_path, SETTINGS) as running:
        await survive(running, storage, count=20_000, seed=2)
