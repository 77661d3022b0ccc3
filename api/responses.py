"""How answers and errors go over the wire."""

from __future__ import annotations

import orjson
from azure.functions import HttpResponse

from api.calls import JSON, Reply
from api.keys import KEY_HEADER
from loop.errors import (
    InternalServerError,
    InvalidInput,
    OperationConflict,
    OperationNotAllowed,
    PayloadSizeExceeded,
    PersonalizerError,
    ResourceNotFound,
    StorageUnavailable,
    Unauthorized,
)

REQUEST_ID_HEADER = "apim-request-id"
ERROR_CODE_HEADER = "x-ms-error-code"

RETRY_AFTER = "1"
"""Seconds that a client should wait before it tries again."""

_CHALLENGE = f'AzureApiManagementKey realm="personalizer", name="{KEY_HEADER}", type="header"'
_STATUS: dict[type[PersonalizerError], int] = {
    InvalidInput: 400,
    Unauthorized: 401,
    ResourceNotFound: 404,
    OperationNotAllowed: 405,
    OperationConflict: 409,
    PayloadSizeExceeded: 413,
    InternalServerError: 500,
    StorageUnavailable: 503,
}


def success(reply: Reply, status: int, headers: dict[str, str]) -> HttpResponse:
    """The answer of an operation; ``headers`` go out with it."""
    if reply.file_name is not None:
        headers["Content-Disposition"] = f"attachment; filename={reply.file_name}"
    if reply.location is not None:
        headers["Location"] = reply.location
    return HttpResponse(
        reply.body, status_code=status, headers=headers, mimetype=reply.content_type
    )


def failure(error: PersonalizerError, headers: dict[str, str]) -> HttpResponse:
    """An error in the shape that it has in every generation."""
    headers[ERROR_CODE_HEADER] = error.code
    if isinstance(error, OperationNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    elif isinstance(error, StorageUnavailable):
        headers["Retry-After"] = RETRY_AFTER
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = _CHALLENGE
    content = {"code": error.code, "message": error.message}
    if error.target is not None:
        content["target"] = error.target
    return HttpResponse(
        orjson.dumps({"error": content}),
        status_code=status_of(error),
        headers=headers,
        mimetype=JSON,
    )


def status_of(error: PersonalizerError) -> int:
    """The HTTP status of an error."""
    return status_of_kind(type(error))


def status_of_kind(error: type[PersonalizerError]) -> int:
    """The HTTP status of a kind of errors: its own, or that of the nearest kind above it."""
    return next(_STATUS[kind] for kind in error.__mro__ if kind in _STATUS)
