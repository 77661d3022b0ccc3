"""How answers and errors go over the wire."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from azure.functions import HttpResponse

from api.calls import JSON, Reply
from api.keys import KEY_HEADER
from loop.errors import (
    InternalServerError,
    InvalidInput,
    InvalidToken,
    IssuerUnavailable,
    OperationConflict,
    OperationNotAllowed,
    PayloadSizeExceeded,
    PermissionDenied,
    PersonalizerError,
    ResourceNotFound,
    StorageUnavailable,
    TooManyRequests,
    Unauthorized,
)

REQUEST_ID_HEADER = "apim-request-id"
ERROR_CODE_HEADER = "x-ms-error-code"

RETRY_AFTER = "1"
"""Seconds that a client should wait before it tries again."""

KEY_CHALLENGE = f'AzureApiManagementKey realm="personalizer", name="{KEY_HEADER}", type="header"'
"""What a 401 asks for."""

_BEARER = 'Bearer realm="personalizer"'
KEY_OR_TOKEN_CHALLENGE = f"{_BEARER}, {KEY_CHALLENGE}"
"""The same where tokens are taken as well."""

_STATUS: dict[type[PersonalizerError], int] = {
    InvalidInput: 400,
    Unauthorized: 401,
    PermissionDenied: 403,
    ResourceNotFound: 404,
    OperationNotAllowed: 405,
    OperationConflict: 409,
    PayloadSizeExceeded: 413,
    TooManyRequests: 429,
    InternalServerError: 500,
    StorageUnavailable: 503,
    IssuerUnavailable: 503,
}


_ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_STRICT_TRANSPORT = "max-age=31536000"


def security_headers(url: str, request: Mapping[str, str]) -> dict[str, str]:
    """What every answer carries, to guard those who get it.

    Args:
        url: Where the request was sent, as the platform saw it.
        request: The headers that it came with; a front end that ends TLS says so there.
    """
    headers = dict(_ALWAYS)
    if url.startswith("https:") or request.get("x-forwarded-proto") == "https":
        headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
    return headers


def success(reply: Reply, status: int, headers: dict[str, str]) -> HttpResponse:
    """The answer of an operation; ``headers`` go out with it."""
    if reply.file_name is not None:
        headers["Content-Disposition"] = f"attachment; filename={reply.file_name}"
    if reply.location is not None:
        headers["Location"] = reply.location
    return HttpResponse(
        reply.body, status_code=status, headers=headers, mimetype=reply.content_type
    )


def failure(error: PersonalizerError, headers: dict[str, str], challenge: str) -> HttpResponse:
    """An error in the shape that it has in every generation.

    Args:
        challenge: What to ask of a caller that has shown nothing valid.
    """
    headers[ERROR_CODE_HEADER] = error.code
    if isinstance(error, OperationNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, (StorageUnavailable, IssuerUnavailable)):
        headers["Retry-After"] = RETRY_AFTER
    elif isinstance(error, InvalidToken):
        detail = f'error="invalid_token", error_description="{error.message}"'
        headers["WWW-Authenticate"] = f"{_BEARER}, {detail}, {KEY_CHALLENGE}"
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = challenge
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
