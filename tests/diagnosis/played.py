"""A loop that customers have used: real ranks, real storage, real training, planted mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import orjson

from cli import worlds
from cli.world import PageVisit, Visit
from diagnosis import profiling
from diagnosis.facts import gather
from diagnosis.findings import Finding, Severity
from diagnosis.report import Report, report
from diagnosis.survey import refresh
from loop.events import SECOND, Decision, Micros, Reward, SlotRewards
from loop.events import Report as Told
from loop.features import JsonObject, JsonValue
from loop.models import AnyModel
from rank.decide import Served, decide
from rank.multi_slot import decide_slots
from storage.factory import LoopStorage
from storage.models import load
from tests.trainer.scene import LIMITS, Event, Scene, after

COFFEE = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -b 18 -q Fi -q Fj --interactions FFi"

PAGE = "--ccb_explore_adf --epsilon 0.2 --cb_type mtr -b 18 -l 0.05 -q Fi --interactions FFi"

Ask = Callable[[int, Visit], JsonObject]
Tell = Callable[[Decision, float], Sequence[Told]]


def customers(world: str, count: int) -> list[Visit]:
    """Who comes to a world of single choices."""
    stream = worlds.load(world)(Random(1))
    return [visit for _ in range(count) if isinstance(visit := stream.visit(), Visit)]


def coffee(count: int) -> list[Visit]:
    """Customers of the tutorial's coffee shop."""
    return customers("coffee", count)


def pages(count: int) -> list[PageVisit]:
    """Visitors of the shop's page, which has three slots."""
    stream = worlds.load("shop")(Random(1))
    return [page for _ in range(count) if isinstance(page := stream.visit(), PageVisit)]


def asked(number: int, visit: Visit | PageVisit) -> JsonObject:
    """The rank request of a visit, without a fault."""
    return {
        "eventId": f"event-{number}",
        "contextFeatures": list(visit.context),
        "actions": [
            {"id": action.id, "features": list(action.features)} for action in visit.actions
        ],
    }


def told(decision: Decision, reward: float) -> Sequence[Told]:
    """The reward of a decision, in time."""
    return told_after(5)(decision, reward)


def told_after(seconds: float) -> Tell:
    """Rewards that take so long."""

    def tell(decision: Decision, reward: float) -> Sequence[Told]:
        return [Reward(decision.event_id, _later(decision.time, seconds), reward)]

    return tell


def _later(time: Micros, seconds: float) -> Micros:
    return Micros(time + round(seconds * SECOND))


@dataclass
class Loop:
    """A loop that is used, trained and diagnosed, on a clock of its own.

    Attributes:
        second: The time, as ``tests.trainer.scene`` counts it.
    """

    scene: Scene
    second: float = 0.0
    number: int = 0

    async def play(
        self, visits: Sequence[Visit], ask: Ask = asked, tell: Tell = told, batch: int = 150
    ) -> None:
        """Rank and reward visits, ten a second, and train after each batch of them."""
        for start in range(0, len(visits), batch):
            served = await self._served()
            happened: list[Event] = []
            for visit in visits[start : start + batch]:
                body = orjson.dumps(ask(self.number, visit))
                decision = decide(body, after(self.second), served).decision
                happened += [decision, *tell(decision, _earned(decision, visit))]
                self.second += 0.1
                self.number += 1
            await self._trained(happened, served)

    async def play_pages(self, visits: Sequence[PageVisit], batch: int = 150) -> None:
        """The same for pages, without a fault."""
        for start in range(0, len(visits), batch):
            served = await self._served()
            happened: list[Event] = []
            for visit in visits[start : start + batch]:
                slots: list[JsonValue] = [
                    {"id": s.id, "features": list(s.features), "baselineAction": s.baseline}
                    for s in visit.slots
                ]
                body = orjson.dumps({**asked(self.number, visit), "slots": slots})
                decision = decide_slots(body, after(self.second), served).decision
                earned = [
                    (slot.id, rewards[slot.ranking[0]])
                    for slot, rewards in zip(decision.slots, visit.rewards, strict=True)
                ]
                told_of = _later(decision.time, 5)
                happened += [decision, SlotRewards(decision.event_id, told_of, tuple(earned))]
                self.second += 0.1
                self.number += 1
            await self._trained(happened, served)

    async def _trained(self, happened: Sequence[Event], served: Served) -> None:
        await self.scene.happen(happened)
        if served.model is not None:
            served.model.close()
        self.second += 75
        await self.scene.train(self.second)

    async def _served(self) -> Served:
        settings = (await self.scene.storage.settings.read()).value
        published = (await self.scene.manifest()).model
        model: AnyModel | None = None
        if published is not None:
            model = await load(self.scene.storage.blobs, published)
        name = "" if published is None else published.id
        return Served(settings.configuration, model, name)

    async def diagnosed(self) -> Report:
        """What is said of the loop once its survey is up to date."""
        storage, now = self.scene.storage, self.scene.now
        await refresh(storage, now, in_this_process)
        return report(await gather(storage, now, LIMITS.grace))


async def used(storage: LoopStorage, arguments: str | None = COFFEE, **changes: object) -> Loop:
    """A fresh loop with a policy and, in its configuration, other values."""
    scene = Scene(storage)
    await scene.configure(arguments, 0, **{"is_auto_optimization_enabled": True, **changes})
    return Loop(scene)


async def in_this_process(module: str, folder: Path, seconds: float) -> None:
    """Stands in for the child process."""
    assert module == profiling.__name__
    assert seconds > 0
    profiling.main(folder)


def _earned(decision: Decision, visit: Visit) -> float:
    """What the shown action earns; the request has the actions of the visit in their order."""
    return visit.rewards[decision.ranking[0]]


def ids(found: Report, worst: Severity = Severity.ADVICE) -> set[str]:
    """The findings that are so bad or worse."""
    return {finding.id for finding in found.findings if finding.severity <= worst}


def the(found: Report, finding_id: str) -> Finding:
    """One finding."""
    [finding] = [finding for finding in found.findings if finding.id == finding_id]
    return finding
