"""Worlds in which the true value of every policy is known: what comes up in them can be listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

import orjson

from cli import worlds
from cli.world import Visit
from loop.features import Action, compose
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.model import Model, Scores
from loop.vw_lines import vw_lines


@dataclass(frozen=True, slots=True)
class Occasion:
    """A context of the world, with the chance that each action earns 1 in it, and not 0."""

    features: bytes
    lines: Sequence[str]
    chances: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A world, of occasions that come equally often, and the policy that the loop learns by."""

    name: str
    occasions: Sequence[Occasion]
    policy: str

    def value(self, choices: Iterable[Scores]) -> float:
        """The mean reward of what is done at each of the occasions."""
        return fmean(
            sum(
                probability * occasion.chances[action]
                for action, probability in zip(scores.ranking, scores.probabilities, strict=True)
            )
            for occasion, scores in zip(self.occasions, choices, strict=True)
        )

    def decide(self, model: Model) -> list[Scores]:
        """What a model would do at each of the occasions."""
        return [model.decide(occasion.lines) for occasion in self.occasions]


def settings() -> list[Setting]:
    """The coffee shop, with a loop that learns it well, with one that doesn't, and a poorer shop.

    In the last one, customers buy seldom, whatever they are given: the rarer the rewards, the
    harder it is to say how far off an estimate is.
    """
    coffee = worlds.load("coffee")
    shop = coffee(Random(0))
    found: dict[bytes, Visit] = {}
    for _ in range(2_000):
        visit = shop.visit()
        assert isinstance(visit, Visit)
        found[orjson.dumps(visit.context)] = visit
    visits = [found[context] for context in sorted(found)]
    rich = [_occasion(visit, 0.0, 1.0) for visit in visits]
    poor = [_occasion(visit, 0.01, 0.06) for visit in visits]
    return [
        Setting("coffee, learned well", rich, coffee.policy),
        Setting("coffee, default policy", rich, DEFAULT_ARGUMENTS),
        Setting("coffee, 1 to 6 in 100 buy", poor, coffee.policy),
    ]


def _occasion(visit: Visit, least: float, most: float) -> Occasion:
    tree = compose(
        list(visit.context), [Action(action.id, list(action.features)) for action in visit.actions]
    )
    chances = tuple([least + (most - least) * expected for expected in visit.expected])
    return Occasion(orjson.dumps(tree), vw_lines(tree), chances)
