"""The API's document, in OpenAPI 3.1: made out of the operation table and its documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping

from api.description import Content, Description
from api.documentation import AREAS, HEALTH, PATH_PARAMETERS
from api.keys import KEY_HEADER
from api.operations import Operation
from api.probes import PROBES
from api.responses import ERROR_CODE_HEADER, REQUEST_ID_HEADER, status_of_kind
from api.routing import PATH_VERSIONS, QUERY_VERSION, VERSION_QUERY, function_routes
from api.schema_parts import Schema, reference
from api.schemas import SCHEMAS
from loop.errors import (
    InternalServerError,
    IssuerUnavailable,
    PayloadSizeExceeded,
    PermissionDenied,
    PersonalizerError,
    ResourceNotFound,
    StorageUnavailable,
    TooManyRequests,
    Unauthorized,
)
from loop.features import JsonObject, JsonValue

_BYTES = "application/octet-stream"
_JSON = "application/json"

_EVERYWHERE = (
    Unauthorized,
    PermissionDenied,
    ResourceNotFound,
    PayloadSizeExceeded,
    TooManyRequests,
    InternalServerError,
    StorageUnavailable,
    IssuerUnavailable,
)
"""The errors that every operation may answer."""

_MEANINGS = {
    400: "The request breaks a rule, which the message names.",
    401: "The key, or the token, is missing or wrong.",
    403: "A client key does not open this, or whom the token names may not call it.",
    404: "Nothing answers here, or not in this version.",
    409: "It can't be done as things stand.",
    413: "The body is too large.",
    429: "The caller has used up its calls; try again after so many seconds.",
    500: "A defect of the service; the message holds the request id.",
    503: "Storage, or the issuer of tokens, did not answer in time; try again.",
}

_KEY, _CLIENT_KEY, _TOKEN = "key", "clientKey", "token"
_SECURITY: list[JsonValue] = [{_KEY: []}, {_TOKEN: []}]
_FOR_CLIENTS = "Client keys open this."

_HEADERS: JsonObject = {REQUEST_ID_HEADER: {"$ref": "#/components/headers/requestId"}}

_ABOUT = f"""\
A learning loop that picks the best action for each context and learns from rewards: the API of the
retired Azure AI Personalizer. Every operation answers in every version, on the same data.

The key in the header `{KEY_HEADER}` chooses the loop; a loop has two, so that one can be
rotated. It may have client keys as well, for browsers and devices, which open rank, reward and
activate and nothing else. Where a deployment takes them, a bearer token of Entra ID stands in for a
key.

Bodies are UTF-8. Members of a request that are not listed here are ignored, and so is its
content type. A method that a path does not have is answered with 405 `OperationNotAllowed` and the
header `Allow`."""


class Undocumented(Exception):
    """Raised when operations and their documentation don't match; the text says which and where."""


def openapi(operations: Iterable[Operation], descriptions: Mapping[str, Description]) -> JsonObject:
    """The document of an operation table.

    Raises:
        Undocumented: An operation has no description, or the other way round; or one speaks of a
            path parameter that is not described.
    """
    operations = tuple(operations)
    _check(operations, descriptions)
    paths: dict[str, JsonValue] = {}
    for path, method, entry in _entries(operations, descriptions):
        methods = paths.setdefault(path, {})
        assert isinstance(methods, dict)
        methods[method] = entry
    paths.update(_probes())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Open Personalizer",
            "version": QUERY_VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {"url": "/", "description": "The loop that the key opens."},
            {
                "url": "/loops/{loop}",
                "description": "The same loop, named as well.",
                "variables": {"loop": {"default": "default"}},
            },
        ],
        "security": _SECURITY,
        "tags": [{"name": name, "description": text} for name, text in AREAS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                _KEY: {
                    "type": "apiKey",
                    "in": "header",
                    "name": KEY_HEADER,
                    "description": "One of a loop's two keys.",
                },
                _CLIENT_KEY: {
                    "type": "apiKey",
                    "in": "header",
                    "name": KEY_HEADER,
                    "description": "A key of a loop for browsers and devices.",
                },
                _TOKEN: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Of Entra ID, where the deployment takes it.",
                },
            },
            "responses": {
                str(status): _refusal(status, codes)
                for status, codes in _codes_by_status(_EVERYWHERE).items()
            },
            "headers": {
                "requestId": _header(
                    "Names this answer in the service's log.", {"type": "string", "format": "uuid"}
                ),
                "errorCode": _header("The error's code.", {"type": "string"}),
                "location": _header("Where it is.", {"type": "string", "format": "uri"}),
                "retryAfter": _header("Seconds to wait.", {"type": "string"}),
            },
        },
    }


def _check(operations: tuple[Operation, ...], descriptions: Mapping[str, Description]) -> None:
    names = {operation.name for operation in operations}
    for operation in operations:
        if operation.name not in descriptions:
            raise Undocumented(
                f"The operation '{operation.name}' ({operation.method} {operation.template}) has "
                "no description: add one to DESCRIPTIONS in api/documentation.py."
            )
        for parameter in _parameters_in(operation.template):
            if parameter not in PATH_PARAMETERS:
                raise Undocumented(
                    f"The operation '{operation.name}' has {{{parameter}}} in its path: describe "
                    "it in PATH_PARAMETERS in api/documentation.py."
                )
        if not operation.handler.__doc__:
            raise Undocumented(f"The handler of '{operation.name}' has no docstring to sum it up.")
    for name in descriptions:
        if name not in names:
            raise Undocumented(
                f"DESCRIPTIONS in api/documentation.py has '{name}', which is no operation."
            )


def _entries(
    operations: Iterable[Operation], descriptions: Mapping[str, Description]
) -> Iterator[tuple[str, str, JsonObject]]:
    """Path, method and what stands there, for both forms of address."""
    version: JsonObject = {
        "name": "version",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": [*PATH_VERSIONS]},
    }
    query_version: JsonObject = {
        "name": VERSION_QUERY,
        "in": "query",
        "required": True,
        "schema": {"type": "string", "enum": [QUERY_VERSION]},
    }
    for operation in operations:
        described = descriptions[operation.name]
        (by_path, _), (by_query, _) = function_routes(operation)
        yield (
            f"/personalizer/{{version}}/{operation.template}",
            operation.method.lower(),
            _entry(operation, described, by_path, version),
        )
        yield (
            f"/personalizer/{operation.template}",
            operation.method.lower(),
            _entry(operation, described.in_2022(), by_query, query_version),
        )


def _entry(
    operation: Operation, described: Description, name: str, version: JsonObject
) -> JsonObject:
    in_path: list[JsonValue] = [
        {"name": each, "in": "path", "required": True, "schema": PATH_PARAMETERS[each]}
        for each in _parameters_in(operation.template)
    ]
    in_query: list[JsonValue] = [
        {"name": each.name, "in": "query", "required": False, "schema": each.schema}
        for each in described.query
    ]
    entry: JsonObject = {
        "operationId": name,
        "tags": [described.area],
        "summary": (inspect.getdoc(operation.handler) or "").splitlines()[0],
        "parameters": [version, *in_path, *in_query],
        "responses": _responses(operation.status, described),
    }
    notes = described.notes
    if operation.for_clients:
        entry["security"] = [*_SECURITY, {_CLIENT_KEY: []}]
        notes = f"{notes} {_FOR_CLIENTS}".lstrip()
    if notes:
        entry["description"] = notes
    if described.request is not None:
        entry["requestBody"] = {"required": True, **_body(described.request)}
    return entry


def _probes() -> Iterator[tuple[str, JsonObject]]:
    """What is asked without a key, at the root and nowhere else."""
    for probe in PROBES:
        success: JsonObject = {"description": "Yes.", "headers": dict(_HEADERS)}
        success.update(_body(Content(probe.shape)))
        refusals = _codes_by_status((*probe.errors, InternalServerError))
        entry: JsonObject = {
            "operationId": probe.name,
            "tags": [HEALTH],
            "summary": (inspect.getdoc(probe.answer) or "").splitlines()[0],
            "servers": [{"url": "/"}],
            "security": [],
            "responses": {
                "200": success,
                **{str(status): _refusal(status, codes) for status, codes in refusals.items()},
            },
        }
        yield f"/{probe.name}", {"get": entry}


def _responses(status: int, described: Description) -> JsonObject:
    headers = dict(_HEADERS)
    if described.located:
        headers["Location"] = {"$ref": "#/components/headers/location"}
    success: JsonObject = {"description": "Done.", "headers": headers}
    if described.answer is not None:
        success.update(_body(described.answer))
        success["description"] = described.answer.description or "Done."
    responses: JsonObject = {str(status): success}
    shared = _codes_by_status(_EVERYWHERE)
    for error_status, codes in sorted(_codes_by_status((*described.errors, *_EVERYWHERE)).items()):
        responses[str(error_status)] = (
            {"$ref": f"#/components/responses/{error_status}"}
            if codes == shared.get(error_status)
            else _refusal(error_status, codes)
        )
    return responses


def _codes_by_status(errors: Iterable[type[PersonalizerError]]) -> dict[int, list[str]]:
    by_status: dict[int, list[str]] = {}
    for kind in errors:
        codes = by_status.setdefault(status_of_kind(kind), [])
        if kind.code not in codes:
            codes.append(kind.code)
    return by_status


def _refusal(status: int, codes: list[str]) -> JsonObject:
    headers: JsonObject = {
        **_HEADERS,
        ERROR_CODE_HEADER: {"$ref": "#/components/headers/errorCode"},
    }
    if status in (status_of_kind(StorageUnavailable), status_of_kind(TooManyRequests)):
        headers["Retry-After"] = {"$ref": "#/components/headers/retryAfter"}
    code: Schema = {"enum": [*codes]}
    schema: Schema = {
        "allOf": [
            reference("Error"),
            {"properties": {"error": {"type": "object", "properties": {"code": code}}}},
        ]
    }
    return {
        "description": _MEANINGS[status],
        "headers": headers,
        "content": {_JSON: {"schema": schema}},
    }


def _body(content: Content) -> JsonObject:
    media_type = _BYTES if content.schema is None else _JSON
    schema = content.schema
    shape = reference(schema) if isinstance(schema, str) else schema or {}
    body: JsonObject = {"schema": shape}
    if content.example is not None:
        body["example"] = content.example
    described: JsonObject = {"content": {media_type: body}}
    if content.description:
        described["description"] = content.description
    return described


def _header(description: str, schema: Schema) -> JsonObject:
    return {"description": description, "required": True, "schema": schema}


def _parameters_in(template: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", template)
