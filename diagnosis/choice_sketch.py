"""Counting what calls had to choose from, how their choices were drawn, and what they earned."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from diagnosis.feature_sketch import Distinct
from diagnosis.gain import Gain
from diagnosis.leaves import Leaf, leaves
from diagnosis.profile import (
    ActionsProfile,
    FavouriteProfile,
    PerformanceProfile,
    PropensityProfile,
)
from loop.events import LearningMode, Micros
from loop.features import JsonObject
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent

ID_NAMESPACE = "i"
"""Where the service puts the id of an action."""

NEWEST = 200
_MOST_IDS = 2000
_MOST_FAVOURITES = 1000
_CLOSE = 1e-5  # VW's probabilities have single precision


@dataclass(frozen=True, slots=True)
class Choice:
    """One action drawn from some: a decision's, or one slot's of a page.

    Attributes:
        ranking: As in ``Decision``, the draw first; ``probabilities`` in its order.
        baseline: Index of what the application would have shown by itself.
        reward: What came of it.
    """

    ranking: Sequence[int]
    probabilities: Sequence[float]
    baseline: int
    reward: float

    @property
    def preferred(self) -> int:
        """Index of the action with the highest probability."""
        return max(zip(self.probabilities, self.ranking, strict=True))[1]

    def is_among(self, actions: int) -> bool:
        """Whether it is one among so many actions; a log of other origin may hold anything."""
        return (
            0 < len(self.ranking) == len(self.probabilities)
            and min(self.ranking) >= 0
            and max(self.ranking) < actions
        )


def choices_of(event: Event) -> list[Choice]:
    """The choices of an event: one, or one for each slot."""
    if isinstance(event, MultiSlotEvent):
        return [
            Choice(slot.ranking, slot.probabilities, slot.baseline, outcome.reward)
            for slot, outcome in zip(event.decision.slots, event.outcomes, strict=True)
        ]
    decision = event.decision
    return [Choice(decision.ranking, decision.probabilities, 0, event.reward)]


@dataclass(slots=True)
class _Draw:
    """How one choice was drawn, where there was more than one action."""

    modelled: bool
    uniform: bool
    certain: bool
    floor: float


class ChoiceSketch:
    """How choices were drawn, and how well those did that a model has made by itself.

    Attributes:
        modelless_until: When the last choice was drawn without a model; 0 where none was.
    """

    def __init__(self) -> None:
        self._all = Counter[str]()
        self._floors = 0.0
        self._newest: deque[_Draw] = deque(maxlen=NEWEST)
        self._preferred = Counter[str]()
        self._preferences = 0
        self._contexts = Distinct(_MOST_FAVOURITES)
        self._random = Gain()
        self._baseline = Gain()
        self.modelless_until = Micros(0)

    def add(self, event: Event, ids: Sequence[str], context: tuple[Leaf, ...]) -> None:
        """Take in the choices of an event.

        Args:
            ids: Those of its actions.
            context: The features of its context.
        """
        decision = event.decision
        by_model = bool(decision.model)
        judged = (
            by_model
            and decision.mode is LearningMode.ONLINE
            and event.activated
            and not event.withheld
        )
        for choice in choices_of(event):
            if not choice.is_among(len(ids)):
                continue
            if len(choice.probabilities) > 1:
                draw = _drawn(choice, by_model)
                self._count(draw)
                if not by_model:
                    self.modelless_until = decision.time
                if by_model and not draw.uniform:
                    self._prefer(ids[choice.preferred], context)
            if judged and choice.probabilities[0] > 0:
                weight = 1 / choice.probabilities[0]
                self._random.add(weight / len(choice.probabilities), choice.reward)
                at_baseline = choice.ranking[0] == choice.baseline
                self._baseline.add(weight if at_baseline else 0.0, choice.reward)

    def _count(self, draw: _Draw) -> None:
        self._all.update(_counted(draw))
        self._floors += draw.floor
        self._newest.append(draw)

    def _prefer(self, action: str, context: tuple[Leaf, ...]) -> None:
        self._preferences += 1
        self._contexts.look(context)
        if action in self._preferred or len(self._preferred) < _MOST_FAVOURITES:
            self._preferred[action] += 1

    def propensities(self) -> PropensityProfile:
        """Those of all choices."""
        return _propensities(self._all, self._floors)

    def newest(self) -> PropensityProfile:
        """Those of the last ``NEWEST`` choices."""
        counts = Counter(what for draw in self._newest for what in _counted(draw))
        return _propensities(counts, sum(draw.floor for draw in self._newest))

    def favourite(self) -> FavouriteProfile:
        """The action that the model has preferred most often."""
        [(action, times)] = self._preferred.most_common(1) or [("", 0)]
        return FavouriteProfile(
            action=action,
            times=times,
            choices=self._preferences,
            contexts=self._contexts.count,
            actions=len(self._preferred),
        )

    def performance(self) -> PerformanceProfile:
        """What the model's choices have earned."""
        return PerformanceProfile(
            choices=self._random.n,
            reward=self._random.mean,
            random=self._random.comparison(),
            baseline=self._baseline.comparison(),
        )


def _drawn(choice: Choice, modelled: bool) -> _Draw:
    least, most = min(choice.probabilities), max(choice.probabilities)
    return _Draw(
        modelled=modelled,
        uniform=most - least < _CLOSE,
        certain=choice.probabilities[0] > 1 - _CLOSE,
        floor=least * len(choice.probabilities),
    )


def _counted(draw: _Draw) -> Iterable[str]:
    yield "choices"
    if not draw.modelled:
        yield "modelless"
    elif draw.uniform:
        yield "uniform"
    if draw.certain:
        yield "certain"


def _propensities(counts: Counter[str], floors: float) -> PropensityProfile:
    return PropensityProfile(**counts, floor=floors / counts["choices"] if counts else 0.0)


class ActionsSketch:
    """What the calls had to choose from."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._most = 0
        self._ids = Distinct(_MOST_IDS)

    def add(self, ids: Sequence[str], actions: Sequence[JsonObject], context: bool) -> None:
        """Take in a call.

        Args:
            actions: The eligible ones, as the log keeps them.
            context: Whether it has any feature of the context.
        """
        counts = self._counts
        counts["calls"] += 1
        counts["offered"] += len(actions)
        self._most = max(self._most, len(actions))
        counts["without_context"] += not context
        for action_id in ids:
            self._ids.look(action_id)
        if len(actions) < 2:
            counts["single"] += 1
            return
        own = [features_but_id(action) for action in actions]
        bare = [not any(True for _ in leaves(features)) for features in own]
        if all(bare):
            counts["bare"] += 1
            return
        looks = Counter(orjson.dumps(f) for f, none in zip(own, bare, strict=True) if not none)
        counts["twins"] += max(looks.values()) > 1
        counts["alike"] += len(looks) == 1 and not any(bare)

    def profile(self) -> ActionsProfile:
        """The counts so far."""
        return ActionsProfile(
            **self._counts, most=self._most, ids=self._ids.count, ids_looked=self._ids.looked
        )


def features_but_id(action: JsonObject) -> JsonObject:
    """What a request gave an action, without what the service adds to it of its id."""
    return {
        name: value for name, value in action.items() if name != ID_NAMESPACE and name[:1] != "_"
    }


def action_ids(actions: Sequence[JsonObject]) -> list[str]:
    """The ids of actions as the log keeps them; their places where they have none."""
    return [str(action.get("_tag", number)) for number, action in enumerate(actions)]
