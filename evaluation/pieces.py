"""Choices as pieces of VW text, one for each feature by the name that its sender knows.

A feature is a member of an object in a request, whatever its value: ``weather`` of the plain
context (namespace ``FromUrl``), ``age`` of the object ``user`` (``user``), ``size`` of an action
(``j``) or of a slot (``slot``), or an action's ``id`` (``i``). A list of numbers is one feature.

Taken apart like this, a feature of one choice can be put in the place of the same one of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, cast

from loop.features import FeatureTree, JsonObject, JsonValue, tree_of
from loop.joined import JoinedEvent
from loop.joined_log import Event
from loop.vw_lines import vw_lines


class Feature(NamedTuple):
    """What a sender calls a feature; the namespace is empty where VW knows none either."""

    namespace: str
    name: str


CONSTANT = Feature("i", "constant")
"""What every action has, put there by the service."""

PLACE = Feature("slot", "_place")
"""Which slot of a page it is; a name with an underscore is none that a sender may use."""

Pieces = Mapping[Feature, str]
"""The pieces of one line, by feature."""


@dataclass(frozen=True, slots=True)
class TakenApart:
    """One choice: of a single-slot event, or of one slot of a page.

    Attributes:
        context: What all its actions share, the slot included.
        actions: What could be chosen: in a page, what no slot before has taken.
        chosen: Index into ``actions``.
        propensity: With what probability that was chosen.
        reward: What was observed.
    """

    context: Pieces
    actions: tuple[Pieces, ...]
    chosen: int
    propensity: float
    reward: float

    @property
    def size(self) -> int:
        """How many pieces it has."""
        return len(self.context) + sum(map(len, self.actions))

    def features(self) -> set[Feature]:
        """Those that it has a piece of, in its context or in any action."""
        return set(self.context).union(*self.actions)


class Workbench:
    """Takes events apart, and puts pieces together to the lines that VW reads.

    Within a line, pieces stand in the order that their features were first seen in. VW weighs pairs
    by it within a letter; so it does not matter which of two features was put in later.
    """

    def __init__(self) -> None:
        self._order: dict[Feature, int] = {}
        self._known: dict[tuple[Feature, type, JsonValue], str] = {}

    def take_apart(self, event: Event) -> list[TakenApart]:
        """The choices of an event.

        Raises:
            ValueError: Its features are none.
            PersonalizerError: VW could not be given them.
        """
        tree = tree_of(event.decision.features)
        context = self._pieces(
            {name: value for name, value in cast(JsonObject, tree).items() if name[:1] != "_"}
        )
        actions = [self._pieces(cast(JsonObject, action)) for action in tree["_multi"]]
        if isinstance(event, JoinedEvent):
            decision = event.decision
            chosen, propensity = decision.ranking[0], decision.probabilities[0]
            return [TakenApart(context, tuple(actions), chosen, propensity, event.reward)]
        found = []
        slots = zip(tree["_slots"], event.decision.slots, event.outcomes, strict=True)
        for place, (features, slot, outcome) in enumerate(slots):
            own = self._pieces(cast(JsonObject, features))
            own[PLACE] = f"|slot _place{place}"
            self._order.setdefault(PLACE, len(self._order))
            left = sorted(slot.ranking)
            found.append(
                TakenApart(
                    {**context, **own},
                    tuple([actions[index] for index in left]),
                    left.index(slot.ranking[0]),
                    slot.probabilities[0],
                    outcome.reward,
                )
            )
        return found

    def lines(self, context: Pieces, actions: Sequence[Pieces]) -> list[str]:
        """The shared line and one for each action, without labels."""
        shared = self.line(context)
        return [f"shared {shared}", *map(self.line, actions)]

    def line(self, pieces: Pieces) -> str:
        """One line; without any feature it still has a bar, for VW to see that it is there."""
        features = sorted(pieces, key=self._order.__getitem__)
        return " ".join([pieces[feature] for feature in features]) or "|"

    def _pieces(self, example: JsonObject) -> dict[Feature, str]:
        pieces: dict[Feature, str] = {}
        for feature, value in _features(example):
            self._order.setdefault(feature, len(self._order))
            text = self._piece(feature, value)
            if text:
                known = pieces.get(feature)
                pieces[feature] = text if known is None else f"{known} {text}"
        return pieces

    def _piece(self, feature: Feature, value: JsonValue) -> str:
        if isinstance(value, list):
            return _written(feature, value)
        key = (feature, type(value), value)  # the type, since True and 1 are equal
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _written(feature, value)
        return known


def _written(feature: Feature, value: JsonValue) -> str:
    member: JsonObject = {feature.name: value}
    alone: JsonObject = {feature.namespace: member} if feature.namespace else member
    line = vw_lines(cast(FeatureTree, {**alone, "_multi": []}))[0].removeprefix("shared ")
    return "" if line == "|" else line


def _features(example: JsonObject) -> Iterator[tuple[Feature, JsonValue]]:
    """The members that ``vw_lines`` makes features of, in its order."""
    for name, value in example.items():
        if name.startswith("_"):
            continue
        if _is_namespace(value):
            yield from _members(name, value)
        else:
            yield Feature("", name), value


def _members(namespace: str, value: JsonValue) -> Iterator[tuple[Feature, JsonValue]]:
    for members in value if isinstance(value, list) else [value]:
        if not isinstance(members, dict):
            raise ValueError(f"a list of objects in {namespace} holds something else")
        for name, member in members.items():
            if name.startswith("_"):
                continue
            if _is_namespace(member):
                yield from _members(name, member)
            else:
                yield Feature(namespace, name), member


def _is_namespace(value: JsonValue) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a choice is like with a feature that says nothing of it.

    Attributes:
        context: As of ``TakenApart``, and so are ``actions``.
    """

    feature: Feature
    context: Pieces
    actions: tuple[Pieces, ...]


def exchanged(
    choice: TakenApart, donor: Pieces, features: frozenset[Feature], random: Random
) -> list[Exchanged]:
    """A choice with one feature exchanged at a time, for each feature that this changes at all.

    Args:
        donor: The context of another choice, which features of the context are taken from. Where
            it has none, there is none.
        features: Those to exchange.
        random: Deals features of actions out anew among them.
    """
    order = list(range(len(choice.actions)))
    random.shuffle(order)
    own = set().union(*choice.actions)
    found = []
    for feature in sorted(features.intersection(own.union(choice.context, donor))):
        context = _with(choice.context, feature, donor.get(feature))
        actions = choice.actions
        if feature in own:
            dealt = [actions[place].get(feature) for place in order]
            actions = tuple(
                [
                    _with(action, feature, piece)
                    for action, piece in zip(actions, dealt, strict=True)
                ]
            )
        if context != choice.context or actions != choice.actions:
            found.append(Exchanged(feature, context, actions))
    return found


def _with(pieces: Pieces, feature: Feature, piece: str | None) -> Pieces:
    if pieces.get(feature) == piece:
        return pieces
    changed = {name: text for name, text in pieces.items() if name != feature}
    if piece is not None:
        changed[feature] = piece
    return changed
