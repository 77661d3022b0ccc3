"""One VW workspace: decides, learns, shows its weights, saves and loads.

Files in the way of saving and loading are VW's doing: it only takes names of files.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, TypeVar

import pylibvw
from vowpalwabbit import Workspace

from loop.events import LoopKind

MAX_COST = 1e6
"""Largest absolute cost that is learned; single precision has no room for much more."""

TOLERANCE = 1e-3
"""How far the probabilities of one choice may be from a sum of 1."""

# VW sets 256 aside unless it is told, of 32 KB each, and makes more as it needs them.
_EXAMPLES = "8"

Hashed = dict[int, list[tuple[int, float]]]
"""The features of an example: index and value, by the first byte of their namespace."""


class ModelError(Exception):
    """Raised when VW rejects arguments, a model file or an example, or answers with nonsense.

    Args:
        reason: What VW said.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model makes of the actions of one decision.

    Attributes:
        ranking: Indices of the actions, the leader first: by falling probability, then by rising
            expected cost, then by position.
        probabilities: In the order of ``ranking``; they sum to 1, within single precision.
    """

    ranking: tuple[int, ...]
    probabilities: tuple[float, ...]


_Kind = TypeVar("_Kind", bound="VwModel")
_T = TypeVar("_T")


class VwModel:
    """What models of both kinds have in common: a workspace with its weights, for one thread.

    Args:
        arguments: VW's, exploration included. A saved model must be given the arguments it was
            learned with: VW mixes the saved ones with these, and seldom says so.
        data: A model that was saved; None starts a new one. VW checks the header of a model but
            not its weights, and reads a file that breaks off as a model with fewer of them: who
            stores models verifies their hash.

    Raises:
        ModelError: VW rejects the arguments or the data, or together they make no contextual
            bandit of this kind with exploration.
    """

    _option: ClassVar[str]
    _labels: ClassVar[int]
    _predictions: ClassVar[int]

    def __init__(self, arguments: str, data: bytes | None = None) -> None:
        self.arguments = arguments
        self._saved = data
        options = [*arguments.split(), "--quiet", "--no_stdin", "--ring_size", _EXAMPLES]
        try:
            if data is None:
                self._vw = Workspace(arg_list=options)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder, "model.vw")
                    file.write_bytes(data)
                    self._vw = Workspace(arg_list=[*options, "-i", str(file)])
        except RuntimeError as error:
            raise ModelError(str(error)) from None
        if (
            self._vw._get_label_type() != self._labels
            or self._vw._get_prediction_type() != self._predictions
        ):
            self.close()
            raise ModelError(f"they make no contextual bandit that explores ({self._option})")
        self._stride_shift: int = pylibvw.vw.get_stride(self._vw).bit_length() - 1
        self._weights_mask: int = pylibvw.vw.num_weights(self._vw) - 1

    def save(self) -> bytes:
        """The model with its full state, to go on learning from."""
        self._check_open()
        if self._saved is None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "model.vw")
                self._vw.save(file)
                self._saved = file.read_bytes()
        return self._saved

    def options(self) -> list[str]:
        """The arguments that VW runs with, those of a saved model included, by their long names."""
        self._check_open()
        return str(self._vw.get_arguments()).split()

    def close(self) -> None:
        """Free the workspace; the model is of no use afterwards."""
        self._vw.finish()

    def __enter__(self: _Kind) -> _Kind:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _parse(self, lines: Sequence[str]) -> list[pylibvw.example]:
        self._check_open()
        # Workspace.parse would strip a line end of the white space that a name may end with,
        # and wraps every example, which takes twice the time of the decision itself.
        try:
            examples: list[pylibvw.example] = pylibvw.vw._parse(self._vw, "\n".join(lines))
        except RuntimeError as error:
            raise ModelError(str(error)) from None
        if len(examples) != len(lines):
            pylibvw.vw._finish_example_multi_ex(self._vw, examples)
            raise ModelError(f"{len(lines)} lines make {len(examples)} examples")
        return examples

    def _teach(self, lines: Sequence[str], answer: Callable[[pylibvw.example], _T]) -> _T:
        """Learn from lines with labels; what ``answer`` reads of the first is from before that."""
        examples = self._parse(lines)
        self._saved = None
        try:
            pylibvw.vw.learn_multi(self._vw, examples)
            return answer(examples[0])
        except RuntimeError as error:
            raise ModelError(str(error)) from None
        finally:
            pylibvw.vw._finish_example_multi_ex(self._vw, examples)

    def _check_open(self) -> None:
        if self._vw.finished:
            raise ModelError("the model is closed")


class Model(VwModel):
    """A contextual bandit with its weights, of a single-slot loop.

    >>> with Model("--cb_explore_adf --epsilon 0.2") as model:
    ...     lines = ["shared |u old", "|i idA", "|i idB"]
    ...     before = model.learn(lines, action=1, cost=-1, probability=0.5)
    ...     scores = model.decide(lines)
    >>> before, scores.ranking, [round(p, 6) for p in scores.probabilities]
    ([0.5, 0.5], (1, 0), [0.9, 0.1])
    """

    kind: ClassVar[LoopKind] = LoopKind.SINGLE_SLOT

    _option = "--cb_explore_adf"
    _labels = pylibvw.vw.lContextualBandit
    _predictions = pylibvw.vw.pACTION_PROBS

    def decide(self, lines: Sequence[str]) -> Scores:
        """Score the actions.

        Nothing is learned by it, and as long as nothing is, ``save`` gives the same bytes.

        Args:
            lines: The shared line and then a line for each action, as ``vw_lines`` makes them.

        Raises:
            ModelError: VW does not take the lines, the probabilities are none, or a cost is no
                finite number.
        """
        probabilities, costs = self.weigh(lines)
        best_first = sorted(zip([-p for p in probabilities], costs, range(len(costs)), strict=True))
        ranking = tuple([index for _, _, index in best_first])
        return Scores(ranking, tuple([probabilities[index] for index in ranking]))

    def weigh(self, lines: Sequence[str]) -> tuple[list[float], list[float]]:
        """As ``decide``, but in the order of the actions.

        Returns:
            The probability of each action, and the cost that is expected of it; where there are
            several learners, by the first of them.

        Raises:
            ModelError: As ``decide``.
        """
        examples = self._parse(lines)
        try:
            pylibvw.vw.predict_multi(self._vw, examples)
            probabilities = _action_scores(examples[0])
            costs = [example.get_partial_prediction() for example in examples[1:]]
        except RuntimeError as error:
            raise ModelError(str(error)) from None
        finally:
            pylibvw.vw._finish_example_multi_ex(self._vw, examples)
        if len(probabilities) != len(costs) or not abs(sum(probabilities) - 1.0) < TOLERANCE:
            raise ModelError(f"{len(costs)} actions got the probabilities {probabilities}")
        if not math.isfinite(sum(costs)):  # exploration hides it: the probabilities are fine
            raise ModelError(f"{len(costs)} actions got the costs {costs}")
        return probabilities, costs

    def learn(
        self, lines: Sequence[str], action: int, cost: float, probability: float
    ) -> list[float]:
        """Learn that ``action`` was chosen with ``probability`` and then cost ``cost``.

        Args:
            lines: As for ``decide``.
            action: Its index, from 0.
            cost: The reward with its sign turned, within ±``MAX_COST``.
            probability: In (0, 1].

        Returns:
            The probability that the model gave each action before it learned, as ``decide`` does,
            but in the order of the actions.

        Raises:
            ModelError: The label is out of range, or VW does not take the lines.
        """
        if not (
            0 <= action < len(lines) - 1 and abs(cost) <= MAX_COST and 0.0 < probability <= 1.0
        ):
            raise ModelError(f"no label: action {action}, cost {cost}, probability {probability}")
        labelled = list(lines)
        labelled[1 + action] = f"0:{cost:.9f}:{probability:.9g} {labelled[1 + action]}"
        return self._teach(labelled, _action_scores)

    def features(self, lines: Sequence[str]) -> list[Hashed]:
        """What VW makes of each line: its features, and a constant in a namespace of its own.

        Args:
            lines: As for ``decide``; some of the actions are enough.

        Raises:
            ModelError: VW does not take the lines.
        """
        examples = self._parse(lines)
        hashed: list[Hashed] = []
        for example in examples:
            namespaces = [example.namespace(i) for i in range(example.num_namespaces())]
            hashed.append(
                {
                    namespace: [
                        (example.feature(namespace, i), example.feature_weight(namespace, i))
                        for i in range(example.num_features_in(namespace))
                    ]
                    for namespace in namespaces
                }
            )
        pylibvw.vw._finish_example_multi_ex(self._vw, examples)
        return hashed

    def weight(self, index: int) -> float:
        """The weight of a feature in the cost; where there are several learners, in the first's.

        Args:
            index: As ``features`` gives it, or combined of several as VW combines them.
        """
        self._check_open()
        place = (index >> self._stride_shift) & self._weights_mask
        return float(pylibvw.vw.get_weight(self._vw, place, 0))


def _action_scores(first: pylibvw.example) -> list[float]:
    scores: list[float] = first.get_action_scores()
    return scores
