"""What a compiler would say of the files: each rule returns what it has found, and nothing is well.

A rule knows no more of Bicep than the files of infra/ use.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from tests.infra.bicep import File, names_in
from tests.infra.expressions import (
    Array,
    Binding,
    Call,
    Condition,
    Expression,
    Literal,
    Member,
    Name,
    Object,
    Text,
    children,
    free_names,
)
from tests.infra.files import GROUP, SUBSCRIPTION, Files

_FUNCTIONS = {
    "cidrSubnet": "string",
    "empty": "bool",
    "environment": "object",
    "filter": "array",
    "guid": "string",
    "items": "array",
    "loadTextContent": "string",
    "map": "array",
    "max": "int",
    "parseCidr": "object",
    "replace": "string",
    "resourceGroup": "object",
    "split": "array",
    "string": "string",
    "subscription": "object",
    "subscriptionResourceId": "string",
    "take": "string",
    "toLower": "string",
    "trim": "string",
    "union": "object",
    "uniqueString": "string",
}
"""Functions of Bicep that the files use, and what each returns."""

_DECORATORS = {
    "allowed",
    "description",
    "maxLength",
    "maxValue",
    "metadata",
    "minLength",
    "minValue",
    "secure",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def undescribed(files: Files) -> Iterator[str]:
    """Parameters and outputs that say nothing of themselves, or no sentence."""
    for file in files.values():
        for name, decorators in file.decorated:
            if not (decorators.description or "").endswith("."):
                yield f"{file.path}: {name} has no description that is a sentence"


def unused(files: Files) -> Iterator[str]:
    """Parameters and variables that nothing comes of."""
    for file in files.values():
        used = frozenset().union(*map(free_names, file.expressions))
        for name in (*file.parameters, *file.variables):
            if name not in used:
                yield f"{file.path}: {name} is not used"


def unknown(files: Files) -> Iterator[str]:
    """Names, functions and decorators that there are not."""
    for file in files.values():
        roots = [root for root in file.expressions if not _is_body(file, root)]
        used = frozenset().union(*map(free_names, roots), *map(names_in, file.resources.values()))
        for name in sorted(used - file.names):
            yield f"{file.path}: there is no {name}"
        for part in file.parts():
            if isinstance(part, Call) and part.function not in _FUNCTIONS:
                yield f"{file.path}: there is no function {part.function}"
        for _, decorators in file.decorated:
            for call in decorators.calls:
                if call.function not in _DECORATORS:
                    yield f"{file.path}: there is no decorator {call.function}"


def versions(files: Files) -> Iterator[str]:
    """API versions that are no dates or previews, or differ within a provider's type."""
    used: dict[str, set[str]] = defaultdict(set)
    for file in files.values():
        for resource in file.resources.values():
            if not _DATE.fullmatch(resource.version):
                yield f"{file.path}: {resource.type} has the version {resource.version}"
            used["/".join(resource.type.split("/")[:2])].add(resource.version)
    for kind, dates in used.items():
        if len(dates) > 1:
            yield f"{kind} is used with {', '.join(sorted(dates))}"


def orphans(files: Files) -> Iterator[str]:
    """Resources below another one that do not name it, or name one of another type."""
    for file in files.values():
        for resource in file.resources.values():
            above, _, _ = resource.type.rpartition("/")
            if "/" not in above:
                continue
            parent = resource.get("parent")
            if not isinstance(parent, Name) or file.resources[parent.name].type != above:
                yield f"{file.path}: {resource.name} is in no {above}"


def modules(files: Files) -> Iterator[str]:
    """Modules that are not there, and parameters that are missing, unknown or of another type."""
    for file in files.values():
        for module in file.modules.values():
            target = files.get(file.module_file(module))
            if target is None:
                yield f"{file.path}: there is no file {module.path}"
                continue
            for name in module.parameters.keys() - target.parameters.keys():
                yield f"{file.path}: {module.path} has no parameter {name}"
            for name, parameter in target.parameters.items():
                if name not in module.parameters:
                    if parameter.default is None:
                        yield f"{file.path}: {module.name} is not given {name}"
                    continue
                given = _type(files, file, module.parameters[name])
                if given is not None and given != parameter.type:
                    yield f"{file.path}: {module.name} takes a {parameter.type} as {name}"
            if module.body.properties.keys() - {"name", "scope", "params", "dependsOn"}:
                yield f"{file.path}: {module.name} has an unknown property"
    reached = {
        file.module_file(module) for file in files.values() for module in file.modules.values()
    }
    for path in sorted(files.keys() - reached - {SUBSCRIPTION}):
        yield f"{path} belongs to nothing"


def outputs(files: Files) -> Iterator[str]:
    """Outputs of a module that it does not have, or that there are not always."""
    for file in files.values():
        for root in file.expressions:
            yield from _outputs(files, file, root, frozenset())


def entries(files: Files) -> Iterator[str]:
    """Differences between both ways in: what one takes, the other takes and is passed."""
    outer, inner = files[SUBSCRIPTION], files[GROUP]
    own = {"environmentName", "resourceGroupName", "location"}
    for name in sorted((outer.parameters.keys() ^ inner.parameters.keys()) - own):
        yield f"only one of {SUBSCRIPTION} and {GROUP} has {name}"
    for name in sorted((outer.parameters.keys() & inner.parameters.keys()) - own):
        if outer.parameters[name] != inner.parameters[name]:
            yield f"{name} differs between {SUBSCRIPTION} and {GROUP}"
    (module,) = outer.modules.values()
    for name in inner.parameters:
        if module.parameters.get(name) != Name(name):
            yield f"{SUBSCRIPTION} does not pass {name}"
    for name in sorted(outer.outputs.keys() ^ inner.outputs.keys()):
        yield f"only one of {SUBSCRIPTION} and {GROUP} returns {name}"


RULES = (undescribed, unused, unknown, versions, orphans, modules, outputs, entries)


def _is_body(file: File, root: Expression) -> bool:
    return any(root is resource.body for resource in file.resources.values())


def _outputs(files: Files, file: File, root: Expression, assumed: frozenset[str]) -> Iterator[str]:
    """``assumed`` are the parameters that what is around ``root`` has asked for."""
    if isinstance(root, Member) and isinstance(root.of, Member) and root.of.name == "outputs":
        module = file.modules.get(root.of.of.name) if isinstance(root.of.of, Name) else None
        if module is None:
            yield f"{file.path}: .outputs.{root.name} is of no module"
            return
        target = files.get(file.module_file(module))
        if target is not None and root.name not in target.outputs:
            yield f"{file.path}: {module.name} returns no {root.name}"
        if module.condition is not None and not free_names(module.condition) <= assumed:
            yield f"{file.path}: {module.name} is asked for {root.name} where it may not be"
        return
    if isinstance(root, Condition):
        yield from _outputs(files, file, root.test, assumed)
        yield from _outputs(files, file, root.yes, assumed | free_names(root.test))
        yield from _outputs(files, file, root.no, assumed)
        return
    for child in children(root):
        yield from _outputs(files, file, child, assumed)


def _type(files: Files, file: File, root: Expression) -> str | None:
    """The type of an expression; None where it can't be told."""
    match root:
        case Text():
            return "string"
        case Literal(bool()):
            return "bool"
        case Literal(int()):
            return "int"
        case Array() | Binding():
            return "array"
        case Object():
            return "object"
        case Call(function, _):
            return _FUNCTIONS.get(function)
        case Condition(_, yes, _):
            return _type(files, file, yes)
        case Name(name) if name in file.parameters:
            return file.parameters[name].type
        case Name(name) if name in file.variables:
            return _type(files, file, file.variables[name].value)
        case Member(Member(Name(module), "outputs"), name) if module in file.modules:
            target = files.get(file.module_file(file.modules[module]))
            output = target.outputs.get(name) if target else None
            return output.type if output else None
        case _:
            return None
