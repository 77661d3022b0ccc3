"""The trainer on storage that fails at every step, and beside another trainer."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace

import pytest

from loop.errors import StorageUnavailable
from loop.events import Activation, Decision, Micros, Report, Reward
from loop.joined import JoinedEvent
from loop.joining import EARLY
from loop.learning_settings import with_exploration
from loop.manifest import Counts
from loop.metrics import LearningMetrics
from loop.model import Model
from loop.segments import LATE_LOG
from storage.factory import LoopStorage
from storage.joined_log import lines
from tests.simulation.faults import Crash, CrashAt, Path, Turns, Unruly, through
from tests.trainer.scene import (
    ARGUMENTS,
    CONFIGURATION,
    LIMITS,
    Event,
    Scene,
    decision,
    lines_of,
    reward,
    taught,
    views,
)
from trainer.report import Outcome, RunReport
from trainer.run import train

BUILT = with_exploration(ARGUMENTS, 0.2)
STEP = 100.0


@dataclass
class History:
    """A loop that goes on in steps of a hundred seconds, and what ought to come out of it."""

    scene: Scene
    dice: random.Random
    step: int = 2
    happened: list[Event] = field(default_factory=list)
    learned: list[int] = field(default_factory=lambda: [0])

    async def go_on(self, events: int) -> None:
        """Some calls, of all sorts."""
        start, dice = self.step * STEP, self.dice
        self.step += 1
        calls: list[Event] = []
        for i in range(events):
            at = start + i * (STEP - 10) / events
            name = f"s{self.step:04d}e{i:03d}"
            deferred = dice.random() < 0.2
            choice, user = dice.randrange(3), dice.randrange(3)
            calls.append(decision(name, at, user=f"u{user}", choice=choice, deferred=deferred))
            if dice.random() < 0.1:
                calls.append(decision(name, at + dice.choice([15, 70, 599])))
            for _ in range(dice.choice([0, 1, 2])):
                offset = dice.choice([-119, -1, 3, 59.999, 60, 90])
                calls.append(reward(name, at + offset, (choice == user) + dice.random() / 4))
            if dice.random() < 0.2:
                calls.append(Activation(name, calls[-1].time))
        calls.append(reward(f"nobody{self.step}", start))
        self.happened += calls
        await self.scene.happen(calls)
        # as late as can be: the next step's earliest reward is not visible yet
        self.scene.now = decision("now", start + STEP - 119 + LIMITS.grace_seconds).time

    async def run(self, path: Path) -> RunReport | None:
        """A run at the end of ``path``; None where it has come to nothing, for all it knows."""
        scene = self.scene
        try:
            return await train(through(scene.storage, path), scene.clock, scene.limits)
        except (Crash, StorageUnavailable):
            return None

    async def note(self) -> None:
        """See how far the model has come: there it was saved, and loaded again."""
        self.learned.append((await self.scene.manifest()).counts.learned)

    async def check(self) -> None:
        """Once a run has gone well: nothing missed, nothing twice, nothing wrong."""
        self.scene.now = decision("now", self.step * STEP + 2000).time
        while (await self.scene.train(0)).backlog:
            pass
        await self.note()
        expected, rewards = self.expected()
        logged = await self.scene.logged()
        assert [e.decision.event_id for e in logged] == [e.decision.event_id for e in expected]
        assert logged == expected
        counts = (await self.scene.manifest()).counts
        assert counts.decisions == sum(isinstance(e, Decision) for e in self.happened)
        assert counts.learned == sum(e.lesson is not None for e in expected)
        assert counts.decisions == counts.learned + counts.not_activated + counts.duplicates
        assert counts.rewards == rewards.rewards == counts.joined + counts.late + counts.orphaned
        assert (counts.joined, counts.late) == (rewards.joined, rewards.late)
        assert counts.activations == counts.activated + counts.strayed
        kept = [
            line
            for name in await self.scene.names(f"{LATE_LOG.folder}/")
            async for line in lines(self.scene.storage.blobs.stream(name))
        ]
        assert len(kept) == len(set(kept)) == counts.late + counts.orphaned + counts.strayed
        assert await self.scene.model() == self.undisturbed(expected)
        metrics = LearningMetrics()
        for event in expected:
            metrics.add(event)
        assert await self.scene.metrics() == metrics

    def expected(self) -> tuple[list[JoinedEvent], Counts]:
        """The joined log as it ought to be, looked up in all that has happened."""
        wait = 60_000_000
        counts = Counts()
        decided: dict[str, Decision] = {}
        observed: dict[str, list[Report]] = {}
        for event in sorted(self.happened, key=lambda event: event.time):
            if isinstance(event, Decision):
                decided.setdefault(event.event_id, event)
            elif isinstance(event, Reward | Activation):
                observed.setdefault(event.event_id, []).append(event)
        for name, found in observed.items():
            for observation in found:
                if isinstance(observation, Reward):
                    first = decided.get(name)
                    age = None if first is None else observation.time - first.time
                    counts.rewards += 1
                    counts.joined += age is not None and -EARLY < age < wait
                    counts.late += age is not None and age >= wait
        events = [
            JoinedEvent.of(
                first,
                tuple(
                    sorted(
                        (o for o in observed.get(name, []) if -EARLY < o.time - first.time < wait),
                        key=_order,
                    )
                ),
                CONFIGURATION,
            )
            for name, first in decided.items()
        ]
        return events, counts

    def undisturbed(self, events: list[JoinedEvent]) -> bytes:
        """The model of a trainer whose runs all went well, with the same runs."""
        lessons = [(e, e.lesson) for e in events if e.lesson is not None]
        data: bytes | None = None
        for start, end in zip(self.learned, self.learned[1:], strict=False):
            if start == end:
                continue
            with Model(BUILT, data) as model:
                for event, lesson in lessons[start:end]:
                    model.learn(lines_of(event), lesson.action, lesson.cost, lesson.probability)
                data = model.save()
        assert data is not None
        return data


def _order(observation: Report) -> tuple[int, str]:
    return observation.time, observation.nonce if isinstance(observation, Reward) else ""


@pytest.fixture
async def history(storage: LoopStorage) -> History:
    scene = Scene(storage, limits=LIMITS)
    await scene.configure()
    return History(scene, random.Random(7))


async def crash_everywhere(history: History, answered: bool, stride: int) -> int:
    """Die at each call of a run, one after the other; each time the next run goes well."""
    calls = 0
    while True:
        calls += stride
        await history.go_on(8)
        path = CrashAt(calls, answered)
        await history.run(path)
        await history.note()
        if not path.reached:
            return calls
        if history.dice.random() < 0.7:  # sometimes the next run comes only after more events
            await history.scene.train(0)
            await history.note()


@pytest.mark.parametrize("answered", [False, True], ids=["unanswered", "answered"])
async def test_a_crash_at_any_call_of_a_run_loses_nothing_and_doubles_nothing(
    history: History, answered: bool
) -> None:
    calls = await crash_everywhere(history, answered, stride=1)
    assert calls > 20
    await history.check()


async def unruly(history: History, steps: int, faults: float, trainers: int) -> list[Outcome]:
    """Trainers side by side, whose calls fail now and then, some of them much later."""
    outcomes: list[Outcome] = []
    dice = history.dice
    for _ in range(steps):
        await history.go_on(6)
        turns = Turns(random.Random(dice.random()))
        paths = [Unruly(turns, random.Random(dice.random()), faults) for _ in range(trainers)]
        reports = await asyncio.gather(*(turns.play(history.run(path)) for path in paths))
        for path in paths:
            await path.settled()
        await history.note()
        outcomes += [report.outcome for report in reports if report is not None]
    await history.check()
    return outcomes


async def test_two_trainers_at_once_learn_each_event_once(history: History) -> None:
    outcomes = await unruly(history, steps=25, faults=0.0, trainers=2)
    assert outcomes.count(Outcome.SUPERSEDED) > 5


async def test_slow_lost_and_failing_calls_lose_nothing_and_double_nothing(
    history: History,
) -> None:
    outcomes = await unruly(history, steps=40, faults=0.03, trainers=2)
    assert len(outcomes) < 80


async def test_a_rebuild_that_dies_anywhere_learns_each_event_once(history: History) -> None:
    # GIVEN a rebuild that takes many runs, since every bucket takes time
    scene = history.scene
    for _ in range(12):
        await history.go_on(8)
        await scene.train(0)
    scene.limits = replace(LIMITS, seconds=8)
    settings = await scene.configure(version=1, default_reward=0.5)

    # WHEN each of them dies, at one call after the other, and is followed by one that goes well
    calls = runs = 0
    while (await scene.manifest()).training_version != 1:
        scene.tick = 1_000_000
        await history.run(CrashAt(calls := calls + 1, answered=runs % 2 == 0))
        scene.now = Micros(scene.now + 1_000_000)
        await scene.train(0)
        runs += 1
    assert runs > 3

    # THEN the model that comes out is the one that learns the whole log once
    scene.tick, scene.limits = 0, LIMITS
    scene.now = decision("now", history.step * STEP + 2000).time
    while (await scene.train(0)).backlog:
        pass
    events = [event.again(settings.configuration) for event in await scene.logged()]
    assert len(events) == len(history.expected()[0])
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(10))
async def test_everything_at_once_at_length(storage: LoopStorage, seed: int) -> None:
    scene = Scene(storage)
    await scene.configure()
    await unruly(History(scene, random.Random(seed)), steps=150, faults=0.04, trainers=3)
