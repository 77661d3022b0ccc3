"""Which function answers a path: ASP.NET route templates, tried in the host's order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class TemplateError(ValueError):
    """Raised for a route template that is broken, or that holds what is not supported here."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    constraint: re.Pattern[str] | None


_PARAMETER = re.compile(
    r"\{(?P<stars>\*{0,2})(?P<name>[^:?*={}/]+)(?::regex\((?P<regex>.*)\))?(?P<optional>\??)\}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Template:
    """A route template: literals, ``{name}``, ``{name?}``, ``{name:regex(…)}`` and ``{*rest}``.

    Literals match without case. A regex constraint searches without case; braces in it are
    doubled, as ASP.NET wants them. Other constraints, defaults and segments that mix text and
    parameters are refused.

    >>> template = Template.parse("personalizer/{version:regex(^v1)}/events/{eventId}/reward")
    >>> template.match("/Personalizer/V1.0/events/Abc/reward")
    {'version': 'V1.0', 'eventId': 'Abc'}
    >>> template.match("/personalizer/v2.0/events/abc/reward") is None
    True
    """

    pattern: re.Pattern[str]
    parameters: tuple[_Parameter, ...]

    @staticmethod
    def parse(text: str) -> Template:
        """Read a template.

        Raises:
            TemplateError: It is broken, or holds what is not supported.
        """
        pattern = ""
        parameters: list[_Parameter] = []
        segments = _split(text)
        for position, segment in enumerate(segments, start=1):
            if segment and "{" not in segment and "}" not in segment:
                pattern += "/" + re.escape(segment)
                continue
            match = _PARAMETER.fullmatch(segment)
            if match is None or (
                position < len(segments) and (match["stars"] or match["optional"])
            ):
                raise TemplateError(f"{segment or 'an empty segment'} is not supported in {text!r}")
            parameters.append(_Parameter(match["name"], _constraint(match["regex"], text)))
            pattern += _capture(match)
        if not pattern.endswith(_REST):
            pattern += "/?"
        flags = re.IGNORECASE | re.ASCII | re.DOTALL
        return Template(re.compile(pattern, flags), tuple(parameters))

    def match(self, path: str) -> dict[str, str] | None:
        """The values of the parameters, in the case of the request; None where nothing matches.

        A parameter that matched nothing is left out.

        Args:
            path: Decoded, from its first slash. One slash at its end makes no difference.
        """
        match = self.pattern.fullmatch(path)
        if match is None:
            return None
        values: dict[str, str] = {}
        for parameter, value in zip(self.parameters, match.groups(), strict=True):
            if value:
                if parameter.constraint is not None and not parameter.constraint.search(value):
                    return None
                values[parameter.name] = value
        return values


_REST = "(?:/(.*))?"


def _capture(match: re.Match[str]) -> str:
    if match["stars"]:
        return _REST
    return "(?:/([^/]+))?" if match["optional"] else "/([^/]+)"


def _constraint(regex: str | None, template: str) -> re.Pattern[str] | None:
    if regex is None:
        return None
    try:
        return re.compile(regex.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
    except re.error as error:
        raise TemplateError(f"a bad pattern in {template!r}: {error}") from error


def _split(text: str) -> list[str]:
    """The segments between slashes; a slash inside braces belongs to its parameter."""
    segments: list[str] = []
    depth = start = 0
    for position, character in enumerate(text):
        if character in "{}":
            depth += 1 if character == "{" else -1
        elif character == "/" and depth == 0:
            segments.append(text[start:position])
            start = position + 1
    return [*segments, text[start:]] if text else []


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """One function's address.

    Attributes:
        name: The function's name, which decides when it is tried.
        template: What paths it takes.
        methods: In upper case; None stands for every method.
        target: What the router gives back.
    """

    name: str
    template: Template
    methods: frozenset[str] | None
    target: T


class Router(Generic[T]):
    """The routes of an app, in alphabetical order of their names, ignoring case.

    The first one that takes both path and method answers; none is better than another.
    """

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        self._routes = sorted(routes, key=lambda route: route.name.casefold())

    def find(self, method: str, path: str) -> tuple[T, Mapping[str, str]] | None:
        """The target and the values of its route parameters."""
        method = method.upper()
        for route in self._routes:
            if route.methods is not None and method not in route.methods:
                continue
            values = route.template.match(path)
            if values is not None:
                return route.target, values
        return None
