"""Teaching a model, one event after the other; an event that can't be taught stops nothing."""

from __future__ import annotations

import logging

import orjson

from loop.errors import PersonalizerError
from loop.features import compose, tree_of
from loop.joined import Lesson
from loop.joined_log import Event
from loop.model import Model, ModelError
from loop.models import AnyModel
from loop.multi_slot_model import AskedSlot, MultiSlotModel, SlotLabel
from loop.vw_lines import vw_lines

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
        last_slots: How that event can be decided again, where it has slots: all but the last one
            of them as it was.
        first_event: Id of the first event that it has learned from; empty before.
        last_event: Id of the last one.
    """

    def __init__(self, model: AnyModel, taught: bool) -> None:
        self.model = model
        self.taught = taught
        self.lessons = 0
        self.last: list[str] = []
        self.last_slots: tuple[AskedSlot, ...] = ()
        self.first_event = ""
        self.last_event = ""

    def takes(self, event: Event) -> bool:
        """Whether there is something in an event to learn, for a model of this kind."""
        return event.lesson is not None and event.decision.kind is self.model.kind

    def teach(self, event: Event) -> Event:
        """Learn from an event, if there is something in it to learn.

        Returns:
            The event, withheld if it can't be learned from.
        """
        lesson = event.lesson
        if lesson is None or event.decision.kind is not self.model.kind:
            return event
        try:
            lines = vw_lines(tree_of(event.decision.features))
            self.last_slots = _learn(self.model, lines, lesson)
        except (PersonalizerError, ModelError, ValueError) as error:
            logger.warning("event_unlearnable", extra={"reason": type(error).__name__})
            return event.withhold()
        self.last = lines
        self.first_event = self.first_event or event.decision.event_id
        self.last_event = event.decision.event_id
        self.lessons += 1
        self.taught = True
        return event


def _learn(
    model: AnyModel, lines: list[str], lesson: Lesson | tuple[SlotLabel, ...]
) -> tuple[AskedSlot, ...]:
    """Teach a lesson that is of the model's kind; returns what ``Learner.last_slots`` is."""
    if isinstance(model, Model) and isinstance(lesson, Lesson):
        model.learn(lines, lesson.action, lesson.cost, lesson.probability)
        return ()
    assert isinstance(model, MultiSlotModel) and not isinstance(lesson, Lesson)
    model.learn(lines, lesson)
    *before, last = lesson
    return (*[AskedSlot(label.ranking[:1], "0") for label in before], AskedSlot(last.ranking, "0"))


def loggable(event: Event) -> Event:
    """The event with features that a line can hold: JSON, on one line.

    Whoever can write to the event log could break the joined log with anything else. What is no
    JSON at all is left out, and the event withheld.
    """
    features = event.decision.features
    try:
        tree = orjson.loads(features)
    except orjson.JSONDecodeError:
        empty = event.with_features(_NO_FEATURES)
        return empty if event.lesson is None else empty.withhold()
    if is_one_line(features):
        return event
    return event.with_features(orjson.dumps(tree))


def is_one_line(features: bytes) -> bool:
    """Whether a line end is nowhere in it."""
    return b"\n" not in features and b"\r" not in features
