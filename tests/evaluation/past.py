"""A loop with a joined log, written down as the trainer leaves it, and evaluations of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby
from random import Random

import orjson
import zstandard

from cli.worlds.coffee import Coffee
from evaluation.jobs import Evaluation, JudgedSlot, Origin, Result, evaluations
from evaluation.judging import Judge, Logged
from evaluation.limits import Limits
from evaluation.run import evaluate
from loop.events import (
    Decision,
    LoopKind,
    Micros,
    MultiSlotDecision,
    Reward,
    SlotDecision,
    SlotRewards,
)
from loop.features import Action, Slot, compose, tree_of, with_slots
from loop.joined import JoinedEvent, Lesson
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent
from loop.learning_settings import with_exploration
from loop.manifest import Manifest
from loop.model import Model
from loop.segments import HOUR, JOINED_LOG
from loop.settings import Policy
from loop.vw_lines import vw_lines
from storage.factory import LoopStorage
from tests.trainer.scene import ARGUMENTS, CONFIGURATION, START, after, stream

END = after(1_000_000)
POLICIES = (
    Policy(name="as it is", arguments=ARGUMENTS),
    Policy(name="quick", arguments="--cb_explore_adf --cb_type mtr -q FT -l 2 --power_t 0"),
    Policy(name="coin", arguments="--cb_explore_adf --coin -q FT -b 10"),
)

Views = list[list[float]]
"""The probabilities of the actions of some events."""

_PER_FRAME = 10
PER_FILE = 25
"""Events in a file of the log, at most."""


def happened(count: int, every: float = 100.0) -> list[JoinedEvent]:
    """Events of several hours; see ``stream``."""
    calls = stream(count, every)
    rewards = {call.event_id: call for call in calls if isinstance(call, Reward)}
    return [
        JoinedEvent.of(
            call,
            [rewards[call.event_id]] if call.event_id in rewards else [],
            CONFIGURATION,
        )
        for call in calls
        if isinstance(call, Decision)
    ]


def pages(count: int, start: float) -> list[MultiSlotEvent]:
    """Pages of two slots, a hundred seconds apart."""
    found = []
    for i in range(count):
        top, side, rest = (i % 3, (i + 1) % 3, (i + 2) % 3)
        slots = (
            SlotDecision("top", (top, side, rest), (0.5, 0.25, 0.25), baseline=0),
            SlotDecision("side", (side, rest), (0.5, 0.5), baseline=1),
        )
        tree = compose([{"user": f"u{i % 2}"}], [Action(x, [{"T": {"kind": x}}]) for x in "abc"])
        data = orjson.dumps(with_slots(tree, [Slot(slot.id, []) for slot in slots]))
        decision = MultiSlotDecision(f"p{i}", after(start + 100 * i), data, slots, "m")
        reward = SlotRewards(decision.event_id, decision.time, (("top", float(top == 2)),))
        found.append(MultiSlotEvent.of(decision, [reward], CONFIGURATION))
    return found


def coffee(count: int, start: Micros) -> list[JoinedEvent]:
    """Even choices in the coffee shop, all of them within half an hour."""
    world, dice = Coffee(Random(1)), Random(2)
    found = []
    for i in range(count):
        visit = world.visit()
        actions = [Action(action.id, [*action.features]) for action in visit.actions]
        data = orjson.dumps(compose([*visit.context], actions))
        ranking = [*range(len(actions))]
        dice.shuffle(ranking)
        time = Micros(start + i * HOUR // 2 // count)
        even = tuple([1 / len(ranking)] * len(ranking))
        decision = Decision(f"v{i}", time, data, tuple(ranking), even, "m")
        reward = Reward(decision.event_id, time, visit.rewards[ranking[0]])
        found.append(JoinedEvent.of(decision, [reward], CONFIGURATION))
    return found


async def log(
    storage: LoopStorage,
    events: Iterable[Event],
    reach: Micros = END,
    per_file: int = PER_FILE,
) -> None:
    """Write a joined log in which each hour has some files, and say how far it reaches."""
    for hour, group in groupby(events, key=lambda event: event.decision.time // HOUR):
        lines = [event.line() for event in group]
        for sequence, start in enumerate(range(0, len(lines), per_file)):
            part = lines[start : start + per_file]
            step = max(_PER_FRAME, len(part) // 50)
            frames = [
                zstandard.compress(b"\n".join(part[place : place + step]) + b"\n")
                for place in range(0, len(part), step)
            ]
            name = JOINED_LOG.name(Micros(hour * HOUR), sequence)
            await storage.blobs.write(name, b"".join(frames))
    await reaches(storage, reach)


async def reaches(storage: LoopStorage, position: Micros) -> None:
    """Say that every decision before ``position`` is joined."""
    read = await storage.manifest.read()
    await storage.manifest.replace(Manifest(position=position), read)


async def ask(
    storage: LoopStorage,
    evaluation_id: str = "e1",
    policies: Sequence[Policy] = POLICIES,
    start: Micros = START,
    end: Micros = END,
    kind: LoopKind = LoopKind.SINGLE_SLOT,
    optimises: bool = False,
) -> None:
    """Create an evaluation."""
    evaluation = Evaluation(
        id=evaluation_id,
        name=f"the evaluation {evaluation_id}",
        origin=Origin.MANUAL,
        start=start,
        end=end,
        optimises=optimises,
        policies=tuple(policies),
        kind=kind,
        exploration=0.2,
        created=after(0),
    )
    await evaluations(storage.blobs).create(evaluation_id, evaluation)


async def found(storage: LoopStorage, evaluation_id: str = "e1") -> Evaluation:
    """The evaluation as it stands."""
    version = await evaluations(storage.blobs).read(evaluation_id)
    assert version is not None
    return version.value


async def turn(storage: LoopStorage, limits: Limits) -> bool:
    """Work on what there is, at a fixed time."""
    return await evaluate(storage, lambda: after(5), limits)


async def turns(storage: LoopStorage, limits: Limits, most: int = 200) -> int:
    """Work until there is no more to do, and tell how often that took."""
    for count in range(most):
        if not await turn(storage, limits):
            return count
    raise AssertionError(f"there is still something to do after {most} turns")


async def result_of(storage: LoopStorage, evaluation_id: str = "e1") -> Result:
    """What an evaluation has found."""
    evaluation = await found(storage, evaluation_id)
    assert evaluation.result is not None, evaluation
    blob = await storage.blobs.read(evaluation.result)
    assert blob is not None
    return Result.model_validate_json(blob.data)


async def learned(storage: LoopStorage, result: Result, events: Sequence[Event]) -> list[Views]:
    """What the models of the contenders think, as ``views`` tells it."""
    found = []
    for policy in result.policies:
        if policy.model is not None:
            blob = await storage.blobs.read(policy.model.blob)
            assert blob is not None
            assert sha256(blob.data).hexdigest() == policy.model.sha256
            found.append(views(policy.model.arguments, blob.data, events))
    return found


def views(arguments: str, data: bytes, events: Sequence[Event]) -> Views:
    """What a model thinks of events, one after the other, as it goes on to learn them.

    Two models that agree in it have the same weights and learn at the same rates. Their bytes may
    differ: VW keeps some statistics that begin anew with each loading.
    """
    with Model(arguments, data) as model:
        thoughts = []
        for event in events:
            lesson = event.lesson
            assert isinstance(lesson, Lesson)
            lines = vw_lines(tree_of(event.decision.features))
            thoughts.append(model.learn(lines, lesson.action, lesson.cost, lesson.probability))
        return thoughts


def judged(policy: Policy, events: Sequence[Event]) -> tuple[tuple[JudgedSlot, ...], Views]:
    """What a policy earns with events, judged in one go, and what its model thinks at the end."""
    arguments = with_exploration(policy.arguments, 0.2)
    with Judge(arguments) as judge:
        for event in events:
            judge.see(event, vw_lines(tree_of(event.decision.features)))
        return judge.series.judged(), views(arguments, judge.save(), events)


def logged(events: Iterable[Event]) -> list[tuple[JudgedSlot, ...]]:
    """What online, baseline and random earn with events, judged in one go."""
    policies = Logged()
    for event in events:
        policies.see(event)
    return [policies.online.judged(), policies.baseline.judged(), policies.random.judged()]
