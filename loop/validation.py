"""From the bytes of a request to a checked model, or to an error that names the place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from loop.errors import InvalidInput

_Request = TypeVar("_Request", bound=BaseModel)

_LONGEST_VALUE = 40

_OBJECT = "Input should be an object"
_IN_TERMS_OF_JSON = {"model_type": _OBJECT, "is_instance_of": _OBJECT, "dict_type": _OBJECT}
"""Instead of messages that speak of Python."""


def parse(model: type[_Request], body: bytes, error: type[InvalidInput]) -> _Request:
    """Read a JSON object of UTF-8 into ``model``; members it does not know are ignored.

    Raises:
        InvalidInput: An ``error``, whose target is the place of the first thing that is wrong,
            such as ``actions[1].id``. Of two members with one name the last counts.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as reason:
        raise error(f"The body is no JSON: {reason}.") from None
    if not isinstance(content, dict):
        raise error("The body should be a JSON object.")
    try:
        return model.model_validate(content)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False)[0]
    place = place_of(first["loc"])
    message = _IN_TERMS_OF_JSON.get(first["type"], first["msg"])
    if place:
        message = f"{place}: {message}"
    value = first["input"]
    if isinstance(value, (str, int, float)):
        shown = str(value)
        if len(shown) > _LONGEST_VALUE:
            shown = shown[:_LONGEST_VALUE] + "…"
        message += f" (it is '{shown}')"
    raise error(f"{message}.", place or None)


def place_of(location: Sequence[str | int]) -> str:
    """A location within a document as a caller would write it.

    >>> place_of(("actions", 2, "features", 0, "tags", 1))
    'actions[2].features[0].tags[1]'
    """
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{part}" if place else part
    return place
