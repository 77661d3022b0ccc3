"""The web page's files: the same for everybody, with and without a key."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from api.calls import Reply

_FOLDER = Path(__file__).resolve().parent.parent / "monitor"
_INDEX = "monitor/index.html"
_VERSIONED = re.compile(r"\bmonitor/[0-9a-f]{16}\b")

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
    """All of them; read once, so that no path that is asked for meets the file system.

    The index refers to the others by addresses in ``folder()``.
    """
    bodies = {
        file.relative_to(_FOLDER.parent).as_posix(): file.read_bytes()
        for file in sorted(_FOLDER.rglob("*"))
        if file.suffix in _TYPES
    }
    folder = f'"{_folder(bodies)}/'.encode()
    bodies[_INDEX] = bodies[_INDEX].replace(b'"monitor/', folder)
    return tuple([_file(name, body) for name, body in bodies.items()])


@functools.cache
def folder() -> str:
    """Where the files but the index lie as they are now: another address if one of them changes."""
    [index] = [file for file in files() if not file.path]
    found = _VERSIONED.search(index.reply.body.decode())
    assert found is not None, "the index refers to files"
    return found[0]


def unversioned(path: str) -> str:
    """The address of a file in whatever version is there now.

    Whoever has an older index asks for files of its version, until it is loaded anew; and while an
    upgrade spreads, an instance may be asked for files of a newer one.

    >>> unversioned("monitor/0123456789abcdef/views/setup.js"), unversioned("docs")
    ('monitor/views/setup.js', 'docs')
    """
    return _VERSIONED.sub("monitor", path, count=1)


def _folder(bodies: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(b"%d %b %d " % (len(name), name.encode(), len(body)) + body)
    return f"monitor/{digest.hexdigest()[:16]}"


def _file(name: str, body: bytes) -> File:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    kind = _TYPES[Path(name).suffix]
    return File("" if name == _INDEX else name, Reply(body, kind), tag)
