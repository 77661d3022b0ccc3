"""Addresses that answers hold, made from the one that was called."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from api.calls import Call


def beneath(call: Call, name: str) -> str:
    """The address of ``name`` under what was called, in the same generation."""
    version = {key: text for key, text in call.query.items() if key.lower() == "api-version"}
    return f"{call.url.rstrip('/')}/{quote(name, safe='')}{_behind(version)}"


def with_query(call: Call, **changed: int) -> str:
    """What was called, with other parameters behind the path."""
    query = {name: text for name, text in call.query.items() if name.lower() not in changed} | {
        name: str(number) for name, number in changed.items()
    }
    return call.url + _behind(query)


def _behind(query: dict[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""
