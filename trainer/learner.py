"""Teaching a model, one event after the other; an event that can't be taught stops nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TypeGuard

import orjson

from loop.errors import PersonalizerError
from loop.features import FeatureTree, compose, vw_lines
from loop.joined import JoinedEvent
from loop.model import Model, ModelError

logger = logging.getLogger(__name__)

_NO_FEATURES = orjson.dumps(compose([], []))


class Learner:
    """A model that is being taught.

    Args:
        model: It stays the caller's to close.
        taught: Whether it has learned anything before.

    Attributes:
        lessons: How many events it has learned from.
        taught: Whether it has learned anything, now or before.
        last: The lines of the last event that it has learned from.
    """

    def __init__(self, model: Model, taught: bool) -> None:
        self.model = model
        self.taught = taught
        self.lessons = 0
        self.last: list[str] = []

    def teach(self, event: JoinedEvent) -> JoinedEvent:
        """Learn from an event, if there is something in it to learn.

        Returns:
            The event, withheld if it can't be learned from.
        """
        lesson = event.lesson
        if lesson is None:
            return event
        try:
            lines = vw_lines(tree_of(event.decision.features))
            self.model.learn(lines, lesson.action, lesson.cost, lesson.probability)
        except (PersonalizerError, ModelError, ValueError) as error:
            logger.warning("event_unlearnable", extra={"reason": type(error).__name__})
            return replace(event, withheld=True)
        self.last = lines
        self.lessons += 1
        self.taught = True
        return event


def tree_of(features: bytes) -> FeatureTree:
    """The features of a decision.

    Raises:
        ValueError: They are not what ``loop.features.compose`` makes.
    """
    tree = orjson.loads(features)
    if not _is_tree(tree):
        raise ValueError("no context and actions")
    return tree


def _is_tree(tree: object) -> TypeGuard[FeatureTree]:
    if not isinstance(tree, dict) or not isinstance(tree.get("_multi"), list):
        return False
    return set(map(type, tree["_multi"])) == {dict}


def loggable(event: JoinedEvent) -> JoinedEvent:
    """The event with features that a line can hold: JSON, on one line.

    Whoever can write to the event log could break the joined log with anything else. What is no
    JSON at all is left out, and the event withheld.
    """
    features = event.decision.features
    try:
        tree = orjson.loads(features)
    except orjson.JSONDecodeError:
        decision = replace(event.decision, features=_NO_FEATURES)
        withheld = event.withheld or event.lesson is not None
        return replace(event, decision=decision, withheld=withheld)
    if is_one_line(features):
        return event
    return replace(event, decision=replace(event.decision, features=orjson.dumps(tree)))


def is_one_line(features: bytes) -> bool:
    """Whether a line end is nowhere in it."""
    return b"\n" not in features and b"\r" not in features
