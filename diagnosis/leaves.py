"""The features of a request one by one, with their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from loop.features import MAX_DEPTH, JsonValue

_DEEPEST = MAX_DEPTH + 2


class Leaf(NamedTuple):
    """One feature; a list of numbers is one, without a name of its own."""

    namespace: str
    name: str
    value: JsonValue


def leaves(example: Mapping[str, JsonValue]) -> Iterator[Leaf]:
    """The features of the context, of an action or of a slot, as the log keeps it.

    >>> for leaf in leaves({"FromUrl": [{"user": {"type": "guest"}, "hour": 9}], "_multi": []}):
    ...     print(*leaf)
    user type guest
    FromUrl hour 9
    """
    yield from _members("", example, 0)


def _members(namespace: str, members: Mapping[str, JsonValue], depth: int) -> Iterator[Leaf]:
    for name, value in members.items():
        if name.startswith("_"):
            continue
        if isinstance(value, dict):
            if depth < _DEEPEST:
                yield from _members(name, value, depth + 1)
        elif isinstance(value, list):
            yield from _list(name, value, depth)
        else:
            yield Leaf(namespace, name, value)


def _list(name: str, items: list[JsonValue], depth: int) -> Iterator[Leaf]:
    objects = [item for item in items if isinstance(item, dict)]
    if depth < _DEEPEST:
        for item in objects:
            yield from _members(name, item, depth + 1)
    if items and not objects:
        yield Leaf(name, "", items)
