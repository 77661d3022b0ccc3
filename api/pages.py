"""What anybody may read without a key: the web page, the API's document and its page, the probes.

The probes say of the deployment what they must, the others nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from api import monitor
from api.api_page import CONTENT_SECURITY_POLICY, render
from api.calls import JSON, Reply
from api.documentation import DESCRIPTIONS
from api.openapi import openapi
from api.operations import OPERATIONS
from api.probes import PROBES, Open

METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Page:
    """Something to read.

    Attributes:
        name: What the platform's metrics call it.
        path: Its address, without the first slash.
        read: What is there.
        headers: What it is answered with beside the headers of every answer. Whoever has what an
            ``ETag`` among them stands for is told so, and gets nothing else.
    """

    name: str
    path: str
    read: Callable[[Open], Awaitable[Reply]]
    headers: Mapping[str, str]


@functools.cache
def _document() -> Reply:
    return Reply(orjson.dumps(openapi(OPERATIONS, DESCRIPTIONS)), JSON)


@functools.cache
def _page() -> Reply:
    return Reply(render(openapi(OPERATIONS, DESCRIPTIONS)).encode(), "text/html")


def _same_always(reply: Callable[[], Reply]) -> Callable[[Open], Awaitable[Reply]]:
    async def read(_: Open) -> Reply:
        return reply()

    return read


_ALONE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
}
"""Lets a browser show what is there, alone, and do nothing with it."""

PAGES = (
    Page("openapi_document", "openapi.json", _same_always(_document), _ALONE),
    Page(
        "api_page",
        "docs",
        _same_always(_page),
        {**_ALONE, "Content-Security-Policy": CONTENT_SECURITY_POLICY},
    ),
    *[Page(probe.name, probe.name, probe.answer, _ALONE) for probe in PROBES],
)


@functools.cache
def _monitor() -> Mapping[str, Page]:
    pages = {}
    for file in monitor.files():
        pages[file.path] = _file_page(file, file.path, "no-cache")
        if file.path:
            lasting = file.path.replace("monitor", monitor.folder(), 1)
            pages[lasting] = _file_page(file, lasting, "public, max-age=31536000, immutable")
    return pages


def _file_page(file: monitor.File, path: str, caching: str) -> Page:
    headers = {
        **_ALONE,
        "Content-Security-Policy": monitor.CONTENT_SECURITY_POLICY,
        "Cache-Control": caching,
        "ETag": file.tag,
    }
    return Page("monitor", path, _same_always(lambda: file.reply), headers)


def page_at(path: str) -> Page | None:
    """The page at an address, however it is spelt.

    >>> page_at("//Docs/").name, page_at("/nothing")
    ('api_page', None)
    """
    asked = re.sub("/{2,}", "/", path).strip("/").lower()
    if found := next((page for page in PAGES if page.path == asked), None):
        return found
    return _monitor().get(asked) or _monitor().get(monitor.unversioned(asked))
