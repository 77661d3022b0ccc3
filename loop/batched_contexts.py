"""The contexts of decisions in a batch: JSON with its actions, some of which it shares with others.

Its layout is the client's own, one that VW reads; it is bounded and tried here like the features of
a rank call.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import orjson

from loop.batches import Allowance, BatchedEvent, refuse
from loop.errors import InvalidRankRequest, InvalidRequest, PayloadSizeExceeded
from loop.features import FeatureTree, JsonObject, JsonValue, without_ignored
from loop.flatbuffer import Field, Table
from loop.vw_lines import vw_lines

MAX_ACTIONS = 50
MAX_SLOTS = 50

MAX_CONTEXT_BYTES = 1024 * 1024
"""Most bytes of one context, with the actions that it shares."""

_SHARED = "__aid"
"""The member of an action that names what stands for it in the ``DedupInfo`` of the batch."""

_IDS = Field(0, "payload.ids")
_VALUES = Field(1, "payload.values")


class Context(NamedTuple):
    """What a context holds that no model ignores.

    Attributes:
        members: Namespaces and features that all actions have in common.
        actions: 1 to 50, in full.
        slots: As many as there are; none of a single-slot decision.
    """

    members: JsonObject
    actions: list[JsonObject]
    slots: list[JsonObject]


class Contexts:
    """Reads the contexts of one batch.

    Args:
        allowance: A shared action is taken off it wherever it stands.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._shared: dict[int, str] = {}

    def share(self, event: BatchedEvent) -> None:
        """Take in a ``DedupInfo``: actions that later events refer to.

        Raises:
            InvalidRequest: It has not as many ids as actions.
        """
        info = Table.root(event.payload)
        ids, values = info.uint64s(_IDS), list(info.texts(_VALUES))
        if len(ids) != len(values):
            refuse(f"{event.place}.payload", f"has {len(ids)} ids and {len(values)} values")
        self._shared.update(zip(ids, values, strict=True))

    def read(self, text: bytes, place: str) -> Context:
        """Read a context.

        Args:
            place: Where it is in the batch.

        Raises:
            InvalidRequest: It is no JSON object with actions, and slots where it has any.
            PayloadSizeExceeded: It has too many bytes.
        """
        document = _json(text)
        if not isinstance(document, dict):
            refuse(place, "is no JSON object")
        found = document.get("_multi")
        if not isinstance(found, list) or not 0 < len(found) <= MAX_ACTIONS:
            refuse(f"{place}._multi", f"is no list of 1 to {MAX_ACTIONS} actions")
        size = len(text)
        actions = []
        for index, item in enumerate(found):
            action_place = f"{place}._multi[{index}]"
            if isinstance(item, dict) and _SHARED in item:
                shared = self._named(item[_SHARED], action_place)
                size += len(shared)
                self._allowance.spend(len(shared), action_place)
                item = _json(shared)
            if size > MAX_CONTEXT_BYTES:
                raise PayloadSizeExceeded(
                    f"{place} has more than {MAX_CONTEXT_BYTES} bytes.", place
                )
            if not isinstance(item, dict):
                refuse(action_place, "is no JSON object")
            actions.append(_action(item))
        slots = _slots(document.get("_slots", []), f"{place}._slots")
        return Context(_without_ignored(document), actions, slots)

    def _named(self, name: JsonValue, place: str) -> str:
        shared = self._shared.get(name) if isinstance(name, int) else None
        if shared is None:
            refuse(f"{place}.{_SHARED}", "names no action of the batch")
        return shared


def single_slot_tree(context: Context, place: str) -> FeatureTree:
    """What a single-slot decision is logged with; slots are ignored.

    Raises:
        InvalidRequest: It has features that can't be learned from.
        PayloadSizeExceeded: It has too many.
    """
    return _tried(cast(FeatureTree, {**context.members, "_multi": context.actions}), place)


def multi_slot_tree(context: Context, place: str) -> FeatureTree:
    """What a multi-slot decision is logged with.

    Raises:
        InvalidRequest: It has features that can't be learned from.
        PayloadSizeExceeded: It has too many.
    """
    slots = {"_multi": context.actions, "_slots": context.slots}
    return _tried(cast(FeatureTree, {**context.members, **slots}), place)


def _tried(tree: FeatureTree, place: str) -> FeatureTree:
    try:
        vw_lines(tree)
    except InvalidRankRequest as error:
        raise InvalidRequest(f"{place}.{error.message}", f"{place}.{error.target}") from None
    except PayloadSizeExceeded as error:
        raise PayloadSizeExceeded(f"{place}: {error.message}", place) from None
    return tree


def _slots(found: JsonValue, place: str) -> list[JsonObject]:
    if not isinstance(found, list) or len(found) > MAX_SLOTS:
        refuse(place, f"is no list of up to {MAX_SLOTS} slots")
    slots = []
    for index, slot in enumerate(found):
        if not isinstance(slot, dict):
            refuse(f"{place}[{index}]", "is no JSON object")
        slots.append(_without_ignored(slot))
    return slots


def _action(action: JsonObject) -> JsonObject:
    tag = action.get("_tag")
    named: JsonObject = {"_tag": tag} if isinstance(tag, str) else {}
    return named | _without_ignored(action)


def _without_ignored(members: JsonObject) -> JsonObject:
    return cast(JsonObject, without_ignored(members))


def _json(text: bytes | str) -> JsonValue:
    """What JSON says; null where it is none."""
    try:
        value: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value
