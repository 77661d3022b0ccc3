"""What anybody may read without a key: the API's document, and the page made of it.

Neither says anything about the deployment.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from api.api_page import CONTENT_SECURITY_POLICY, render
from api.calls import JSON, Reply
from api.documentation import DESCRIPTIONS
from api.openapi import openapi
from api.operations import OPERATIONS

METHOD = "GET"


@dataclass(frozen=True, slots=True)
class Page:
    """Something to read.

    Attributes:
        name: What the platform's metrics call it.
        path: Its address, without the first slash.
        read: What is there; the same each time.
        headers: What it is answered with beside the headers of every answer.
    """

    name: str
    path: str
    read: Callable[[], Reply]
    headers: Mapping[str, str]


@functools.cache
def _document() -> Reply:
    return Reply(orjson.dumps(openapi(OPERATIONS, DESCRIPTIONS)), JSON)


@functools.cache
def _page() -> Reply:
    return Reply(render(openapi(OPERATIONS, DESCRIPTIONS)).encode(), "text/html")


_NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}

PAGES = (
    Page("openapi_document", "openapi.json", _document, _NO_SNIFFING),
    Page(
        "api_page",
        "docs",
        _page,
        {
            **_NO_SNIFFING,
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Referrer-Policy": "no-referrer",
        },
    ),
)


def page_at(path: str) -> Page | None:
    """The page at an address, however it is spelt.

    >>> page_at("//Docs/").name, page_at("/nothing")
    ('api_page', None)
    """
    asked = re.sub("/{2,}", "/", path).strip("/").lower()
    return next((page for page in PAGES if page.path == asked), None)
