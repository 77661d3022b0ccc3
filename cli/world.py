"""What a simulation needs to know about the people it plays: who comes, and what they like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random
from typing import ClassVar

from pydantic import JsonValue

Features = dict[str, JsonValue]
"""One object of features, as it stands in a rank request."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to choose, with the features that describe it."""

    id: str
    features: tuple[Features, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """One occasion to choose.

    Attributes:
        context: The context features of the rank request.
        actions: What there is to choose from.
        rewards: What each action would earn on this visit, in the order of ``actions``.
        expected: The mean of that over many visits like this one; equal to ``rewards`` where
            nothing is left to chance.
    """

    context: tuple[Features, ...]
    actions: tuple[Action, ...]
    rewards: tuple[float, ...]
    expected: tuple[float, ...]

    def reward(self, action_id: str) -> float:
        """What the action earns on this visit.

        Raises:
            KeyError: The visit has no such action.
        """
        earned = {
            action.id: reward for action, reward in zip(self.actions, self.rewards, strict=True)
        }
        return earned[action_id]

    @property
    def random_rate(self) -> float:
        """Expected reward of an even choice."""
        return sum(self.expected) / len(self.expected)

    @property
    def best_rate(self) -> float:
        """Expected reward of the best choice."""
        return max(self.expected)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place on a page, with the features that describe it and what stands there by default."""

    id: str
    features: tuple[Features, ...]
    baseline: str


@dataclass(frozen=True, slots=True)
class PageVisit:
    """One occasion to choose an action for each slot of a page, none for two of them.

    Attributes:
        context: The context features of the rank request.
        actions: What there is to choose from.
        slots: What there is to choose for.
        rewards: For each slot, what each action would earn in it on this visit.
        expected: The mean of that over many visits like this one.
    """

    context: tuple[Features, ...]
    actions: tuple[Action, ...]
    slots: tuple[Slot, ...]
    rewards: tuple[tuple[float, ...], ...]
    expected: tuple[tuple[float, ...], ...]

    def earned(self, action_ids: Sequence[str]) -> tuple[float, ...]:
        """What each slot earns on this visit with the action it was given.

        Raises:
            ValueError: There are not as many actions as slots, or the visit has no such action.
        """
        ids = [action.id for action in self.actions]
        return tuple(
            [
                rewards[ids.index(action_id)]
                for rewards, action_id in zip(self.rewards, action_ids, strict=True)
            ]
        )

    @property
    def random_rate(self) -> float:
        """Expected reward, of all slots together, of even choices."""
        return sum(sum(slot) / len(slot) for slot in self.expected)

    @property
    def best_rate(self) -> float:
        """Expected reward, of all slots together, of the best choices."""
        return max(
            sum(slot[action] for slot, action in zip(self.expected, choice, strict=True))
            for choice in permutations(range(len(self.actions)), len(self.slots))
        )


class World(ABC):
    """A stream of visits. All its chance comes from ``random``, so that a seed repeats it.

    To add a world, add a module to ``cli/worlds`` with one subclass; the module's name is what
    ``python -m cli simulate`` takes.

    Attributes:
        about: One line for ``--list``.
        policy: Learning settings that can learn this world.
    """

    about: ClassVar[str]
    policy: ClassVar[str]

    def __init__(self, random: Random) -> None:
        self._random = random

    @abstractmethod
    def visit(self) -> Visit | PageVisit:
        """The next visit; all of a world's are of one kind."""
