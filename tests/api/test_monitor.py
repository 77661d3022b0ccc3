"""The files of the web page, as they are served."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from api.monitor import folder
from storage.options import StorageOptions
from tests.api.conftest import KEYS, NOWHERE, Serve
from tests.api.test_service import code

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "monitor"
VENDORED = FOLDER / "vendor/chart.umd.min.js"
SERVED = sorted(
    file.relative_to(ROOT).as_posix()
    for file in FOLDER.rglob("*")
    if file.suffix in (".css", ".html", ".js", ".svg")
)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
LIGHT_BYTES = 256_000
"""What the page may weigh beside the charting library, before it is compressed."""


class Read(HTMLParser):
    """What a page refers to, and what in it the policy would stop."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.stopped: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.links += [str(names[name]) for name in ("href", "src") if name in names]
        if tag == "style" or (tag == "script" and "src" not in names):
            self.stopped.append(tag)
        self.stopped += [name for name in names if name == "style" or name.startswith("on")]


def index() -> bytes:
    """The page, with the addresses that its files have as they are now."""
    return (FOLDER / "index.html").read_bytes().replace(b'"monitor/', f'"{folder()}/'.encode())


async def test_the_root_is_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.content == index()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    # AND it refers to nothing that is not there, and to nothing elsewhere
    page = Read(answer.text)
    assert page.stopped == []
    for link in page.links:
        if not link.startswith("#"):
            assert (await client.get(f"/{link}")).status_code == 200


async def test_every_file_is_served_as_what_it_is(client: httpx.AsyncClient) -> None:
    for name in SERVED:
        if name == "monitor/index.html":
            continue
        answer = await client.get(f"/{name}")
        assert (answer.status_code, answer.content) == (200, (ROOT / name).read_bytes())
        assert answer.headers["content-type"] == TYPES[Path(name).suffix]


async def test_a_browser_is_told_to_keep_the_page_apart(client: httpx.AsyncClient) -> None:
    for path in ("/", "/monitor/app.js", "/monitor/style.css"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "set-cookie" not in headers


async def test_an_upgrade_is_seen_at_once_and_else_nothing_is_sent_again(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/")).headers["cache-control"] == "no-cache"
    first = await client.get("/monitor/app.js")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for sent in (tag, f"W/{tag}", f'"older", {tag}'):
        again = await client.get("/monitor/app.js", headers={"If-None-Match": sent})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    other = await client.get("/monitor/app.js", headers={"If-None-Match": '"older"'})
    assert (other.status_code, other.content) == (200, first.content)
    assert (await client.get("/monitor/api.js")).headers["etag"] != tag


async def test_a_browser_keeps_what_the_page_is_made_of(client: httpx.AsyncClient) -> None:
    # GIVEN the page, which refers to its files by an address that is theirs as they are now
    assert folder() in (await client.get("/")).text
    lasting = await client.get(f"/{folder()}/views/setup.js")
    # THEN a browser need not ask for them again
    assert lasting.content == (FOLDER / "views" / "setup.js").read_bytes()
    assert lasting.headers["cache-control"] == "public, max-age=31536000, immutable"
    # BUT by the address of another version it is not told to keep them
    other = await client.get("/monitor/0123456789abcdef/views/setup.js")
    assert (other.status_code, other.content) == (200, lasting.content)
    assert other.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/monitor",
        "/monitor/",
        "/monitor/index.html",
        "/monitor/nothing.js",
        "/monitor/0123456789abcdef/nothing.js",
        "/monitor/0123456789abcdef/../host.json",
        "/monitor/0123456789abcdef/0123456789abcdef/app.js",
        "/monitor/vendor/chart.LICENSE.md",
        "/monitor/../host.json",
        "/monitor/%2e%2e/host.json",
        "/monitor/..%2fhost.json",
        "/monitor/..%5chost.json",
        "/monitor//../../host.json",
        "/monitor/views/../../function_app.py",
        "/monitor/%2fetc/passwd",
        "/monitor/app.js%00.html",
        "/monitor/app.js/",
        "/host.json",
        "/local.settings.json",
        "/api/monitor.py",
    ],
)
async def test_nothing_but_the_files_of_the_page_is_to_be_had(
    client: httpx.AsyncClient, path: str
) -> None:
    # The client would take out dots by itself.
    answer = await client.send(
        httpx.Request("GET", httpx.URL("http://test", raw_path=path.encode()))
    )
    if path == "/monitor/app.js/":
        # A slash at the end makes no difference, here as everywhere.
        assert answer.content == (FOLDER / "app.js").read_bytes()
        return
    assert answer.status_code in (400, 404)
    served = {(ROOT / name).read_bytes() for name in SERVED}
    assert answer.content not in served
    assert b"routePrefix" not in answer.content


async def test_the_page_is_read_and_nothing_else(client: httpx.AsyncClient) -> None:
    for path in ("/", "/monitor/app.js"):
        refused = await client.post(path, headers=KEYS)
        assert (refused.status_code, code(refused)) == (405, "OperationNotAllowed")


async def test_the_page_needs_neither_a_key_nor_storage(
    serve: Serve, options: StorageOptions
) -> None:
    gone = replace(
        options,
        blob_endpoint="http://127.0.0.1:9/devstoreaccount1",
        table_endpoint="http://127.0.0.1:9/devstoreaccount1",
        timeouts=NOWHERE,
    )
    async with serve(storage=gone) as client:
        assert (await client.get("/")).content == index()
        assert (await client.get("/monitor/app.js")).status_code == 200


def test_the_charting_library_is_the_one_that_is_pinned() -> None:
    package = ROOT / "node_modules/chart.js"
    assert VENDORED.read_bytes() == (package / "dist/chart.umd.min.js").read_bytes()
    licence = VENDORED.parent / "chart.LICENSE.md"
    assert licence.read_bytes() == (package / "LICENSE.md").read_bytes()


def test_the_page_is_light() -> None:
    own = [ROOT / name for name in SERVED if ROOT / name != VENDORED]
    assert sum(file.stat().st_size for file in own) < LIGHT_BYTES
