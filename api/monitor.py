"""The web page's files: the same for everybody, with and without a key."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from api.calls import Reply

_FOLDER = Path(__file__).resolve().parent.parent / "monitor"
_INDEX = "monitor/index.html"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Lets the page load what lies beside it, and call the service that it came from."""

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    """What a browser may fetch.

    Attributes:
        path: Its address, without the first slash.
        reply: Its bytes and their kind.
        tag: Its entity tag, which changes with every byte.
    """

    path: str
    reply: Reply
    tag: str


@functools.cache
def files() -> tuple[File, ...]:
    """All of them; read once, so that no path that is asked for meets the file system."""
    return tuple(_read(file) for file in sorted(_FOLDER.rglob("*")) if file.suffix in _TYPES)


def _read(file: Path) -> File:
    name = file.relative_to(_FOLDER.parent).as_posix()
    body = file.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return File("" if name == _INDEX else name, Reply(body, _TYPES[file.suffix]), tag)
