"""From the features of a decision to the lines that VW reads.

Layout, names and hashes are those of the retired service, so that its models and logs mean the
same here::

    shared |FromUrl timeofdayAfternoon temperature:21.5 |device osios
    |i constant:1 idLatte |j typehot originbrazil

A multi-slot decision has a line for each slot behind those of the actions; what is plain in a
slot's features stands in the namespace ``slot``::

    |slot sizelarge positionleft

    string       one-hot: name and value joined
    number       the name with that weight; 0 is absent
    true         the bare name; false is absent
    null         as the string "null"
    object       a namespace named by its key alone, at any depth up to ``MAX_DEPTH``
    objects      a list of them is one such namespace
    numbers      a list of them is such a namespace with the features 0, 1, 2 …

Names that start with ``_`` are ignored. What VW's text can't hold inside a name (space, tab, line
ends, ``:``, ``|`` and NUL) becomes ``_``, so that nothing a customer sends can end a feature, a
namespace or a line.
"""

from __future__ import annotations

from typing import NoReturn, cast

from loop.errors import InvalidRankRequest, PayloadSizeExceeded
from loop.features import (
    MAX_DEPTH,
    FeatureTree,
    JsonObject,
    JsonValue,
    LoggedAction,
    LoggedSlot,
)
from loop.validation import place_of

MAX_FEATURES = 5_000
"""Features of one action, with those of the context; models weigh each of them with each."""

MAX_FEATURES_IN_ALL = 100_000
"""The same, summed over the actions, and over the slots of a page: what one decision reads. At
both limits it takes 0.2 s."""

MAX_FEATURES_IN_SLOT = 1_000
"""Features of one action, with those of the context and of one slot: for a page, models weigh
each pair several times over."""

MAX_VALUE = 1e6
"""Largest absolute value of a number; beyond it single precision and learning both suffer."""

TINY = 1e-29
"""Numbers this close to 0 count as 0: VW reads them as 0 where they have nine digits, and some of
those below 1e-37 as infinity."""


def vw_lines(tree: FeatureTree) -> list[str]:
    """The shared line, then one line for each action and for each slot, without labels.

    >>> from loop.features import Action, Slot, compose, with_slots
    >>> tree = compose([{"weather": "Sunny", "n": 0.5}], [Action("Latte", [{"hot": True}])])
    >>> vw_lines(tree)
    ['shared |FromUrl weatherSunny n:0.5', '|i constant:1 idLatte |j hot']
    >>> vw_lines(with_slots(tree, [Slot("top", [{"size": "large"}])]))[-1]
    '|slot sizelarge'

    Raises:
        InvalidRankRequest: A feature is none of what the table above names, is out of range, or
            lies too deep. The error's target is its place in the request the tree was made from,
            such as ``actions[2].features[0].tags[1]``.
        PayloadSizeExceeded: There are more features than ``MAX_FEATURES`` for one action, than
            ``MAX_FEATURES_IN_SLOT`` for one in one slot, or than ``MAX_FEATURES_IN_ALL``.
    """
    writer = _Writer(tree)
    if writer.is_ambiguous():
        writer = _Writer(_with_stand_ins(tree))
    return writer.escaped().split("\n")


_SPACE, _COLON, _BAR, _END = "\n", "\0", "\t", "\r"
"""What stands for VW's separators until everything between them has been escaped."""

_STAND_INS = {_SPACE: "\udc00", _COLON: "\udc01", _BAR: "\udc02", _END: "\udc03"}
"""What stands for those characters where a customer sends them: no valid JSON holds it."""

_TO_STAND_INS = str.maketrans(_STAND_INS)

_NO_NAME = "0"
"""How text names a feature without a name: VW hashes both to the hash of the namespace."""

_LEAST = -MAX_VALUE
_OUT_OF_RANGE = f"is no number between {_LEAST:.0f} and {MAX_VALUE:.0f}"

_Path = tuple["_Path | None", "str | int"]
"""Where something stands: where what holds it stands, and its name or index in there."""


class _Writer:
    """Writes a tree's lines with control characters for separators, and escapes all at once.

    To escape name by name costs several times as much, and this is where a decision spends most
    of its time.
    """

    def __init__(self, tree: FeatureTree) -> None:
        self._parts = ["shared"]
        self._lines: list[str] = []
        self._spaces = self._colons = self._bars = 0
        self._opened = -1
        context = self._line(cast(JsonObject, tree), None) - 1  # the word "shared"
        total = widest = 0
        for index, action in enumerate(tree["_multi"]):
            features = context + self._line(cast(JsonObject, action), ((None, "_multi"), index))
            total += features
            widest = max(widest, features)
            if features > MAX_FEATURES:
                raise PayloadSizeExceeded(
                    f"actions[{index}] and the context have {features} features together, and"
                    f" {MAX_FEATURES} is the most.",
                    f"actions[{index}]",
                )
            if total > MAX_FEATURES_IN_ALL:
                raise PayloadSizeExceeded(
                    "The actions, each with the context, have more than"
                    f" {MAX_FEATURES_IN_ALL} features.",
                    "actions",
                )
        if "_slots" in tree:
            self._write_slots(tree["_slots"], widest, total)
        self._text = _END.join(self._lines)

    def _write_slots(self, slots: list[LoggedSlot], widest: int, of_actions: int) -> None:
        """Add the lines of slots; each of them reads all of ``of_actions`` and its own with each.

        Args:
            widest: Features of the action that has most, with the context.
            of_actions: Features of all actions, each with the context.
        """
        count = len(self._lines) - 1
        total = 0
        for index, slot in enumerate(slots):
            own = self._line(cast(JsonObject, slot), ((None, "_slots"), index))
            if widest + own > MAX_FEATURES_IN_SLOT:
                raise PayloadSizeExceeded(
                    f"slots[{index}], the context and an action have {widest + own} features"
                    f" together, and {MAX_FEATURES_IN_SLOT} is the most.",
                    f"slots[{index}]",
                )
            total += of_actions + count * own
            if total > MAX_FEATURES_IN_ALL:
                raise PayloadSizeExceeded(
                    "The actions, each with the context and with every slot, have more than"
                    f" {MAX_FEATURES_IN_ALL} features.",
                    "slots",
                )

    def is_ambiguous(self) -> bool:
        """Whether a name or a value holds what stands for a separator here."""
        return (
            self._text.count(_SPACE) != self._spaces
            or self._text.count(_COLON) != self._colons
            or self._text.count(_BAR) != self._bars
            or self._text.count(_END) != len(self._lines) - 1
        )

    def escaped(self) -> str:
        """The lines as VW reads them."""
        text = self._text.replace(" ", "_").replace(":", "_").replace("|", "_")
        for stand_in in _STAND_INS.values():
            text = text.replace(stand_in, "_")
        text = text.replace(_SPACE, " ").replace(_COLON, ":").replace(_BAR, "|")
        return text.replace(_END, "\n")

    def _line(self, example: JsonObject, path: _Path | None) -> int:
        """Add an example; count its features. Without a bar VW would not see that there is one."""
        bars = self._bars
        for name, value in example.items():
            if name[:1] == "_":
                continue
            if isinstance(value, (dict, list)):
                self._namespace(name, value, (path, name), 1)
            else:
                self._open("")
                self._members("", {name: value}, path, 1)
        parts, self._parts = self._parts, []
        if len(parts) == self._opened:
            parts.pop()
            self._bars -= 1
        if self._bars == bars:
            parts.append(_BAR)
            self._bars += 1
        self._lines.append(_SPACE.join(parts))
        self._spaces += len(parts) - 1
        return len(parts) - (self._bars - bars)

    def _open(self, name: str) -> None:
        """Let what follows stand in the namespace ``name``; drop the one before if it is empty."""
        if len(self._parts) == self._opened:
            self._parts.pop()
            self._bars -= 1
        self._parts.append(_BAR + name)
        self._bars += 1
        self._opened = len(self._parts)

    def _namespace(
        self, name: str, value: JsonObject | list[JsonValue], path: _Path, depth: int
    ) -> None:
        if depth > 1 + MAX_DEPTH:  # what holds a whole request's or action's features is the first
            _refuse(path, f"is nested deeper than {MAX_DEPTH} levels")
        self._open(name)
        if isinstance(value, dict):
            self._members(name, value, path, depth)
        elif value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                if not isinstance(item, dict):
                    _refuse((path, index), f"is {_kind(item)} in a list of objects")
                self._members(name, item, (path, index), depth)
        else:
            self._numbers(value, path)

    def _members(self, space: str, members: JsonObject, path: _Path | None, depth: int) -> None:
        """Add an object's members in their order: models weigh pairs by it within a letter."""
        add = self._parts.append
        colons = 0
        for name, value in members.items():
            if "_" in name and name[0] == "_":  # cheaper than to look at the start of every name
                continue
            if isinstance(value, str):
                add(name + value or _NO_NAME)
            elif value is True:
                add(name or _NO_NAME)
            elif value is None:
                add(name + "null")
            elif isinstance(value, (float, int)):
                if not _LEAST <= value <= MAX_VALUE:
                    _refuse((path, name), _OUT_OF_RANGE)
                if value > TINY or value < -TINY:
                    add(f"{name or _NO_NAME}\0{value:.9g}")
                    colons += 1
            else:
                self._namespace(name, value, (path, name), depth + 1)
                self._open(space)
        self._colons += colons

    def _numbers(self, values: list[JsonValue], path: _Path | None) -> None:
        for index, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, (float, int)):
                _refuse((path, index), f"is {_kind(value)} in a list that may only hold numbers")
            if not _LEAST <= value <= MAX_VALUE:
                _refuse((path, index), _OUT_OF_RANGE)
            if value > TINY or value < -TINY:
                self._parts.append(f"{index}\0{value:.9g}")
                self._colons += 1


def _with_stand_ins(tree: FeatureTree) -> FeatureTree:
    tame = cast(FeatureTree, _tame(cast(JsonObject, tree)))
    tame["_multi"] = [
        cast(LoggedAction, _tame(cast(JsonObject, action))) for action in tree["_multi"]
    ]
    if "_slots" in tree:
        tame["_slots"] = [cast(LoggedSlot, _tame(cast(JsonObject, s))) for s in tree["_slots"]]
    return tame


def _tame(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.translate(_TO_STAND_INS)
    if isinstance(value, list):
        return [_tame(item) for item in value]
    if isinstance(value, dict):
        return {
            name.translate(_TO_STAND_INS): member if name[:1] == "_" else _tame(member)
            for name, member in value.items()
        }
    return value


def _refuse(path: _Path, reason: str) -> NoReturn:
    parts: list[str | int] = []
    step: _Path | None = path
    while step is not None:
        step, part = step
        parts.insert(0, part)
    if parts[0] == "_multi":
        parts[0] = "actions"
        parts[2:3] = ["features" if part == "j" else part for part in parts[2:3]]
    elif parts[0] == "_slots":
        parts[0] = "slots"
        parts[2:3] = ["features" if part == "slot" else part for part in parts[2:3]]
    elif parts[0] == "FromUrl":
        parts[0] = "contextFeatures"
    place = place_of(parts)
    raise InvalidRankRequest(f"{place} {reason}.", target=place)


def _kind(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "null" if value is None else "an object"
