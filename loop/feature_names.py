"""What the features of a decision are called: by the members of the request they come from.

VW's own names join a text's name with its value and escape both; these do neither, so that an
application finds its features again: the member ``profileType`` of the object ``user`` is
``user.profileType``, whatever its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from loop.features import FeatureTree, JsonObject, JsonValue
from loop.vw_lines import TINY


def feature_names(tree: FeatureTree, action: int) -> tuple[list[str], list[str]]:
    """Names for the features of the shared line and of an action's line, in the lines' order.

    Args:
        tree: One that ``vw_lines`` takes.
        action: The index of the action.

    >>> tree: FeatureTree = {
    ...     "FromUrl": [{"user": {"profileType": "guest", "visits": [3, 0, 1]}, "hour": 9}],
    ...     "_multi": [{"_tag": "a", "i": {"constant": 1, "id": "a"}, "j": [{"hot": True}]}],
    ... }
    >>> feature_names(tree, 0)[0]
    ['user.profileType', 'visits.0', 'visits.2', 'FromUrl.hour']
    """
    shared = {name: value for name, value in tree.items() if name != "_multi"}
    return (
        list(_names_of(cast(JsonObject, shared))),
        list(_names_of(cast(JsonObject, tree["_multi"][action]))),
    )


def _names_of(example: JsonObject) -> Iterator[str]:
    for name, value in example.items():
        if not name.startswith("_"):
            yield from _namespace(name, value)


def _namespace(name: str, value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _members(name, value)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield from _members(name, item)
            elif _counts(item):
                yield f"{name}.{index}"


def _members(namespace: str, members: JsonObject) -> Iterator[str]:
    for name, value in members.items():
        if name.startswith("_"):
            continue
        if isinstance(value, (dict, list)):
            yield from _namespace(name, value)
        elif _counts(value):
            yield f"{namespace}.{name}"


def _counts(value: JsonValue) -> bool:
    """Whether the lines have a feature for it: not for false and 0."""
    return not isinstance(value, (bool, int, float)) or abs(value) > TINY
