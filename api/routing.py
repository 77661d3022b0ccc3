"""What a path asks for: the operation, its parameters and the loop, in every form of address.

The platform's own router takes the plain forms; ``find`` takes whatever else arrives: doubled
slashes, ``/loops/{name}/…``, event ids that hold slashes, and what nothing answers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.calls import Generation
from api.operations import OPERATIONS, Operation
from loop.errors import OperationNotAllowed, ResourceNotFound

PATH_VERSIONS = {
    "v1.0": Generation.V1_0,
    "v1.1-preview.1": Generation.V1_1,
    "v1.1-preview.2": Generation.V1_1,
    "v1.1-preview.3": Generation.V1_1,
}
QUERY_VERSION = "2022-09-01-preview"
VERSION_QUERY = "api-version"

CATCH_ALL = ("zz_catch_all", "{*path}")
"""Name and route of the function that takes what is left; the name is to sort after all others."""

# Wide enough for all versions and narrow enough to overlap no other template. The platform
# tries templates in alphabetical order of function name, whichever fits better.
_VERSION_TEMPLATE = r"{version:regex(^v1\.[01].*$)}"

_ADDRESS = re.compile(
    r"(?:loops/(?P<loop>[^/]+)/)?"
    r"(?:(?P<status>status)|personalizer/(?:(?P<version>v\d[^/]*)/)?(?P<rest>.*))",
    re.IGNORECASE | re.DOTALL,
)
_KNOWN = ", ".join(f"/personalizer/{version}/…" for version in PATH_VERSIONS)
_FORMS = f"Known are {_KNOWN} and /personalizer/…?{VERSION_QUERY}={QUERY_VERSION}."


@dataclass(frozen=True, slots=True)
class Address:
    """A path that is known.

    Attributes:
        operations: What answers there, by method.
        generation: The one that it is asked in.
        parameters: The parameters of the path, decoded.
        loop: The loop that the path names, if it names one.
    """

    operations: Mapping[str, Operation]
    generation: Generation
    parameters: Mapping[str, str]
    loop: str | None


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: re.Pattern[str]
    operations: dict[str, Operation]


def function_routes(operation: Operation) -> tuple[tuple[str, str], tuple[str, str]]:
    """The name and the route of the two functions that serve an operation.

    >>> function_routes(OPERATIONS[0])[1]
    ('rank_2022', 'personalizer/rank')
    """
    return (
        (operation.name, f"personalizer/{_VERSION_TEMPLATE}/{operation.template}"),
        (f"{operation.name}_2022", f"personalizer/{operation.template}"),
    )


def generation(path_version: str | None, query: Mapping[str, str]) -> Generation:
    """The generation that the path, or else the query, asks for.

    Raises:
        ResourceNotFound: Neither names a version that is known.
    """
    if path_version is not None:
        found = PATH_VERSIONS.get(path_version.lower())
        if found is None:
            raise ResourceNotFound(f"There is no version {_shown(path_version)}. {_FORMS}")
        return found
    version = query.get(VERSION_QUERY)
    if version is None:
        version = next((v for k, v in query.items() if k.lower() == VERSION_QUERY), None)
    if version is None:
        raise ResourceNotFound(f"The address names no version. {_FORMS}")
    if version.lower() != QUERY_VERSION:
        raise ResourceNotFound(f"There is no version {_shown(version)}. {_FORMS}")
    return Generation.V2022


def find(path: str, query: Mapping[str, str]) -> Address:
    """What answers at ``path``, which is decoded but for ``%2F``.

    Raises:
        ResourceNotFound: Nothing does, or not in that version.

    >>> find("/loops/shop//personalizer/V1.0/Events/A%2FB/Reward", {}).parameters
    {'eventId': 'A/B'}
    """
    match = _ADDRESS.fullmatch(re.sub("/{2,}", "/", path).strip("/"))
    if match is None:
        raise _nothing_at(path)
    rest = match["status"] or match["rest"]
    for route in _ROUTES:
        if found := route.pattern.fullmatch(rest):
            break
    else:
        raise _nothing_at(path)
    # /status alone is what every generation has in common.
    asked = Generation.V1_0 if match["status"] else generation(match["version"], query)
    return Address(route.operations, asked, decoded(found.groupdict()), match["loop"])


def choose(address: Address, method: str) -> Operation:
    """The operation that ``method`` asks for at a known path.

    Raises:
        OperationNotAllowed: The path has no such method.
    """
    operation = address.operations.get(method)
    if operation is None:
        raise wrong_method(method, tuple(address.operations))
    return operation


def wrong_method(method: str, allowed: tuple[str, ...]) -> OperationNotAllowed:
    """What answers a method that a path does not have."""
    return OperationNotAllowed(
        f"{_shown(method)} is not allowed here, only {', '.join(allowed)}.", allowed
    )


def decoded(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a path as the caller meant them.

    The platform decodes every escape in a path but ``%2F``.
    """
    return {
        name: value.replace("%2F", "/").replace("%2f", "/") if "%" in value else value
        for name, value in parameters.items()
        if name != "version"
    }


def _routes(operations: Iterable[Operation]) -> list[_Route]:
    by_template: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_template.setdefault(operation.template, {})[operation.method] = operation
    return [_Route(_pattern(template), found) for template, found in by_template.items()]


def _pattern(template: str) -> re.Pattern[str]:
    # An event id reaches over slashes: some front ends decode %2F before anyone else sees it.
    parts = re.split(r"\{(\w+)\}", template)
    texts = [re.escape(part) for part in parts[::2]]
    names = [f"(?P<{n}>{'.+' if n == 'eventId' else '[^/]+'})" for n in parts[1::2]]
    joined = "".join(text + name for text, name in zip(texts, [*names, ""], strict=True))
    return re.compile(joined, re.IGNORECASE | re.DOTALL)


def _nothing_at(path: str) -> ResourceNotFound:
    return ResourceNotFound(f"Nothing answers at {_shown(path)}. {_FORMS}")


def _shown(text: str) -> str:
    return f"'{text[:200]}'"


_ROUTES = _routes(OPERATIONS)
