"""HTTP as the Functions host hands it to a Python function, and takes it back.

Checked against the sources of the host, of ASP.NET's routing and of Kestrel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote

import azure.functions as func

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_SLASH = re.compile(r"(%2F)", re.IGNORECASE)
_NO_BODY = frozenset({204, 304})


class MalformedTarget(ValueError):
    """Raised for a path that the host answers with 400 before any function sees it."""


def decode_path(raw: bytes) -> str:
    """Decode percent escapes once, and take out ``.`` and ``..``, as Kestrel does.

    An escaped slash stays escaped; so do bytes that are no UTF-8.

    Raises:
        MalformedTarget: The path holds an escaped NUL.

    >>> decode_path(b"/events/a%20b%2Fc%2525%FF/x/../reward")
    '/events/a b%2Fc%25%FF/reward'
    """
    path = _ESCAPES.sub(_decode_run, raw.decode("latin-1"))
    if "\0" in path:
        raise MalformedTarget
    return _without_dots(path) if "/." in path else path


def request(
    method: str,
    scheme: str,
    path: str,
    query: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    route_params: Mapping[str, str],
    body: bytes,
) -> func.HttpRequest:
    """What a function is called with.

    Names of headers and query parameters are matched without case; what is sent several times is
    joined by commas; a query parameter without a value is not passed on.

    Args:
        path: Decoded by ``decode_path``.
        query: As it was sent, without the question mark.
    """
    joined: dict[str, str] = {}
    for name, value in headers:
        _join(joined, name.decode("latin-1").lower(), value.decode("utf-8", "replace"))
    url = f"{scheme}://{joined.get('host', '')}{_uri_component(path)}"
    if query:
        url += f"?{query.decode('latin-1')}"
    return func.HttpRequest(
        method,
        url,
        headers=joined,
        params=_query_parameters(query),
        route_params=route_params,
        body=body,
    )


def response(answer: object) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of what a function returned.

    Raises:
        TypeError: It returned neither an ``HttpResponse`` nor text.
    """
    if isinstance(answer, str):
        answer = func.HttpResponse(answer)
    if not isinstance(answer, func.HttpResponse):
        raise TypeError(
            f"an HTTP function must return an HttpResponse, not {type(answer).__name__}"
        )
    body = answer.get_body()
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
    ]
    if "content-type" not in answer.headers:
        charset = f"; charset={answer.charset}" if answer.mimetype.startswith("text/") else ""
        headers.append((b"content-type", f"{answer.mimetype}{charset}".encode("latin-1")))
    if answer.status_code in _NO_BODY:
        return answer.status_code, headers, b""
    headers.append((b"content-length", str(len(body)).encode()))
    return answer.status_code, headers, body


def _decode_run(match: re.Match[str]) -> str:
    # Every second part is an escaped slash.
    return "".join(
        part if index % 2 else _decode_utf8(bytes.fromhex(part.replace("%", "")))
        for index, part in enumerate(_SLASH.split(match[0]))
    )


def _decode_utf8(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    return "".join(
        f"%{ord(character) - 0xDC00:02X}" if "\udc80" <= character <= "\udcff" else character
        for character in text
    )


def _without_dots(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _uri_component(path: str) -> str:
    lone_percents = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path)
    return quote(lone_percents, safe="/:@!$&'()*+,;=~%")


def _query_parameters(query: bytes) -> dict[str, str]:
    spelling: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1")):
        _join(values, spelling.setdefault(name.casefold(), name), value)
    return values


def _join(values: dict[str, str], name: str, value: str) -> None:
    values[name] = f"{values[name]},{value}" if name in values else value
