"""What the files of infra/ declare, read from their parse trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

from tests.infra.expressions import (
    Call,
    Expression,
    Object,
    expression,
    free_names,
    literal_text,
    parts,
    text_of,
)

_PARSER = Parser(Language(tree_sitter_bicep.language()))


class BrokenSyntax(Exception):
    """Raised where a file does not parse; the text says where."""


@dataclass(frozen=True, slots=True)
class Decorators:
    """What stands above a declaration, by the functions' names."""

    calls: tuple[Call, ...] = ()

    def __contains__(self, function: str) -> bool:
        return any(call.function == function for call in self.calls)

    @property
    def description(self) -> str | None:
        """The text of ``@description``; None where there is none."""
        for call in self.calls:
            if call.function == "description":
                return literal_text(call.arguments[0])
        return None


@dataclass(frozen=True, slots=True)
class Parameter:
    """``param name type = default``."""

    name: str
    type: str
    default: Expression | None
    decorators: Decorators


@dataclass(frozen=True, slots=True)
class Variable:
    """``var name = value``."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Output:
    """``output name type = value``."""

    name: str
    type: str
    value: Expression
    decorators: Decorators


@dataclass(frozen=True, slots=True)
class Resource:
    """``resource name 'type@version' = …``; of one in a loop, ``body`` is what is repeated."""

    name: str
    type: str
    version: str
    condition: Expression | None
    over: Expression | None
    loop_names: frozenset[str]
    body: Object

    def get(self, path: str) -> Expression | None:
        """The value at a path of properties with dots between; None where there is none."""
        return _at(self.body, path)


@dataclass(frozen=True, slots=True)
class Module:
    """``module name 'path' = …``."""

    name: str
    path: str
    condition: Expression | None
    body: Object

    @property
    def parameters(self) -> Mapping[str, Expression]:
        """What the module is given, by the names of its parameters."""
        given = self.body.properties.get("params", Object({}))
        return given.properties if isinstance(given, Object) else {}


@dataclass(frozen=True)
class File:
    """One Bicep file.

    Attributes:
        path: From infra/, with slashes between.
    """

    path: str
    source: str
    parameters: Mapping[str, Parameter]
    variables: Mapping[str, Variable]
    resources: Mapping[str, Resource]
    modules: Mapping[str, Module]
    outputs: Mapping[str, Output]

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions of all declarations, those of decorators left out."""
        return tuple(self._expressions())

    @property
    def names(self) -> frozenset[str]:
        """Everything that an expression of the file may name."""
        return frozenset({*self.parameters, *self.variables, *self.resources, *self.modules})

    @property
    def decorated(self) -> tuple[tuple[str, Decorators], ...]:
        """What stands above each parameter and output, with its name."""
        return (
            *((name, parameter.decorators) for name, parameter in self.parameters.items()),
            *((name, output.decorators) for name, output in self.outputs.items()),
        )

    def parts(self) -> Iterator[Expression]:
        """Every expression of the file and all that they are made of."""
        for root in self.expressions:
            yield from parts(root)

    def module_file(self, module: Module) -> str:
        """The path from infra/ of what a module is made of."""
        return str(PurePosixPath(self.path).parent / module.path)

    def _expressions(self) -> Iterator[Expression]:
        yield from _given(parameter.default for parameter in self.parameters.values())
        yield from (variable.value for variable in self.variables.values())
        yield from (output.value for output in self.outputs.values())
        yield from _given(resource.condition for resource in self.resources.values())
        yield from _given(resource.over for resource in self.resources.values())
        yield from (resource.body for resource in self.resources.values())
        yield from _given(module.condition for module in self.modules.values())
        yield from (module.body for module in self.modules.values())


def _given(expressions: Iterable[Expression | None]) -> Iterator[Expression]:
    return (root for root in expressions if root is not None)


def names_in(resource: Resource) -> frozenset[str]:
    """The names that a resource takes from its file."""
    roots = [root for root in (resource.condition, resource.over) if root is not None]
    outside = frozenset[str]().union(*map(free_names, roots))
    return outside | (free_names(resource.body) - resource.loop_names)


def read_folder(folder: Path) -> dict[str, str]:
    """The sources of all Bicep files below a folder, by their paths from it."""
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in sorted(folder.rglob("*.bicep"))
    }


def read(path: str, source: str) -> File:
    """Parse one file.

    Raises:
        BrokenSyntax: The parser has found something that is no Bicep.
        UnknownSyntax: It holds an expression that this reader does not know.
    """
    root = _PARSER.parse(source.encode()).root_node
    for node in _walk(root):
        if node.is_error or node.is_missing:
            line, column = node.start_point
            raise BrokenSyntax(f"{path}:{line + 1}:{column + 1}: {node.type} {text_of(node)!r}")
    parameters: dict[str, Parameter] = {}
    variables: dict[str, Variable] = {}
    resources: dict[str, Resource] = {}
    modules: dict[str, Module] = {}
    outputs: dict[str, Output] = {}
    above = Decorators()
    for node in root.named_children:
        children = [child for child in node.named_children if child.type != "comment"]
        if node.type == "decorators":
            above = _decorators(node)
            continue
        if node.type == "comment":
            continue
        if node.type == "parameter_declaration":
            name, kind, *default = children
            parameters[text_of(name)] = Parameter(
                text_of(name), text_of(kind), expression(default[0]) if default else None, above
            )
        elif node.type == "variable_declaration":
            variables[text_of(children[0])] = Variable(
                text_of(children[0]), expression(children[1])
            )
        elif node.type == "output_declaration":
            name, kind, value = children
            outputs[text_of(name)] = Output(text_of(name), text_of(kind), expression(value), above)
        elif node.type == "resource_declaration":
            resources[text_of(children[0])] = _resource(children)
        elif node.type == "module_declaration":
            modules[text_of(children[0])] = _module(children)
        elif node.type not in ("metadata_declaration", "target_scope_assignment"):
            raise BrokenSyntax(f"{path}: {node.type} is not known here")
        above = Decorators()
    return File(path, source, parameters, variables, resources, modules, outputs)


def _decorators(node: Node) -> Decorators:
    calls = [expression(child.named_children[0]) for child in node.named_children]
    return Decorators(tuple(call for call in calls if isinstance(call, Call)))


def _resource(children: list[Node]) -> Resource:
    name, kind, value = children
    resource_type, _, version = (literal_text(expression(kind)) or "").partition("@")
    condition, over, loop_names, body = _guarded(value)
    return Resource(text_of(name), resource_type, version, condition, over, loop_names, body)


def _module(children: list[Node]) -> Module:
    name, path, value = children
    condition, _, _, body = _guarded(value)
    return Module(text_of(name), literal_text(expression(path)) or "", condition, body)


def _guarded(
    node: Node,
) -> tuple[Expression | None, Expression | None, frozenset[str], Object]:
    """The condition, what is gone through under which names, and the object below all that."""
    children = node.named_children
    if node.type == "if_statement":
        _, over, names, body = _guarded(children[1])
        return expression(children[0]), over, names, body
    if node.type == "for_statement":
        *loop_names, gone_through, repeated = children
        condition, _, _, body = _guarded(repeated)
        return condition, expression(gone_through), frozenset(map(text_of, loop_names)), body
    plain = expression(node)
    if not isinstance(plain, Object):
        raise BrokenSyntax(f"no object: {text_of(node)}")
    return None, None, frozenset(), plain


def _at(root: Expression | None, path: str) -> Expression | None:
    for step in path.split("."):
        if not isinstance(root, Object):
            return None
        root = root.properties.get(step)
    return root


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
