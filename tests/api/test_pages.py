"""The pages that anybody may read."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import httpx
import orjson
import pytest

from api.api_page import render
from api.documentation import DESCRIPTIONS
from api.openapi import openapi
from api.operations import OPERATIONS
from api.options import Options
from api.routing import QUERY_VERSION
from api.schemas import SCHEMAS
from storage.options import StorageOptions
from tests.api.conftest import KEYS, NOWHERE, Serve
from tests.api.test_service import code


class Read(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src"):
                self.links.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] == "p":
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_document_is_there_for_anybody(client: httpx.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == orjson.loads(orjson.dumps(openapi(OPERATIONS, DESCRIPTIONS)))


async def test_the_page_shows_every_operation_and_every_shape(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Read(answer.text)
    for operation in OPERATIONS:
        assert operation.name in page.ids
        assert f"/personalizer/{{version}}/{operation.template}" in page.text
        assert f"/personalizer/{operation.template}?api-version={QUERY_VERSION}" in page.text
    assert set(SCHEMAS) < set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert "InvalidRankRequest" in page.text
    assert (
        "ServiceConfigurationPut, or at the second address ServiceConfigurationUpdate" in page.text
    )
    # AND all it links to is on it, or is the document
    anchors = {link for link in page.links if link.startswith("#")}
    assert {anchor[1:] for anchor in anchors} <= set(page.ids)
    assert set(page.links) - anchors == {"/openapi.json"}


async def test_a_browser_lets_the_page_do_nothing_but_be_read(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not {"script", "link", "img", "iframe", "form", "object"} & Read(answer.text).tags
    assert not re.search(r"\sstyle=|\son\w+=", answer.text)


def test_what_the_document_says_is_shown_as_text() -> None:
    row = replace(OPERATIONS[0], template="<script>alert(1)</script>")
    page = render(openapi((row, *OPERATIONS[1:]), DESCRIPTIONS))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "//OpenAPI.json/", "/Docs/"])
async def test_pages_are_read_and_nothing_else(path: str, client: httpx.AsyncClient) -> None:
    address = f"http://test{path}"
    assert (await client.get(address)).status_code == 200
    assert (await client.get(address, headers=KEYS)).status_code == 200
    refused = await client.post(address, headers=KEYS)
    assert (refused.status_code, code(refused)) == (405, "OperationNotAllowed")
    assert refused.headers["allow"] == "GET, HEAD"


async def test_pages_of_listed_origins_may_read_the_document(serve: Serve) -> None:
    async with serve(Options(cors_origins=frozenset({"https://tools.example"}))) as client:
        origin = {"Origin": "https://tools.example"}
        asked = await client.options(
            "/openapi.json", headers={**origin, "Access-Control-Request-Method": "GET"}
        )
        answer = await client.get("/openapi.json", headers=origin)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == "GET, HEAD"
    assert answer.headers["access-control-allow-origin"] == "https://tools.example"


async def test_pages_need_no_storage(serve: Serve, options: StorageOptions) -> None:
    gone = replace(
        options,
        blob_endpoint="http://127.0.0.1:9/devstoreaccount1",
        table_endpoint="http://127.0.0.1:9/devstoreaccount1",
        timeouts=NOWHERE,
    )
    async with serve(storage=gone) as client:
        assert (await client.get("/openapi.json")).status_code == 200
        assert (await client.get("/docs")).status_code == 200


async def test_pages_say_nothing_about_the_deployment(serve: Serve, loop_name: str) -> None:
    async with serve() as client:
        for path in ("/openapi.json", "/docs"):
            answer = await client.get(path)
            assert loop_name not in answer.text
            assert KEYS["Ocp-Apim-Subscription-Key"] not in answer.text
            assert "127.0.0.1" not in answer.text
