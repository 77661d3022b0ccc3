"""Reads a file of requests as the REST Client of Visual Studio Code does, as far as ours goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import orjson

_VARIABLE = re.compile(r"^@(\w+)\s*=\s*(.*?)\s*$")
_NAME = re.compile(r"^#\s*@name\s+(\w+)\s*$")
_PLACE = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_ANSWERED = re.compile(r"(\w+)\.response\.body\.\$\.(\w+)")
_MOMENT = re.compile(r"\$datetime iso8601 (-?\d+) d")


@dataclass(frozen=True, slots=True)
class Written:
    """A request as it stands in the file, with its places to be filled in.

    Attributes:
        title: What stands behind ``###``.
        name: How later requests refer to its answer; empty where they can't.
    """

    title: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request that can be sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str


def read(text: str) -> tuple[dict[str, str], list[Written]]:
    """The file's variables, and its requests in order."""
    head, *parts = re.split(r"^###\s*", text, flags=re.M)
    variables = {
        match[1]: match[2] for line in head.splitlines() if (match := _VARIABLE.match(line))
    }
    return variables, [_written(part) for part in parts]


def fill_in(
    request: Written, variables: Mapping[str, str], answers: Mapping[str, bytes]
) -> Request:
    """The request with all places filled in, by variables and by answers to requests before it.

    Raises:
        KeyError: A place is of nothing that there is.
    """

    def value(match: re.Match[str]) -> str:
        place = match[1]
        if answered := _ANSWERED.fullmatch(place):
            return str(orjson.loads(answers[answered[1]])[answered[2]])
        if moment := _MOMENT.fullmatch(place):
            then = datetime.now(timezone.utc) + timedelta(days=int(moment[1]))
            return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return variables[place]

    return _request(request.text, lambda text: _PLACE.sub(value, text))


def _written(part: str) -> Written:
    title, _, rest = part.partition("\n")
    lines = rest.splitlines()
    names = [match[1] for line in lines if (match := _NAME.match(line))]
    text = "\n".join(line for line in lines if not line.startswith("#"))
    return Written(title.strip(), names[0] if names else "", text.strip())


def _request(text: str, filled: Callable[[str], str]) -> Request:
    head, _, body = text.partition("\n\n")
    first, *rest = filled(head).splitlines()
    method, url = first.split(" ", 1)
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return Request(method, url, headers, filled(body))
