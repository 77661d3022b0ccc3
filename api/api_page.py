"""The API's document as a page to read: plain HTML, without scripts and without other hosts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from loop.features import JsonObject, JsonValue

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; }
section { border-top: 1px solid #8884; padding: .5rem 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
pre { background: #8881; padding: .75rem; overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; }
th { font-weight: 600; border-bottom: 1px solid #8884; }
.method { font-weight: 700; }
.optional { opacity: .7; }"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""Lets the page have its own style, and nothing else."""

_SHAPES = "#/components/schemas/"
_CODE = re.compile(r"`([^`]+)`")


def render(document: JsonObject) -> str:
    """The page of a document that ``api.openapi`` makes.

    Each operation stands there once, with both of its addresses.
    """
    info, components = _part(document, "info"), _part(document, "components")
    operations = _operations(document)
    areas = [(str(tag["name"]), str(tag["description"])) for tag in _parts(document, "tags")]
    body: list[str] = [f"<h1>{_escaped(info['title'])}</h1>"]
    body += [f"<p>{_prose(text)}</p>" for text in str(info["description"]).split("\n\n")]
    body.append('<p>As an <a href="/openapi.json">OpenAPI document</a>.</p><nav><ul>')
    body += [f'<li><a href="#{_escaped(name)}">{_escaped(name)}</a></li>' for name, _ in areas]
    body.append('<li><a href="#shapes">Shapes</a></li></ul></nav>')
    for name, text in areas:
        body.append(f'<h2 id="{_escaped(name)}">{_escaped(name)}</h2><p>{_prose(text)}</p>')
        for operation in operations:
            if operation.area == name:
                body += _operation(operation, _part(components, "responses"))
    body.append('<h2 id="shapes">Shapes</h2>')
    for name, schema in _part(components, "schemas").items():
        body += _shape(name, cast(JsonObject, schema))
    title = _escaped(info["title"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


@dataclass(slots=True)
class _Operation:
    """An operation with all addresses that it has in the document."""

    method: str
    entries: list[JsonObject] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    @property
    def entry(self) -> JsonObject:
        """What stands at the first address; only bodies may differ at others."""
        return self.entries[0]

    @property
    def area(self) -> str:
        return str(cast("list[JsonValue]", self.entry["tags"])[0])


def _operations(document: JsonObject) -> list[_Operation]:
    found: dict[tuple[str, str], _Operation] = {}
    for path, methods in _part(document, "paths").items():
        for method, entry in cast("dict[str, JsonObject]", methods).items():
            template = path.split("/personalizer/")[-1].removeprefix("{version}/")
            operation = found.setdefault((method, template), _Operation(method.upper()))
            query = [
                f"{parameter['name']}={cast('list[JsonValue]', schema['enum'])[0]}"
                for parameter in _parts(entry, "parameters")
                if parameter["in"] == "query"
                and parameter["required"]
                and "enum" in (schema := _part(parameter, "schema"))
            ]
            operation.entries.append(entry)
            operation.addresses.append(path + ("?" + "&".join(query) if query else ""))
    return list(found.values())


def _operation(operation: _Operation, shared: JsonObject) -> Iterator[str]:
    entry = operation.entry
    yield f'<section id="{_escaped(entry["operationId"])}"><h3>{_prose(str(entry["summary"]))}</h3>'
    yield (
        "<p>"
        + "<br>".join(
            f'<code><span class="method">{operation.method}</span> {_escaped(address)}</code>'
            for address in operation.addresses
        )
        + "</p>"
    )
    if "description" in entry:
        yield f"<p>{_prose(str(entry['description']))}</p>"
    parameters = [
        (_name(parameter, bool(parameter["required"])), *_described(_part(parameter, "schema")))
        for parameter in _parts(entry, "parameters")
    ]
    yield from _table(("Parameter", "Type", ""), parameters)
    if "requestBody" in entry:
        bodies = [_body(_part(each, "requestBody")) for each in operation.entries]
        yield f"<p>Body: {', or at the second address '.join(dict.fromkeys(bodies))}</p>"
        yield from _examples(_part(entry, "requestBody"))
    answers = []
    for status, answer in _part(entry, "responses").items():
        found = cast(JsonObject, answer)
        if "$ref" in found:
            found = cast(JsonObject, shared[status])
        codes = ", ".join(f"<code>{_escaped(code)}</code>" for code in _codes(found))
        answers.append((status, codes or _body(found), _prose(str(found["description"]))))
    yield from _table(("Status", "Answer", ""), answers)
    yield "</section>"


def _body(holder: JsonObject) -> str:
    """What a request or an answer carries."""
    texts = [
        _type(shape)
        if (shape := _part(cast(JsonObject, body), "schema"))
        else f"<code>{_escaped(media_type)}</code>"
        for media_type, body in _part(holder, "content").items()
    ]
    return " or ".join(texts) or "nothing"


def _examples(holder: JsonObject) -> Iterator[str]:
    for body in _part(holder, "content").values():
        example = cast(JsonObject, body).get("example")
        if example is not None:
            text = html.escape(json.dumps(example, indent=2, ensure_ascii=False))
            yield f"<details><summary>Example</summary><pre>{text}</pre></details>"


def _codes(answer: JsonObject) -> Sequence[JsonValue]:
    """The codes of an error: the second part of its schema says which there can be."""
    for body in _part(answer, "content").values():
        for part in _parts(_part(cast(JsonObject, body), "schema"), "allOf"):
            code = _part(_part(_part(_part(part, "properties"), "error"), "properties"), "code")
            if "enum" in code:
                return cast("list[JsonValue]", code["enum"])
    return []


def _shape(name: str, schema: JsonObject) -> Iterator[str]:
    yield f'<section id="{_escaped(name)}"><h3><code>{_escaped(name)}</code></h3>'
    yield f"<p>{_prose(str(schema.get('description', '')))}</p>"
    for part in _parts(schema, "allOf"):
        if "$ref" in part:
            yield f"<p>As {_type(part)}.</p>"
        elif "required" in part:
            needed = cast("list[JsonValue]", part["required"])
            names = ", ".join(f"<code>{_escaped(each)}</code>" for each in needed)
            yield f"<p>Required: {names}.</p>"
    yield from _table(("Member", "Type", ""), _members(schema))
    for example in cast("list[JsonValue]", schema.get("examples", [])):
        yield f"<pre>{html.escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
    yield "</section>"


def _members(schema: JsonObject, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    required = cast("list[JsonValue]", schema.get("required", []))
    for name, value in _part(schema, "properties").items():
        member = cast(JsonObject, value)
        shown: JsonObject = {"name": f"{prefix}{name}"}
        yield (_name(shown, name in required), *_described(member))
        yield from _members(member, f"{prefix}{name}.")


def _name(named: JsonObject, required: bool) -> str:
    text = f"<code>{_escaped(named['name'])}</code>"
    return text if required else f'{text} <span class="optional">optional</span>'


def _described(schema: JsonObject) -> tuple[str, str]:
    return _type(schema), _prose(str(schema.get("description", "")))


def _type(schema: JsonObject) -> str:
    if "$ref" in schema:
        name = _escaped(str(schema["$ref"]).removeprefix(_SHAPES))
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in _parts(schema, "anyOf")))
    if "enum" in schema:
        values = cast("list[JsonValue]", schema["enum"])
        return ", ".join(f"<code>{_escaped(value)}</code>" for value in values)
    kind = _escaped(schema.get("type", "anything"))
    if kind == "array":
        return f"array of {_type(_part(schema, 'items'))}{_bounds(schema, 'Items')}"
    return f"{kind}{_bounds(schema, 'Length')}{_range(schema)}"


def _bounds(schema: JsonObject, of: str) -> str:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    if most is None:
        return ""
    return f", {least} to {most}" if least is not None else f", up to {most}"


def _range(schema: JsonObject) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return ""
    return f", from {least}" if most is None else f", {least} to {most}"


def _table(heads: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    found = list(rows)
    if found:
        yield "<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"
        for row in found:
            yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        yield "</table>"


def _prose(text: str) -> str:
    """Escaped text, with code where it says so by backticks."""
    return _CODE.sub(r"<code>\1</code>", html.escape(text, quote=False))


def _escaped(value: JsonValue) -> str:
    return html.escape(str(value))


def _part(holder: JsonObject, name: str) -> JsonObject:
    return cast(JsonObject, holder.get(name, {}))


def _parts(holder: JsonObject, name: str) -> list[JsonObject]:
    return cast("list[JsonObject]", holder.get(name, []))
