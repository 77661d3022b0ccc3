"""The single choices of an event, each as whoever judges a policy needs it."""

from __future__ import annotations

from dataclasses import dataclass

from loop.events import LearningMode, LoopKind
from loop.joined import JoinedEvent
from loop.joined_log import Event
from loop.model import MAX_COST

_LEAST = 1e-38  # about the least that VW can tell from 0, in single precision


@dataclass(frozen=True, slots=True)
class Choice:
    """What one slot was given, and what came of it.

    Attributes:
        slot: Empty in a single-slot loop.
        action: Its index.
        actions: How many there were to choose from.
        propensity: In (0, 1].
        is_baseline: Whether the application would have shown it by itself.
        shown: Whether it was shown, or the baseline instead of it.
        reward: What was observed, within ±``MAX_COST``.
    """

    slot: str
    action: int
    actions: int
    propensity: float
    is_baseline: bool
    shown: bool
    reward: float

    @property
    def baseline(self) -> float:
        """Its weight for the baseline."""
        if not self.shown:
            return 1.0
        return 1.0 / self.propensity if self.is_baseline else 0.0

    @property
    def random(self) -> float | None:
        """Its weight for even choices; None where it does not count for them."""
        return 1.0 / (self.actions * self.propensity) if self.shown else None


def choices(event: Event) -> list[Choice]:
    """What was chosen in an event, slot by slot."""
    shown = event.decision.mode is LearningMode.ONLINE
    if isinstance(event, JoinedEvent):
        ranking, propensity = event.decision.ranking, event.decision.probabilities[0]
        chosen = ranking[0]
        return [Choice("", chosen, len(ranking), propensity, chosen == 0, shown, event.reward)]
    return [
        Choice(
            slot.id,
            slot.ranking[0],
            len(slot.ranking),
            slot.probabilities[0],
            slot.ranking[0] == slot.baseline,
            shown,
            outcome.reward,
        )
        for slot, outcome in zip(event.decision.slots, event.outcomes, strict=True)
    ]


def judged_choices(event: Event, kind: LoopKind) -> list[Choice]:
    """The choices of an event that counts, else none.

    It counts where it is of the loop's kind, was put to use, and can be learned from. A reward
    beyond ``MAX_COST``, and a propensity that is none, no loop learns from; such events of
    ``LOGGING_ONLY``, or of logs from elsewhere, are not marked as withheld.
    """
    if event.decision.kind is not kind or not event.activated or event.withheld:
        return []
    found = choices(event)
    for choice in found:
        # So that what is no number does not count either.
        if not (_LEAST <= choice.propensity <= 1.0 and abs(choice.reward) <= MAX_COST):
            return []
    return found


def is_judged(event: Event, kind: LoopKind) -> bool:
    """Whether an event counts, as ``judged_choices`` says."""
    return bool(judged_choices(event, kind))
