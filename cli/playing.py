"""Plays the visits of a world against a service and keeps what became of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cli.service import CallFailed, KeyRefused, Service
from cli.world import PageVisit, Visit, World


class GaveUp(Exception):
    """Raised when so many events in a row failed that going on is of no use."""


@dataclass(frozen=True, slots=True)
class Played:
    """An event whose rank was answered.

    Attributes:
        number: Its place in the simulation, from 0.
        action: What was answered; for a page, what was answered for each slot.
        reward: What that has earned, all slots together.
        rewarded: Whether the service has acknowledged that reward.
        random_rate: Expected reward of an even choice on this visit.
        best_rate: Expected reward of the best choice on this visit.
    """

    number: int
    event_id: str
    action: str
    reward: float
    rewarded: bool
    random_rate: float
    best_rate: float


@dataclass(slots=True)
class Journal:
    """Everything that happened, in the order in which it was over.

    Attributes:
        failures: Events without an answered rank or an acknowledged reward, by call and kind.
        listener: Called with every entry; it sees the answered ones, and None for the others.
    """

    listener: Callable[[Played | None], None]
    played: list[Played] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def answered(self, played: Played) -> None:
        """Enter an event whose rank was answered."""
        self.played.append(played)
        self.listener(played)

    def unanswered(self) -> None:
        """Enter an event whose rank was not."""
        self.listener(None)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to play.

    Attributes:
        run: Begins the id of every event.
        events: How many visits.
        rate: At most so many of them begin per second.
        concurrency: At most so many are under way at once.
        give_up: So many failed events in a row end the simulation.
    """

    run: str
    events: int
    rate: float
    concurrency: int
    give_up: int


class Pace:
    """Gives out turns at even intervals; time that was lost is not caught up with.

    >>> pace = Pace(rate=4.0)
    >>> [pace.turn(now) for now in (10.0, 10.0, 10.0, 20.0, 20.0)]
    [0.0, 0.25, 0.5, 0.0, 0.25]
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = 0.0

    def turn(self, now: float) -> float:
        """Seconds from ``now`` to the caller's turn."""
        turn = max(now, self._next)
        self._next = turn + self._interval
        return turn - now


async def play(world: World, service: Service, plan: Plan, journal: Journal) -> None:
    """Rank every visit and reward it at once; entries go to ``journal`` as they come.

    Raises:
        GaveUp: ``plan.give_up`` events in a row have failed.
        KeyRefused: The service does not take the key.
    """
    stage = _Stage(service, plan, journal)
    visits = ((number, world.visit()) for number in range(plan.events))
    players = [asyncio.create_task(stage.perform(visits)) for _ in range(plan.concurrency)]
    try:
        await asyncio.gather(*players)
    finally:
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)


class _Stage:
    def __init__(self, service: Service, plan: Plan, journal: Journal) -> None:
        self._service = service
        self._plan = plan
        self._journal = journal
        self._pace = Pace(plan.rate)
        self._failed_in_a_row = 0

    async def perform(self, visits: Iterator[tuple[int, Visit | PageVisit]]) -> None:
        for number, visit in visits:
            await asyncio.sleep(self._pace.turn(asyncio.get_running_loop().time()))
            await self._event(number, visit)

    async def _event(self, number: int, visit: Visit | PageVisit) -> None:
        event_id = f"{self._plan.run}-{number:06d}"
        try:
            chosen = await self._choose(event_id, visit)
        except CallFailed as failure:
            self._journal.unanswered()
            self._count(failure, "rank")
            return
        earned = _earned(visit, chosen)
        rewarded = False
        try:
            await self._report(event_id, visit, earned)
            rewarded = True
            self._failed_in_a_row = 0
        except CallFailed as failure:
            self._count(failure, "reward")
        finally:
            # Also when this event is cancelled: the service has answered it.
            self._journal.answered(
                Played(
                    number,
                    event_id,
                    ", ".join(chosen),
                    sum(earned),
                    rewarded,
                    visit.random_rate,
                    visit.best_rate,
                )
            )

    async def _choose(self, event_id: str, visit: Visit | PageVisit) -> tuple[str, ...]:
        if isinstance(visit, PageVisit):
            return await self._service.rank_page(event_id, visit)
        return (await self._service.rank(event_id, visit),)

    async def _report(
        self, event_id: str, visit: Visit | PageVisit, earned: tuple[float, ...]
    ) -> None:
        if isinstance(visit, PageVisit):
            await self._service.reward_page(event_id, visit, earned)
        else:
            await self._service.reward(event_id, earned[0])

    def _count(self, failure: CallFailed, call: str) -> None:
        self._journal.failures[f"{call}: {failure.kind}"] += 1
        if isinstance(failure, KeyRefused):
            raise failure
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._plan.give_up:
            raise GaveUp(f"{self._failed_in_a_row} events in a row failed; the last: {failure}")


def _earned(visit: Visit | PageVisit, chosen: tuple[str, ...]) -> tuple[float, ...]:
    return visit.earned(chosen) if isinstance(visit, PageVisit) else (visit.reward(chosen[0]),)
