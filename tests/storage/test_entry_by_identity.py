"""The whole way by identity: App Service's endpoint, the credential, and Azurite with OAuth."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from loop.errors import StorageUnavailable
from loop.events import Decision, Micros, Reward
from loop.register import Register
from storage.blobs import Conflict
from storage.factory import LoopStorage, Storage, open_storage
from storage.identity import StorageTokens
from storage.options import storage_options
from storage.table_rows import DAY
from tests.identity import (
    AUDIENCE,
    IdentityEndpoint,
    SecureAzurite,
    put_az_on_path,
    secure_azurite,
    storage_token,
)

NOON = Micros(1_700_000_000_000_000)
END = Micros(NOON + DAY)
PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureAzurite]:
    with secure_azurite(tmp_path_factory.mktemp("secure")) as azurite:
        yield azurite


@pytest.fixture
def endpoint() -> Iterator[IdentityEndpoint]:
    with IdentityEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def trusting(secure: SecureAzurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections trust the certificate, as those of a process with ``SSL_CERT_FILE`` do."""
    context = ssl.create_default_context(cafile=str(secure.certificate))
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, ssl=context))


@pytest.fixture
def app_service(
    endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch, trusting: None
) -> IdentityEndpoint:
    """The identity endpoint, found as in App Service."""
    for name, value in endpoint.environment.items():
        monkeypatch.setenv(name, value)
    return endpoint


@asynccontextmanager
async def entered(secure: SecureAzurite, kind: str = "managedidentity") -> AsyncIterator[Storage]:
    """The storage, entered by identity."""
    settings = secure.settings_for(kind)
    async with open_storage(storage_options(settings)) as storage:
        yield storage


async def touch_tables(storage: LoopStorage) -> None:
    await storage.log.append(Reward("e", NOON, 1.0))


async def touch_blobs(storage: LoopStorage) -> None:
    await storage.blobs.write("a", b"1")


Touch = Callable[[LoopStorage], Awaitable[None]]

BOTH = pytest.mark.parametrize("touch", [touch_tables, touch_blobs])


async def test_an_identity_writes_and_scans_the_event_log(
    secure: SecureAzurite, app_service: IdentityEndpoint, loop_name: str
) -> None:
    # GIVEN decisions that fit a row, several properties, and only a blob
    decisions = [
        Decision(f"e{n}", Micros(NOON + n), os.urandom(size), (1, 0), (0.9, 0.1))
        for n, size in enumerate((10, 300_000, 1_500_000))
    ]
    reward = Reward("e0", Micros(NOON + 9), 1.0)
    async with entered(secure) as storage:
        log = storage.loop(loop_name).log
        for decision in (*decisions, decisions[0]):
            await log.append(decision)
        await log.append(reward)
        # WHEN another process scans both logs
    async with entered(secure) as storage:
        log = storage.loop(loop_name).log
        # THEN each row is there once
        assert [row async for _, rows in log.decisions(NOON, END) for row in rows] == decisions
        assert [row async for _, rows in log.observations(NOON, END) for row in rows] == [reward]
        assert await log.earliest() is not None
        await log.drop_all()
        assert await log.earliest() is None


async def test_an_identity_keeps_blobs_of_every_kind(
    secure: SecureAzurite, app_service: IdentityEndpoint, loop_name: str
) -> None:
    async with entered(secure) as storage:
        blobs = storage.loop(loop_name).blobs
        data = os.urandom(9 * 1024 * 1024)
        etag = await blobs.write("models/ü 1%.vw", data)
        assert b"".join([piece async for piece in blobs.stream("models/ü 1%.vw")]) == data
        assert await blobs.read_if_changed("models/ü 1%.vw", etag) is None
        # WHEN two write what both have read THEN the first wins
        first = await blobs.replace("manifest", b"1", None)
        await blobs.replace("manifest", b"2", first)
        with pytest.raises(Conflict):
            await blobs.replace("manifest", b"3", first)
        # AND blocks are put together
        await blobs.stage_block("log", "0001", b"one ")
        await blobs.stage_block("log", "0002", b"two")
        await blobs.commit_blocks("log", ["0001", "0002"], None)
        blob = await blobs.read("log")
        assert blob is not None
        assert blob.data == b"one two"
        assert (await blobs.blocks("log"))[0] == ("0001", "0002")
        await blobs.delete("log")
        assert [e.name async for e in blobs.list("")] == ["manifest", "models/ü 1%.vw"]


async def test_an_identity_keeps_the_register(
    secure: SecureAzurite, app_service: IdentityEndpoint, loop_name: str
) -> None:
    async with entered(secure) as storage:
        fresh = await storage.register.read()
        register = fresh.value.with_loop(loop_name, ("one", "two"), Micros(0))
        await storage.register.replace(register, fresh)
        with pytest.raises(Conflict):
            await storage.register.replace(Register(), fresh)
        assert (await storage.register.read()).value == register


async def test_a_token_is_renewed_before_it_ends_while_it_goes_on_opening(
    secure: SecureAzurite,
    app_service: IdentityEndpoint,
    loop_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed, real = 0.0, time.time

    def now() -> float:
        return real() + passed

    monkeypatch.setattr(time, "time", now)
    monkeypatch.setattr("storage.identity.StorageTokens", partial(StorageTokens, now=now))
    async with entered(secure) as storage:
        loop = storage.loop(loop_name)
        # GIVEN one token for tables and blobs
        await asyncio.gather(touch_tables(loop), touch_blobs(loop))
        assert len(app_service.given) == 1
        # WHEN its last five minutes have come THEN another one is asked for, and no call fails
        passed = 3400.0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(app_service.given) == 1 and time.monotonic() < deadline:
            await touch_tables(loop)
            await touch_blobs(loop)
        # AND that one goes on opening
        passed = 3700.0
        await asyncio.gather(touch_tables(loop), touch_blobs(loop))
        assert len(app_service.given) == 2


@BOTH
@pytest.mark.parametrize("status", [403, 500])
async def test_an_identity_that_is_refused_is_told_from_a_storage_that_is_away(
    secure: SecureAzurite,
    app_service: IdentityEndpoint,
    loop_name: str,
    status: int,
    touch: Touch,
) -> None:
    app_service.status = status
    async with entered(secure) as storage:
        loop = storage.loop(loop_name)
        with pytest.raises(StorageUnavailable, match=r"identity gave no token.*Error"):
            await touch(loop)
        # WHEN it is let in again THEN so is the service
        app_service.status = 200
        await touch(loop)


@BOTH
async def test_an_identity_endpoint_that_is_gone_is_said_in_bounded_time(
    secure: SecureAzurite,
    app_service: IdentityEndpoint,
    loop_name: str,
    monkeypatch: pytest.MonkeyPatch,
    touch: Touch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
    async with entered(secure) as storage:
        with pytest.raises(
            StorageUnavailable, match=r"identity gave no token.*ServiceRequestError"
        ):
            await asyncio.wait_for(touch(storage.loop(loop_name)), PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("audience", "lifetime"),
    [("https://vault.azure.net", 3600.0), (AUDIENCE, -60.0)],
    ids=["for something else", "expired"],
)
@BOTH
async def test_a_token_that_storage_refuses_is_a_clear_error(
    secure: SecureAzurite,
    app_service: IdentityEndpoint,
    loop_name: str,
    audience: str,
    lifetime: float,
    touch: Touch,
) -> None:
    app_service.audience, app_service.lifetime = audience, lifetime
    async with entered(secure) as storage:
        with pytest.raises(StorageUnavailable, match="answered 403 AuthenticationFailed") as raised:
            await touch(storage.loop(loop_name))
    assert app_service.given[0] not in str(raised.value)


@BOTH
async def test_a_login_of_the_azure_cli_opens_storage(
    secure: SecureAzurite,
    loop_name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    trusting: None,
    touch: Touch,
) -> None:
    monkeypatch.setenv("PATH", put_az_on_path(tmp_path, storage_token()))
    async with entered(secure, kind="azurecli") as storage:
        await touch(storage.loop(loop_name))


@pytest.mark.parametrize("kind", ["azurecli", "azd"])
@BOTH
async def test_without_the_command_there_is_no_token(
    secure: SecureAzurite,
    loop_name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
    touch: Touch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with entered(secure, kind=kind) as storage:
        with pytest.raises(StorageUnavailable, match=r"no token.*CredentialUnavailableError"):
            await touch(storage.loop(loop_name))
