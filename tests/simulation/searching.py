"""Loops that serve a world, and contenders that are judged by what those loops log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType

import orjson

from cli.world import Visit, World
from evaluation.jobs import Contender, JudgedPolicy, Source
from evaluation.judging import Judge, Logged
from evaluation.layout import survey
from evaluation.search import contenders, in_force
from evaluation.selection import Verdict, verdict
from loop.events import SECOND, Decision, LoopKind, Micros
from loop.features import Action, compose
from loop.joined import JoinedEvent
from loop.learning_settings import with_exploration
from loop.model import Model
from loop.sampling import draw
from loop.settings import Policy
from loop.vw_lines import vw_lines

EXPLORATION = 0.2
STEP = 50
"""Events between two updates of a model: the service learns in batches."""


@dataclass(frozen=True, slots=True)
class Past:
    """An event of a log.

    Attributes:
        lines: Its features as VW reads them.
        expected: What the loop could expect of it, in the mean over its draw and over the reward.
    """

    event: JoinedEvent
    lines: list[str]
    expected: float


def play(
    world: World, policy: str, count: int, start: int = 0, data: bytes | None = None
) -> list[Past]:
    """What a loop decides and earns: it updates its model after each ``STEP`` events.

    Args:
        start: Number of the first event, which ids and times are made of, one a second.
        data: A model to go on with.
    """
    log: list[Past] = []
    with Model(with_exploration(policy, EXPLORATION), data) as model:
        for number in range(start, start + count):
            visit = world.visit()
            assert isinstance(visit, Visit)
            log.append(_served(visit, model, number))
            if len(log) % STEP == 0:
                for past in log[-STEP:]:
                    lesson = past.event.lesson
                    assert lesson is not None
                    model.learn(past.lines, lesson.action, lesson.cost, lesson.probability)
    return log


def _served(visit: Visit, model: Model, number: int) -> Past:
    actions = [Action(action.id, list(action.features)) for action in visit.actions]
    tree = compose(visit.context, actions)
    lines = vw_lines(tree)
    scores = model.decide(lines)
    event_id = f"event-{number}"
    place = draw(event_id, scores.probabilities)
    ranking, probabilities = list(scores.ranking), list(scores.probabilities)
    ranking[0], ranking[place] = ranking[place], ranking[0]
    probabilities[0], probabilities[place] = probabilities[place], probabilities[0]
    time = Micros(number * SECOND)
    features = orjson.dumps(tree)
    decision = Decision(event_id, time, features, tuple(ranking), tuple(probabilities))
    expected = sum(
        p * visit.expected[action]
        for action, p in zip(scores.ranking, scores.probabilities, strict=True)
    )
    return Past(JoinedEvent(decision, (), visit.rewards[ranking[0]]), lines, expected)


class Contest:
    """A search over the log of a loop, which may be looked at again as the log grows.

    Args:
        policy: The loop's.
        sample: Of the log, which contenders are made for.
    """

    def __init__(self, policy: str, sample: Iterable[Past]) -> None:
        current = Policy(name="app1", arguments=policy)
        layout = survey(past.event for past in sample)
        found = contenders(layout, current, LoopKind.SINGLE_SLOT)
        self.contenders: tuple[Contender, ...] = (in_force(current), *found)
        self.judges = {
            contender.name: Judge(with_exploration(contender.arguments, EXPLORATION))
            for contender in self.contenders
        }
        self._logged = Logged()

    def see(self, log: Sequence[Past]) -> None:
        """Judge events, and learn them."""
        for past in log:
            self._logged.see(past.event)
            for judge in self.judges.values():
                judge.see(past.event, past.lines)

    def judged(self) -> list[JudgedPolicy]:
        """How the policies do by now."""
        online = self._logged.online.judged()
        return [
            JudgedPolicy(name="online", arguments="", source=Source.ONLINE, slots=online),
            *[
                JudgedPolicy(
                    name=contender.name,
                    arguments=contender.arguments,
                    source=contender.source,
                    slots=self.judges[contender.name].series.judged(),
                    comparisons=len(self.contenders),
                )
                for contender in self.contenders
            ],
        ]

    def verdict(self) -> Verdict:
        """What a loop would do that improves itself."""
        return verdict(self.judged())

    def afterwards(self, name: str, world: World, count: int) -> float:
        """What a contender would earn if it were put online now, with what it has learned."""
        arguments = next(c.arguments for c in self.contenders if c.name == name)
        log = play(world, arguments, count, start=10**6, data=self.judges[name].save())
        return sum(past.expected for past in log) / count

    def __enter__(self) -> Contest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for judge in self.judges.values():
            judge.close()
