"""What anybody may ask of a service: whether it lives, and whether it can serve."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import httpx
import pytest

from api.deployment import now
from api.options import Options
from api.probes import PROBES
from api.readiness import EVERY_SECONDS, Readiness
from loop.errors import StorageUnavailable
from loop.events import SECOND, Micros
from loop.manifest import Manifest, PublishedModel
from storage.factory import Storage, open_storage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, NOWHERE, Serve
from tests.api.test_openapi import assert_described
from tests.api.test_service import code

ADDRESSES = [f"/{probe.name}" for probe in PROBES]


async def publish(storage: Storage, loop: str, created: Micros) -> None:
    """Give a loop a model that was made then."""
    documents = storage.loop(loop).manifest
    model = PublishedModel(id="m", blob="b", sha256="0", arguments="", created=created)
    await documents.replace(Manifest(model=model), await documents.read())


class Ticking:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_service_that_lives_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
    assert_described("health", answer)


async def test_one_that_can_serve_says_how_old_its_newest_model_is(
    serve: Serve, opened: Storage, loop_name: str
) -> None:
    # GIVEN two loops, neither of which has a model
    async with serve() as client:
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()) == (
            200,
            {"status": "ready", "modelAgeSeconds": None},
        )
        assert_described("ready", answer)
    # WHEN both have got one
    await publish(opened, loop_name, Micros(now() - 500 * SECOND))
    await publish(opened, f"{loop_name}b", Micros(now() - 100 * SECOND))
    async with serve() as client:
        answer = await client.get("/ready")
    # THEN the newer one counts
    assert 100 <= answer.json()["modelAgeSeconds"] < 200
    assert_described("ready", answer)


async def test_a_loop_that_is_broken_takes_nothing_from_the_others(
    serve: Serve, opened: Storage, loop_name: str
) -> None:
    await publish(opened, loop_name, Micros(now() - 500 * SECOND))
    await opened.loop(f"{loop_name}b").blobs.write("manifest.json", b"{not a manifest")
    async with serve() as client:
        answer = await client.get("/ready")
    assert answer.status_code == 200
    assert 500 <= answer.json()["modelAgeSeconds"] < 600


@pytest.mark.parametrize("away", ["blob_endpoint", "table_endpoint"])
async def test_one_that_can_not_says_when_to_ask_again(
    away: str, serve: Serve, options: StorageOptions
) -> None:
    # GIVEN a storage of which a half is away
    gone = replace(
        options,
        timeouts=NOWHERE,
        **{away: "http://127.0.0.1:9/devstoreaccount1"},  # type: ignore[arg-type]
    )
    async with serve(storage=gone) as client:
        answer = await client.get("/ready")
        # THEN it can't serve, and gives no reason
        assert (answer.status_code, code(answer)) == (503, "RequestTimeout")
        assert answer.headers["retry-after"] == "1"
        assert "127.0.0.1" not in answer.text
        assert_described("ready", answer)
        # AND it lives all the same
        assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
async def test_they_are_asked_without_a_key_and_in_any_spelling(
    address: str, client: httpx.AsyncClient
) -> None:
    for path in (address, f"/{address}/", address.upper()):
        assert (await client.get(f"http://test{path}")).status_code == 200
        assert (await client.head(f"http://test{path}")).status_code == 200
    refused = await client.post(f"http://test{address}", headers=KEYS)
    assert (refused.status_code, code(refused)) == (405, "OperationNotAllowed")
    assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("address", ADDRESSES)
async def test_they_tell_nothing_else(
    address: str, serve: Serve, opened: Storage, loop_name: str
) -> None:
    await publish(opened, loop_name, now())
    async with serve(Options(default_keys=("a-secret-key",))) as client:
        answer = await client.get(address)
    assert set(answer.json()) <= {"status", "modelAgeSeconds"}
    told = answer.text + str(answer.headers)
    for secret in (loop_name, "a-secret-key", "127.0.0.1", "devstoreaccount1"):
        assert secret not in told


class Counting:
    """How often a storage is looked at."""

    def __init__(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = 0
        self.gate = asyncio.Event()
        self.gate.set()
        read = storage.register.read

        async def counted() -> object:
            self.looks += 1
            await self.gate.wait()
            return await read()

        monkeypatch.setattr(storage.register, "read", counted)


async def test_storage_is_looked_at_once_for_all_who_ask(
    opened: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(opened, monkeypatch)
    clock = Ticking()
    readiness = Readiness(opened, clock)
    # WHEN many ask at once, and again at once
    for _ in range(3):
        assert await asyncio.gather(*[readiness.newest_model() for _ in range(50)]) == [None] * 50
    assert counting.looks == 1
    # AND after a while
    clock.seconds += EVERY_SECONDS
    await asyncio.gather(*[readiness.newest_model() for _ in range(50)])
    # THEN it was looked at once each time
    assert counting.looks == 2
    await readiness.close()


async def test_a_look_that_takes_too_long_is_no_answer(
    opened: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a storage that hangs
    monkeypatch.setattr("api.readiness._PATIENCE_SECONDS", 0.05)
    counting = Counting(opened, monkeypatch)
    counting.gate.clear()
    clock = Ticking()
    readiness = Readiness(opened, clock)
    # WHEN many ask THEN none of them waits for long, and it is looked at once
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await readiness.newest_model()
    assert counting.looks == 1
    # AND a look ends by itself, so that the next one finds it well again
    counting.gate.set()
    clock.seconds += EVERY_SECONDS

    async def well() -> bool:
        try:
            return await readiness.newest_model() is None
        except StorageUnavailable:
            return False

    for _ in range(100):
        if await well():
            break
        clock.seconds += EVERY_SECONDS
    assert await well()
    await readiness.close()


async def test_whoever_goes_leaves_nothing_behind(
    options: StorageOptions, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a look that nobody waits for any more, at a storage that is away
    gone = replace(options, blob_endpoint="http://127.0.0.1:9/devstoreaccount1", timeouts=NOWHERE)
    async with open_storage(gone) as storage:
        readiness = Readiness(storage)
        with caplog.at_level(logging.ERROR):
            asking = asyncio.create_task(readiness.newest_model())
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait({asking})
            with pytest.raises(StorageUnavailable):
                await readiness.newest_model()
            # WHEN it is closed THEN nothing is complained of
            await readiness.close()
    assert not caplog.records
