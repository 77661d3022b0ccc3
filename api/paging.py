"""Lists in pages, as the 2022 preview has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from api.calls import Call
from api.links import with_query
from loop.errors import BadRequest
from loop.features import JsonObject, JsonValue

PAGE = 100
"""How many a page holds unless ``maxpagesize`` says otherwise."""

_MOST = 2**31 - 1

T = TypeVar("T")


def paged(call: Call, items: Sequence[T]) -> tuple[Sequence[T], str | None]:
    """The page that a call asks for, and the address of the next one if there is any.

    Args:
        items: All there are. ``skip`` leaves out the first ones, ``top`` says how many to list in
            all, ``maxpagesize`` how many at a time.

    Raises:
        BadRequest: One of them is no whole number, or too small.
    """
    skip = whole_number(call, "skip", 0, 0)
    top = whole_number(call, "top", _MOST, 0)
    size = whole_number(call, "maxpagesize", PAGE, 1)
    count = min(top, size)
    page = items[skip : skip + count]
    rest = min(top - count, len(items) - skip - count)
    if rest <= 0:
        return page, None
    following = {"skip": skip + count, "maxpagesize": size}
    if top < _MOST:
        following["top"] = top - count
    return page, with_query(call, **following)


def page_members(items: list[JsonValue], next_link: str | None) -> JsonObject:
    """The body of a page."""
    page: JsonObject = {"value": items}
    if next_link is not None:
        page["nextLink"] = next_link
    return page


def parameter(call: Call, name: str) -> str | None:
    """A parameter behind the path, by its name in any case; an empty one counts as left out."""
    for asked, text in call.query.items():
        if asked.lower() == name.lower() and text.strip():
            return text.strip()
    return None


def whole_number(call: Call, name: str, default: int, least: int) -> int:
    """A parameter that is a whole number of at least ``least``.

    Raises:
        BadRequest: It is none.
    """
    text = parameter(call, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= _MOST):
        raise BadRequest(f"{name} should be a whole number from {least} to {_MOST}.", name)
    return int(text)
