"""An apprentice in the coffee shop: the waiter's rule is served and imitated, then taken over."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random

import httpx

from cli.world import Action, Visit
from cli.worlds.coffee import DRINKS, Coffee
from tests.e2e.running import KEY_HEADER, until
from tests.service import LocalService

ROUNDS = 3
CUSTOMERS = 700
IN_FLIGHT = 8

# What a sensible waiter serves: what most customers like in such weather.
USUAL = {"Sunny": DRINKS["m"], "Rainy": DRINKS["l"], "Snowy": DRINKS["p"]}


def usual_first(visit: Visit) -> list[Action]:
    """The menu with the waiter's choice on top."""
    usual = USUAL[str(visit.context[0]["weather"])]
    return sorted(visit.actions, key=lambda action: action.id != usual)


async def serve(http: httpx.AsyncClient, visits: list[Visit]) -> int:
    """Rank and reward each visit; returns how often the answer was the waiter's choice."""
    coming = iter(visits)
    matches = 0

    async def waiter() -> None:
        nonlocal matches
        for visit in coming:
            menu = usual_first(visit)
            call = {
                "contextFeatures": list(visit.context),
                "actions": [{"id": a.id, "features": list(a.features)} for a in menu],
            }
            answer = (await http.post("rank", json=call)).raise_for_status().json()
            matches += answer["rewardActionId"] == menu[0].id
            reward = {"value": visit.reward(answer["rewardActionId"])}
            rewarded = await http.post(f"events/{answer['eventId']}/reward", json=reward)
            rewarded.raise_for_status()

    await asyncio.gather(*(waiter() for _ in range(IN_FLIGHT)))
    return matches


async def matched(http: httpx.AsyncClient, events: int) -> int:
    """How many of the first ``events`` the model would have answered as the waiter did."""

    async def look() -> int | None:
        periods = (await http.get("metrics/learning")).raise_for_status().json()
        rows = [row for period in periods for row in period]
        if not rows or rows[-1]["cumulativeNumberOfEvents"] < events:
            return None
        return int(rows[-1]["cumulativeNumberOfMatchedEvents"])

    return await until(f"metrics of {events} events", look)


async def configure(http: httpx.AsyncClient, **changes: str) -> None:
    configuration = (await http.get("configurations/service")).json()
    answer = await http.put("configurations/service", json=configuration | changes)
    answer.raise_for_status()


async def test_an_apprentice_learns_the_waiters_rule_and_takes_over(tmp_path: Path) -> None:
    with LocalService(tmp_path) as service:
        address = f"{service.endpoint}/personalizer/v1.0/"
        key = {KEY_HEADER: service.key}
        async with httpx.AsyncClient(base_url=address, headers=key, timeout=30) as http:
            # GIVEN a loop that is to imitate
            policy = {"name": "coffee", "arguments": Coffee.policy}
            (await http.put("configurations/policy", json=policy)).raise_for_status()
            await configure(http, rewardWaitTime="PT5S", modelExportFrequency="PT5S")
            await configure(http, learningMode="Apprentice")
            world = Coffee(Random(5))
            matches = [0]
            for played in range(CUSTOMERS, ROUNDS * CUSTOMERS + 1, CUSTOMERS):
                visits = [world.visit() for _ in range(CUSTOMERS)]
                # WHEN it is asked THEN its answer is always the waiter's choice
                assert await serve(http, visits) == CUSTOMERS
                matches.append(await matched(http, played))
            # THEN what it would have chosen itself agrees more and more
            rates = [(b - a) / CUSTOMERS for a, b in pairwise(matches)]
            print(f"match rates by rounds of {CUSTOMERS}: {rates}")
            assert rates[-1] > 0.6 > rates[0]

            # WHEN it takes over
            before = (await http.get("model")).content
            await configure(http, learningMode="Online")
            # THEN its model is the one that it had, and it chooses for itself
            assert before
            assert (await http.get("model")).content == before
            served = await serve(http, [world.visit() for _ in range(200)])
            assert 0.6 * 200 < served < 200
