"""Expressions of Bicep as values: what a declaration says, without the parse tree around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tree_sitter import Node

Value: TypeAlias = str | int | bool | None
"""What the simple expressions of defaults and settings come to."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a boolean or null."""

    value: int | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    """A string: pieces of text, and between them what is put in."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter, variable, resource or module, or what a loop or a lambda goes through."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """``of.name``."""

    of: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``of[at]``."""

    of: Expression
    at: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function of Bicep."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """``[…]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """``{…}``, by the text of its keys."""

    properties: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class Condition:
    """``test ? yes : no``."""

    test: Expression
    yes: Expression
    no: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    """One or two operands and what is between or before them."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """A loop or a lambda: names that stand for something else within ``body``."""

    names: frozenset[str]
    over: Expression | None
    body: Expression


Expression: TypeAlias = (
    Literal | Text | Name | Member | Index | Call | Array | Object | Condition | Operation | Binding
)


class UnknownSyntax(Exception):
    """Raised for what the files of infra/ have no need of; the text shows it."""


def expression(node: Node) -> Expression:
    """The expression at a node of the parse tree.

    Raises:
        UnknownSyntax: It is none that is known here.
    """
    children = node.named_children
    match node.type:
        case "number":
            return Literal(int(text_of(node)))
        case "boolean":
            return Literal(text_of(node) == "true")
        case "null":
            return Literal(None)
        case "string":
            return _string(node)
        case "identifier":
            return Name(text_of(node))
        case "member_expression":
            return Member(expression(children[0]), text_of(children[-1]))
        case "subscript_expression":
            return Index(expression(children[0]), expression(children[1]))
        case "call_expression":
            arguments = children[1].named_children
            return Call(text_of(children[0]), tuple(expression(child) for child in arguments))
        case "array":
            return Array(tuple(expression(child) for child in children if child.type != "comment"))
        case "object":
            return object_of(node)
        case "ternary_expression":
            test, yes, no = (expression(child) for child in children)
            return Condition(test, yes, no)
        case "unary_expression" | "binary_expression":
            operator = next(text_of(child) for child in node.children if not child.is_named)
            return Operation(operator, tuple(expression(child) for child in children))
        case "parenthesized_expression":
            return expression(children[0])
        case "for_statement":
            *names, over, body = children
            return Binding(frozenset(map(text_of, names)), expression(over), expression(body))
        case "lambda_expression":
            *names, body = children
            return Binding(frozenset(map(text_of, names)), None, expression(body))
        case _:
            raise UnknownSyntax(f"{node.type}: {text_of(node)}")


def object_of(node: Node) -> Object:
    """The object at a node of the parse tree."""
    properties = [child for child in node.named_children if child.type == "object_property"]
    return Object(
        {
            _key(key): expression(value)
            for key, value in (child.named_children for child in properties)
        }
    )


def parts(root: Expression) -> Iterator[Expression]:
    """An expression and all that it is made of."""
    yield root
    for child in children(root):
        yield from parts(child)


def free_names(root: Expression) -> frozenset[str]:
    """The names that an expression takes from its file.

    >>> free_names(Binding(frozenset({"x"}), Name("all"), Member(Name("x"), "key")))
    frozenset({'all'})
    """
    if isinstance(root, Name):
        return frozenset({root.name})
    if isinstance(root, Binding):
        over = frozenset[str]() if root.over is None else free_names(root.over)
        return over | (free_names(root.body) - root.names)
    return frozenset().union(*map(free_names, children(root)))


def literal_text(root: Expression | None) -> str | None:
    """The text of a string without insertions; None for anything else."""
    if not isinstance(root, Text):
        return None
    texts = [part for part in root.parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(root.parts) else None


def flat_text(root: Text) -> str:
    """The text of a string, with ``0`` for what is put in."""
    return "".join(part if isinstance(part, str) else "0" for part in root.parts)


def evaluate(root: Expression, names: Mapping[str, Value]) -> Value:
    """What an expression comes to, as far as defaults and settings need it.

    >>> evaluate(Call("string", (Name("x"),)), {"x": True})
    'True'

    Raises:
        UnknownSyntax: It takes more than is known here.
        KeyError: A name is not among ``names``.
    """
    match root:
        case Literal(value):
            return value
        case Text():
            return "".join(
                part if isinstance(part, str) else str(evaluate(part, names)) for part in root.parts
            )
        case Name(name):
            return names[name]
        case Call("string", (argument,)):
            # A boolean becomes True or False, as the platform writes it.
            return str(evaluate(argument, names))
        case Call("empty", (argument,)):
            return not evaluate(argument, names)
        case Condition(test, yes, no):
            return evaluate(yes if evaluate(test, names) else no, names)
        case Operation("!", (operand,)):
            return not evaluate(operand, names)
        case Operation("&&", (left, right)):
            return bool(evaluate(left, names)) and bool(evaluate(right, names))
        case Operation("==", (left, right)):
            return evaluate(left, names) == evaluate(right, names)
        case _:
            raise UnknownSyntax(repr(root))


def text_of(node: Node) -> str:
    """What the file says at a node."""
    return (node.text or b"").decode()


def children(root: Expression) -> tuple[Expression, ...]:
    """What an expression is made of, one step down."""
    match root:
        case Text(pieces):
            return tuple(part for part in pieces if not isinstance(part, str))
        case Member(of, _):
            return (of,)
        case Index(of, at):
            return (of, at)
        case Call(_, arguments):
            return arguments
        case Array(items):
            return items
        case Object(properties):
            return tuple(properties.values())
        case Condition(test, yes, no):
            return (test, yes, no)
        case Operation(_, operands):
            return operands
        case Binding(_, over, body):
            return (body,) if over is None else (over, body)
        case _:
            return ()


def _string(node: Node) -> Text:
    if text_of(node).strip().startswith("'''"):
        return Text(tuple(text_of(child) for child in node.named_children))
    pieces: list[str | Expression] = []
    whole = node.text or b""
    at = whole.index(b"'") + 1
    for child in node.named_children:
        # The parser counts spaces to no node, or to the token after them.
        start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
        pieces.append(whole[at:start].decode())
        at = end
        if child.type == "interpolation":
            pieces += [text_of(child).partition("${")[0], expression(child.named_children[0])]
        elif child.type == "escape_sequence":
            pieces.append(text_of(child).removeprefix("\\"))
        else:
            pieces.append(text_of(child))
    pieces.append(whole[at:-1].decode())
    return Text(tuple(piece for piece in pieces if piece != ""))


def _key(node: Node) -> str:
    if node.type == "string":
        return flat_text(_string(node))
    return text_of(node)
