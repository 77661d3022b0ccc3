"""One VW workspace of a multi-slot loop: a conditional contextual bandit.

VW goes through the slots in their order. It draws one action for each, as for a call with a single
slot, and takes it from those that the later ones choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pylibvw

from loop.events import LoopKind
from loop.model import MAX_COST, TOLERANCE, ModelError, Scores, VwModel

Choice = list[tuple[int, float]]
"""Indices of actions, each with its probability."""


@dataclass(frozen=True, slots=True)
class AskedSlot:
    """What a slot may be given.

    Attributes:
        included: Indices of actions, at least one that no slot before it can have taken.
        seed: What is drawn by, without white space, ``|`` and ``'``.
    """

    included: Sequence[int]
    seed: str


@dataclass(frozen=True, slots=True)
class SlotLabel:
    """What a model learns of one slot.

    Attributes:
        ranking: Indices of the actions that it could have: first the one that was drawn.
        cost: What came of that: its reward with its sign turned, within ±``MAX_COST``.
        probability: The chance that it had, in (0, 1].
    """

    ranking: Sequence[int]
    cost: float
    probability: float


# Until it has seen a page of several slots, VW adds nothing of a slot to an example, and from then
# on something to each. It should not matter for a decision which others have come before it.
_PAGE = ("shared |", "|", "|", "|", "|")
_ITS_SLOTS = (AskedSlot((0,), "0"), AskedSlot((1,), "1"))


class MultiSlotModel(VwModel):
    """A conditional contextual bandit with its weights, of a multi-slot loop.

    >>> lines = ["shared |u old", "|i idA", "|i idB", "|slot sizebig", "|slot sizesmall"]
    >>> with MultiSlotModel("--ccb_explore_adf --epsilon 0.2") as model:
    ...     before = model.learn(lines, [SlotLabel((1, 0), -1.0, 0.5), SlotLabel((0,), 0.0, 1.0)])
    ...     top, side = model.decide(lines, [AskedSlot((0, 1), "5f02"), AskedSlot((0, 1), "77d1")])
    >>> top.ranking, [round(p, 6) for p in top.probabilities]
    ((1, 0), [0.9, 0.1])
    >>> side
    Scores(ranking=(0,), probabilities=(1.0,))
    """

    kind: ClassVar[LoopKind] = LoopKind.MULTI_SLOT

    _option = "--ccb_explore_adf"
    _labels = pylibvw.vw.lConditionalContextualBandit
    _predictions = pylibvw.vw.pDECISION_SCORES

    def __init__(self, arguments: str, data: bytes | None = None) -> None:
        super().__init__(arguments, data)
        try:
            self.decide(_PAGE, _ITS_SLOTS)
        except ModelError:
            self.close()
            raise

    def decide(self, lines: Sequence[str], slots: Sequence[AskedSlot]) -> tuple[Scores, ...]:
        """Draw an action for each slot; the same lines and slots give the same draws.

        Args:
            lines: The shared line, a line for each action, and one for each slot, as ``vw_lines``
                makes them. There are at least as many actions as slots.

        Returns:
            For each slot the actions that were left for it, the drawn one first and the leader in
            its place, with their probabilities.

        Raises:
            ModelError: VW does not take the lines, or the probabilities are none.
        """
        page = _Page(lines, len(slots))
        asked = [f"{_indices(slot.included)} 'seed={slot.seed}" for slot in slots]
        examples = self._parse(page.written(asked))
        try:
            pylibvw.vw.predict_multi(self._vw, examples)
            drawn = _decision_scores(examples[0])
        except RuntimeError as error:
            raise ModelError(str(error)) from None
        finally:
            pylibvw.vw._finish_example_multi_ex(self._vw, examples)
        if len(drawn) != len(slots):
            raise ModelError(f"{len(slots)} slots got {len(drawn)} decisions")
        return tuple([_scores(choice) for choice in drawn])

    def learn(self, lines: Sequence[str], labels: Sequence[SlotLabel]) -> list[Choice]:
        """Learn what came of the draw of each slot.

        Args:
            lines: As for ``decide``.
            labels: One for each slot.

        Returns:
            For each slot the actions that were left for it after the labels of those before, with
            the probability that the model gave each before it learned.

        Raises:
            ModelError: A label is out of range, or VW does not take the lines.
        """
        page = _Page(lines, len(labels))
        taken: set[int] = set()
        for label in labels:
            if not (
                label.ranking
                and abs(label.cost) <= MAX_COST
                and 0.0 < label.probability <= 1.0
                and all(0 <= action < page.actions for action in label.ranking)
                and not taken.intersection(label.ranking)
            ):
                raise ModelError(f"no label: {label} of {page.actions} actions without {taken}")
            taken.add(label.ranking[0])
        return self._teach(
            page.written(
                f"{label.ranking[0]}:{label.cost:.9f}:{label.probability:.9g}"
                f" {_indices(label.ranking)}"
                for label in labels
            ),
            _decision_scores,
        )


class _Page:
    """Lines as ``vw_lines`` makes them, and which of them are of what."""

    def __init__(self, lines: Sequence[str], slots: int) -> None:
        self._lines = lines
        self._slots = slots
        self.actions = len(lines) - 1 - slots
        if not 0 < slots <= self.actions:
            raise ModelError(f"{slots} slots for {self.actions} actions")

    def written(self, labels: Iterable[str]) -> list[str]:
        """The lines with their types, and with the labels of the slots."""
        shared, *rest = self._lines
        actions, slots = rest[: self.actions], rest[self.actions :]
        return [
            f"ccb {shared}",
            *[f"ccb action {line}" for line in actions],
            *[f"ccb slot {label} {line}" for label, line in zip(labels, slots, strict=True)],
        ]


def _indices(actions: Sequence[int]) -> str:
    # VW reads a list of nothing as one of everything, and a slot without any action out of bounds.
    if not actions:
        raise ModelError("a slot has no action")
    return ",".join(map(str, actions))


def _decision_scores(first: pylibvw.example) -> list[Choice]:
    choices: list[Choice] = first.get_decision_scores()
    return choices


def _scores(choice: Choice) -> Scores:
    ranking = tuple([action for action, _ in choice])
    probabilities = tuple([probability for _, probability in choice])
    if not abs(sum(probabilities) - 1.0) < TOLERANCE:
        raise ModelError(f"{len(ranking)} actions got the probabilities {probabilities}")
    return Scores(ranking, probabilities)
