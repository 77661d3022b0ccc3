"""What somebody may try from outside: guessed keys, bodies that are too much, and pages abused."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.keys import KEY_HEADER
from api.operations import OPERATIONS
from api.options import Options
from api.pages import PAGES
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import CLIENT_KEYS, KEYS, Serve
from tests.api.test_service import RANK, code, logged
from tests.fault_proxy import FaultProxy

URL = "/personalizer/v1.0/rank"
LIMIT = 4_096


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    """A body whose length nobody says beforehand."""
    for _ in range(0, size, 1_024):
        yield b" " * 1_024
    yield b" "


async def test_guessed_keys_are_refused_and_lock_nobody_out(
    serve: Serve, options: StorageOptions
) -> None:
    # GIVEN a service whose way to the register is watched
    async with (
        FaultProxy(options.blob_endpoint) as proxy,
        serve(
            Options(default_keys=("set",)), replace(options, blob_endpoint=proxy.endpoint)
        ) as client,
    ):
        assert (await client.get("/status", headers=KEYS)).status_code == 200
        # WHEN a thousand keys are guessed, many at once, near ones and odd ones among them
        near = [f"key-one{n}" for n in range(10)] + ["key-on", "KEY-ONE", "key-one,key-one", "*"]
        guesses = itertools.chain(near, ["x" * 10_000], (f"{n:032x}" for n in range(1_000)))
        looks = len(proxy.requests)
        assert looks > 0
        refused = set()
        for some in iter(lambda: list(itertools.islice(guesses, 100)), []):
            calls = (client.get("/status", headers={KEY_HEADER: guess}) for guess in some)
            refused |= {answer.status_code for answer in await asyncio.gather(*calls)}
            # THEN those who have a key are let in meanwhile
            for keys in (KEYS, {KEY_HEADER: "set"}):
                assert (await client.get("/status", headers=keys)).status_code == 200
            ranked = await client.post(URL, headers=CLIENT_KEYS, json=RANK)
            assert ranked.status_code == 201
        # AND all others are refused, none with a failure
        assert refused == {401}
        # AND the register was looked at far less often than keys were tried
        asked = [request for request in proxy.requests[looks:] if "loops.json" in str(request)]
        assert len(asked) < 50


@pytest.mark.parametrize("headers", [{}, {KEY_HEADER: "guess"}])
async def test_who_has_no_key_is_not_told_of_limits(headers: dict[str, str], serve: Serve) -> None:
    async with serve(Options(max_body_bytes=LIMIT)) as client:
        answer = await client.post(URL, headers=headers, content=b" " * (LIMIT + 1))
    assert (answer.status_code, code(answer)) == (401, "401")


async def test_no_operation_takes_a_body_that_is_too_large(
    serve: Serve, storage: LoopStorage
) -> None:
    async with serve(Options(max_body_bytes=LIMIT)) as client:
        for operation in OPERATIONS:
            if operation.body_limit is not None or operation.method not in ("POST", "PUT"):
                continue
            path = operation.template.replace("{", "").replace("}", "")
            url = f"/personalizer/v1.1-preview.3/{path}"
            for body in (b" " * (LIMIT + 1), in_chunks(LIMIT)):
                answer = await client.request(operation.method, url, headers=KEYS, content=body)
                assert (answer.status_code, code(answer)) == (413, "PayloadSizeExceeded"), url
                assert str(LIMIT) in answer.json()["error"]["message"]
    assert await logged(storage) == ([], [])


async def test_a_body_is_what_was_sent_however_it_says_to_be_encoded(
    client: httpx.AsyncClient,
) -> None:
    # WHEN a small body says that it is a large one, packed
    bomb = gzip.compress(b'{"actions":' + b" " * 50_000_000 + b"[]}", 9)
    assert len(bomb) < 100_000
    for encoding in ("gzip", "deflate", "br", "zstd"):
        answer = await client.post(
            URL, headers={**KEYS, "Content-Encoding": encoding}, content=bomb
        )
        # THEN nobody unpacks it
        assert (answer.status_code, code(answer)) == (400, "InvalidRankRequest")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"actions":[{"id":"a","features":[' + b'{"x":' * 5_000 + b"1" + b"}" * 5_000 + b"]}]}",
        b'{"actions":[{"id":"a","features":[{"x":' + b"9" * 500_000 + b"}]}]}",
        b'{"actions":[{"id":"a","features":[{"x":1e' + b"9" * 5_000 + b"}]}]}",
        b'{"actions":[{"id":"a","features":[{"x":1e308},{"y":-1e308}]}]}',
        b'{"actions":[{"id":' + b"9" * 5_000 + b',"features":[]}]}',
        b'{"actions":[{"id":"a","features":[{"x":NaN}]}]}',
        b"\xff\xfe\x00",
        b"\x00" * 1_000,
    ],
)
async def test_bodies_that_no_client_makes_are_bad_requests(
    body: bytes, client: httpx.AsyncClient
) -> None:
    for path in ("rank", "multislot/rank", "events/e/reward", "multislot/events/e/reward"):
        answer = await client.post(f"/personalizer/v1.0/{path}", headers=KEYS, content=body)
        assert answer.status_code == 400, path
        assert code(answer).startswith("Invalid")
        assert len(answer.content) < 2_000


async def test_more_features_than_a_call_may_have_are_refused(client: httpx.AsyncClient) -> None:
    many = {f"f{n}": 1 for n in range(5_001)}
    body = {"actions": [{"id": "a", "features": [many]}, {"id": "b", "features": []}]}
    answer = await client.post(URL, headers=KEYS, json=body)
    assert (answer.status_code, code(answer)) == (413, "PayloadSizeExceeded")


# Headers


async def test_no_answer_is_kept_or_taken_for_something_else(client: httpx.AsyncClient) -> None:
    answers = [
        await client.post(URL, headers=KEYS, json=RANK),
        await client.get("/personalizer/v1.0/model", headers=KEYS),
        await client.post("/personalizer/v1.0/events/e/reward", headers=KEYS, json={"value": 1}),
        await client.get("/status"),
        await client.get("/nowhere"),
        await client.get("/docs"),
        await client.get("/openapi.json"),
    ]
    assert [a.status_code for a in answers] == [201, 200, 204, 401, 404, 200, 200]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        # Over TLS alone it means something.
        assert "strict-transport-security" not in answer.headers


async def test_over_tls_a_browser_is_told_to_stay_there(client: httpx.AsyncClient) -> None:
    direct = await client.get("https://test/docs")
    behind_a_front_end = await client.get("/status", headers={"X-Forwarded-Proto": "https"})
    for answer in (direct, behind_a_front_end):
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("path", [page.path for page in PAGES])
async def test_pages_let_a_browser_do_nothing_but_show_them(
    path: str, client: httpx.AsyncClient
) -> None:
    headers = (await client.get(f"/{path}")).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
