"""The features of a decision: what a rank request says, and the tree that the log keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeGuard

import orjson
from pydantic import JsonValue as JsonValue

JsonObject = dict[str, JsonValue]

MAX_DEPTH = 10
"""How deep namespaces may be nested in a feature object; a list counts as one level."""


class LoggedAction(TypedDict):
    """An action as the log keeps it: its id, the id as a feature, and what the request gave it."""

    _tag: str
    i: JsonObject
    j: list[JsonObject]


class _LoggedSlotAlways(TypedDict):
    _id: str
    slot: list[JsonObject]


class LoggedSlot(_LoggedSlotAlways, total=False):
    """A slot as the log keeps it: its id, and what the request gave it.

    ``_inc`` has the indices of the actions that it may be given, where those are not all.
    """

    _inc: list[int]


class _SingleSlotTree(TypedDict):
    FromUrl: list[JsonObject]
    _multi: list[LoggedAction]


class FeatureTree(_SingleSlotTree, total=False):
    """The ``c`` member of a log line: the context, and the actions that could be chosen.

    ``_slots`` are what they could be chosen for, where there are several choices.
    """

    _slots: list[LoggedSlot]


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a rank request: its id, and its feature objects as they came."""

    id: str
    features: list[JsonObject]


def compose(context: Sequence[JsonObject], actions: Iterable[Action]) -> FeatureTree:
    """The tree that a decision is logged with.

    >>> compose([{"weather": "Sunny"}], [Action("Latte", [{"type": "hot"}])])["_multi"]
    [{'_tag': 'Latte', 'i': {'constant': 1, 'id': 'Latte'}, 'j': [{'type': 'hot'}]}]
    """
    return {
        "FromUrl": list(context),
        "_multi": [
            {"_tag": action.id, "i": {"constant": 1, "id": action.id}, "j": action.features}
            for action in actions
        ],
    }


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a multi-slot request.

    Attributes:
        features: Its feature objects as they came.
        included: Indices of the actions that it may be given; None stands for all.
    """

    id: str
    features: list[JsonObject]
    included: Sequence[int] | None = None


def with_slots(tree: FeatureTree, slots: Iterable[Slot]) -> FeatureTree:
    """The tree that a multi-slot decision is logged with.

    >>> tree = compose([], [Action("Latte", []), Action("Mocha", [])])
    >>> tree = with_slots(tree, [Slot("top", [{"size": "large"}], [1]), Slot("side", [])])
    >>> tree["_slots"]
    [{'_id': 'top', 'slot': [{'size': 'large'}], '_inc': [1]}, {'_id': 'side', 'slot': []}]
    """
    logged: list[LoggedSlot] = []
    for slot in slots:
        entry: LoggedSlot = {"_id": slot.id, "slot": slot.features}
        if slot.included is not None:
            entry["_inc"] = list(slot.included)
        logged.append(entry)
    return {**tree, "_slots": logged}


def tree_of(features: bytes) -> FeatureTree:
    """The features of a decision.

    Raises:
        ValueError: They are not what ``compose`` makes.
    """
    tree = orjson.loads(features)
    if not _is_tree(tree):
        raise ValueError("no context and actions")
    return tree


def _is_tree(tree: object) -> TypeGuard[FeatureTree]:
    if not isinstance(tree, dict) or not isinstance(tree.get("_multi"), list):
        return False
    slots = tree.get("_slots", [])
    return (
        set(map(type, tree["_multi"])) == {dict}
        and isinstance(slots, list)
        and all(isinstance(slot, dict) for slot in slots)
    )


def without_ignored(value: JsonValue, levels: int = 2 * (MAX_DEPTH + 2)) -> JsonValue:
    """``value`` without the members whose names start with ``_``, down to ``levels``.

    >>> without_ignored([{"weather": "Sunny", "_user": "u1", "device": {"_id": 3, "os": "ios"}}])
    [{'weather': 'Sunny', 'device': {'os': 'ios'}}]
    """
    if levels and isinstance(value, dict):
        return {
            name: without_ignored(member, levels - 1)
            for name, member in value.items()
            if not name.startswith("_")
        }
    if levels and isinstance(value, list):
        return [without_ignored(item, levels - 1) for item in value]
    return value
