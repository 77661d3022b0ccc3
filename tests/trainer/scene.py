"""A loop with a past that tests write: events at times of their choice, on a fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta

import orjson

from loop.configuration import ServiceConfiguration
from loop.events import (
    SECOND,
    Activation,
    Decision,
    Dropped,
    LearningMode,
    Micros,
    MultiSlotDecision,
    Reward,
    SlotRewards,
)
from loop.features import Action, JsonObject, compose
from loop.joined import JoinedEvent
from loop.manifest import Manifest
from loop.metrics import LearningMetrics
from loop.model import Model
from loop.settings import LoopSettings, Policy
from loop.vw_lines import vw_lines
from storage.factory import LoopStorage
from storage.joined_log import joined_events
from trainer.limits import Limits
from trainer.report import RunReport
from trainer.run import train

START = Micros(1_700_000_400 * SECOND - 400 * SECOND)
"""14 November 2023, 22:13:20 UTC."""

ARGUMENTS = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q FT -l 0.1"

CONFIGURATION = ServiceConfiguration(
    reward_wait_time=timedelta(seconds=60), model_export_frequency=timedelta(seconds=15)
)

LIMITS = Limits(grace_seconds=10, seconds=1000)

Event = Decision | Reward | Activation | Dropped | MultiSlotDecision | SlotRewards


def after(seconds: float) -> Micros:
    return Micros(START + round(seconds * SECOND))


def features(user: str) -> bytes:
    context: list[JsonObject] = [{"user": user}]
    tree = compose(context, [Action(x, [{"T": {"kind": x}}]) for x in ("a", "b", "c")])
    return orjson.dumps(tree)


def decision(
    event_id: str,
    seconds: float,
    *,
    user: str = "u",
    choice: int = 0,
    mode: LearningMode = LearningMode.ONLINE,
    deferred: bool = False,
) -> Decision:
    rest = tuple(i for i in range(3) if i != choice)
    return Decision(
        event_id,
        after(seconds),
        features(user),
        (choice, *rest),
        (0.5, 0.25, 0.25),
        "m",
        mode,
        deferred,
    )


def reward(event_id: str, seconds: float, value: float = 1.0) -> Reward:
    return Reward(event_id, after(seconds), value)


def stream(count: int, every: float = 1.0, start: float = 0.0) -> list[Event]:
    """Decisions of three users, each of whom likes another action, and their rewards."""
    events: list[Event] = []
    for i in range(count):
        choice, user = (i * 7 + i // 3) % 3, i % 3
        at = start + i * every
        events.append(decision(f"e{at:09.2f}", at, user=f"u{user}", choice=choice))
        if choice == user or i % 2:
            events.append(reward(f"e{at:09.2f}", at + 5, float(choice == user)))
    return events


@dataclass
class Scene:
    """One loop, its storage and the time in it, which goes on by ``tick`` at every look at it."""

    storage: LoopStorage
    now: Micros = START
    tick: int = 0
    limits: Limits = LIMITS
    reports: list[RunReport] = field(default_factory=list)

    def clock(self) -> Micros:
        self.now = Micros(self.now + self.tick)
        return self.now

    async def configure(
        self, arguments: str | None = ARGUMENTS, version: int = 0, **changes: object
    ) -> LoopSettings:
        settings = LoopSettings(
            configuration=replace(CONFIGURATION, **changes),  # type: ignore[arg-type]
            policy=None if arguments is None else Policy(name="p", arguments=arguments),
            training_version=version,
        )
        read = await self.storage.settings.read()
        await self.storage.settings.replace(settings, read)
        return settings

    async def happen(self, events: Iterable[Event]) -> None:
        """Let the event log have events, many at a time."""
        gate = asyncio.Semaphore(16)

        async def append(event: Event) -> None:
            async with gate:
                await self.storage.log.append(event)

        await asyncio.gather(*(append(event) for event in events))

    async def train(self, seconds: float) -> RunReport:
        """A run at a time."""
        self.now = max(self.now, after(seconds))
        report = await train(self.storage, self.clock, self.limits)
        self.reports.append(report)
        return report

    async def manifest(self) -> Manifest:
        return (await self.storage.manifest.read()).value

    async def logged(self) -> list[JoinedEvent]:
        """What readers of the joined log see."""
        found = joined_events(self.storage.blobs, Micros(0), Micros(2**62))
        async with aclosing(found):
            return [event async for event in found if isinstance(event, JoinedEvent)]

    async def names(self, prefix: str) -> list[str]:
        return [entry.name async for entry in self.storage.blobs.list(prefix)]

    async def metrics(self) -> LearningMetrics:
        name = (await self.manifest()).metrics
        assert name is not None
        blob = await self.storage.blobs.read(name)
        assert blob is not None
        return LearningMetrics.decode(blob.data)

    async def model(self) -> bytes:
        published = (await self.manifest()).model
        assert published is not None
        blob = await self.storage.blobs.read(published.blob)
        assert blob is not None
        return blob.data


def lines_of(event: JoinedEvent) -> list[str]:
    return vw_lines(orjson.loads(event.decision.features))


def taught(arguments: str, events: Iterable[JoinedEvent]) -> bytes:
    """The model that learns events from scratch, in one go."""
    with Model(arguments) as model:
        for event in events:
            lesson = event.lesson
            if lesson is not None:
                model.learn(lines_of(event), lesson.action, lesson.cost, lesson.probability)
        return model.save()


def views(arguments: str, data: bytes) -> list[tuple[int, ...] | tuple[float, ...]]:
    """What a model thinks of each user."""
    with Model(arguments, data) as model:
        found: list[tuple[int, ...] | tuple[float, ...]] = []
        for user in ("u", "u0", "u1", "u2"):
            scores = model.decide(vw_lines(orjson.loads(features(user))))
            found += [scores.ranking, tuple(round(p, 5) for p in scores.probabilities)]
        return found
