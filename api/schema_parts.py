"""What JSON Schemas are put together from."""

from __future__ import annotations

from collections.abc import Collection

from loop.features import JsonObject, JsonValue
from rank.request import LONGEST_ID

Schema = JsonObject


def reference(name: str) -> Schema:
    """What stands where the schema ``name`` is meant.

    >>> reference("Policy")
    {'$ref': '#/components/schemas/Policy'}
    """
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(
    description: str, required: Collection[str] | None = None, /, **members: Schema
) -> Schema:
    """An object; all its members are required unless ``required`` says which."""
    schema: Schema = {"type": "object", "description": description}
    names: list[JsonValue] = [name for name in members if required is None or name in required]
    if names:
        schema["required"] = names
    schema["properties"] = dict(members)
    return schema


def array_of(items: Schema, description: str = "", **bounds: int) -> Schema:
    """A list; ``bounds`` are such as ``minItems``."""
    schema: Schema = {"type": "array", "items": items, **bounds}
    if description:
        schema["description"] = description
    return schema


def text(description: str, **more: JsonValue) -> Schema:
    """A text; ``more`` says more of it."""
    return {"type": "string", "description": description, **more}


def number(description: str, **more: JsonValue) -> Schema:
    """A number."""
    return {"type": "number", "description": description, **more}


def whole(description: str, **more: JsonValue) -> Schema:
    """A whole number."""
    return {"type": "integer", "description": description, **more}


def flag(description: str, **more: JsonValue) -> Schema:
    """true or false."""
    return {"type": "boolean", "description": description, **more}


def instant(description: str) -> Schema:
    """A date and time."""
    return text(description, format="date-time")


def duration(description: str) -> Schema:
    """A stretch of time, as requests may have it."""
    iso = "P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9.,]+S)?)?"
    clock = "([0-9]+[.])?[0-9]+:[0-9:.]+"
    return text(
        f"{description} As ISO 8601; days and clock time (`1.00:00:15`) are taken as well.",
        pattern=f"^({iso}|{clock})$",
        examples=["PT15S"],
    )


def identifier(description: str) -> Schema:
    """As a request may have it; answers have text."""
    return {
        "description": f"{description} 1 to {LONGEST_ID} characters; a number counts as its text.",
        "anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_ID}, {"type": "number"}],
    }


def nullable(schema: Schema) -> Schema:
    """The same or null; the description stays outside."""
    description = schema["description"]
    rest = {name: value for name, value in schema.items() if name != "description"}
    return {"description": description, "anyOf": [rest, {"type": "null"}]}
