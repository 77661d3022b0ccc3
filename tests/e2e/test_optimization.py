"""The loop finds settings that can learn the tutorial: when it is asked to, and all by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import TypeVar
from uuid import uuid4

import pytest
import requests
from pydantic import JsonValue

from cli.access import Access
from cli.playing import Journal, Plan, Played, play
from cli.service import Patience, Service
from cli.worlds.coffee import Coffee
from loop.iso import parse_instant
from loop.learning_settings import DEFAULT_ARGUMENTS
from tests.service import LocalService

T = TypeVar("T")
Answer = dict[str, JsonValue]

EVENTS = 10_000
MORE_EVENTS = 2_000
LAST_EVENTS = 1_000
RANDOM = 0.25
GOAL = 0.80
RATE = 100.0
PATIENCE_SECONDS = 600.0
SETTINGS = {"EVALUATOR_SCHEDULE": "* * * * * *"}


class Notebook:
    """What a notebook keeps in its variables: an address, a key, and who comes to the shop."""

    def __init__(self, service: LocalService, seed: int) -> None:
        self._access = Access(service.endpoint, service.key, "the test")
        self._base = f"{service.endpoint}/personalizer/v1.0"
        self._shop = Coffee(Random(seed))
        self.session = requests.Session()
        self.session.headers["Ocp-Apim-Subscription-Key"] = service.key

    def call(self, method: str, path: str, body: JsonValue = None) -> requests.Response:
        answer = self.session.request(method, f"{self._base}{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer

    def configure(self, **changes: JsonValue) -> None:
        """Read the service configuration, and write it back with changes."""
        found: Answer = self.call("GET", "/configurations/service").json()
        self.call("PUT", "/configurations/service", {**found, **changes})

    def serve(self, customers: int, notice: Callable[[int], None] | None = None) -> list[Played]:
        """Rank and reward so many customers, and tell ``notice`` each time how many it were."""
        heard = 0

        def hear(_: Played | None) -> None:
            nonlocal heard
            heard += 1
            if notice is not None:
                notice(heard)

        plan = Plan(uuid4().hex[:12], customers, RATE, concurrency=16, give_up=10)
        journal = Journal(hear)

        async def perform() -> None:
            async with Service(self._access, plan.concurrency, Patience()) as service:
                await play(self._shop, service, plan, journal)

        asyncio.run(perform())
        assert (len(journal.played), journal.failures) == (customers, {})
        return sorted(journal.played, key=lambda played: played.number)

    def learned(self) -> int:
        """How many events the loop has joined and learned from."""
        periods = self.call("GET", "/metrics/learning").json()
        return sum(row["numberOfEvents"] for period in periods for row in period)

    def runs(self) -> list[Answer]:
        """What the loop has done by itself to become better, the oldest first."""
        evaluations = self.call("GET", "/evaluations").json()
        found = [evaluation for evaluation in evaluations if evaluation["evaluationType"] == "Auto"]
        return sorted(found, key=lambda evaluation: str(evaluation["creationTime"]))


def until(what: str, look: Callable[[], T | None]) -> T:
    """What ``look`` finds; it is asked again and again until there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS:.0f} s")


def began_at(run: Answer) -> float:
    """When that was, in seconds since 1970."""
    return parse_instant(str(run["creationTime"])).timestamp()


def mean(played: list[Played]) -> float:
    return sum(one.reward for one in played) / len(played)


@pytest.mark.acceptance
def test_the_tutorial_as_its_text_promises_it(tmp_path: Path) -> None:
    with LocalService(tmp_path, settings=SETTINGS) as service:
        # GIVEN a loop as it comes, but for its times, that leaves its settings to its owner
        notebook = Notebook(service, seed=1)
        notebook.configure(
            rewardWaitTime="PT5S", modelExportFrequency="PT5S", isAutoOptimizationEnabled=False
        )
        assert notebook.call("GET", "/configurations/policy").json()["arguments"] == (
            DEFAULT_ARGUMENTS
        )
        # AND 10,000 customers
        before = notebook.serve(EVENTS)
        assert mean(before[-LAST_EVENTS:]) > 1.2 * RANDOM, "even that can learn a little"
        until("all is joined", lambda: notebook.learned() >= EVENTS or None)

        # WHEN the owner asks for an evaluation with optimization, and waits for it
        now = datetime.now(timezone.utc)
        asked: Answer = {
            "name": "coffee",
            "startTime": (now - timedelta(days=1)).isoformat(),
            "endTime": (now + timedelta(days=1)).isoformat(),
            "policies": [],
            "enableOfflineExperimentation": True,
        }
        began = time.monotonic()
        evaluation_id = notebook.call("POST", "/evaluations", asked).json()["id"]

        def done() -> Answer | None:
            found: Answer = notebook.call("GET", f"/evaluations/{evaluation_id}").json()
            return None if found["status"] == "pending" else found

        evaluation = until("the evaluation", done)
        took = time.monotonic() - began
        assert evaluation["status"] == "completed"

        # AND applies the policy that it says is the best
        best = evaluation["optimalPolicy"]
        reference: Answer = {"evaluationId": evaluation_id, "policyName": best}
        answer = notebook.call("POST", "/configurations/applyFromEvaluation", reference)
        assert (answer.status_code, answer.content) == (204, b"")
        assert notebook.call("GET", "/configurations/policy").json()["name"] == best

        # THEN the next 2,000 customers are served nearly as well as exploration allows
        after = notebook.serve(MORE_EVENTS)
    print(
        f"{mean(before[-LAST_EVENTS:]):.3f}, evaluated in {took:.1f} s, {best}: {mean(after):.3f}"
    )
    assert mean(after) >= GOAL


@pytest.mark.acceptance
def test_a_fresh_loop_left_to_itself(tmp_path: Path) -> None:
    with LocalService(tmp_path, settings=SETTINGS) as service:
        # GIVEN a fresh loop in which nothing is changed but wait and frequency
        notebook = Notebook(service, seed=1)
        notebook.configure(rewardWaitTime="PT5S", modelExportFrequency="PT5S")
        # WHEN 10,000 customers come
        times: list[float] = []
        played = notebook.serve(EVENTS, lambda number: times.append(time.time()))
        runs = notebook.runs()
    # THEN the last 1,000 are served nearly as well as exploration allows
    for run in runs:
        customers = sum(at < began_at(run) for at in times)
        print(f"after {customers}: {run['status']}: {run['description']}")
    for first in range(0, EVENTS, LAST_EVENTS):
        print(f"{first:>6} {mean(played[first : first + LAST_EVENTS]):.3f}")
    assert mean(played[-LAST_EVENTS:]) >= GOAL
    # AND it says what it has done
    assert "optimalPolicyApplied" in [run["status"] for run in runs]
