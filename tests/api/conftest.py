"""The service's own functions behind the local host, as a client reaches them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Protocol

import httpx
import pytest
from azure.functions import AuthLevel, FunctionApp

from api.keys import KEY_HEADER
from api.options import Options
from api.registration import register
from api.service import Service
from local.functions import read_functions
from local.host import Host
from loop.events import Micros
from loop.features import JsonObject
from loop.register import KeyName, Register
from storage.factory import Storage
from storage.options import StorageOptions, Timeouts

KEYS = {KEY_HEADER: "key-one"}
CLIENT_KEYS = {KEY_HEADER: "client-key"}
OTHER_KEYS = {KEY_HEADER: "key-of-another-loop"}

NOWHERE = Timeouts(connect=0.2, append=0.2, read=0.2, write=0.2, retries=())


DEFAULTS = Options()


class Serve(Protocol):
    """Starts a service; a second one on the same loop is a second process."""

    def __call__(
        self, settings: Options = ..., storage: StorageOptions | None = None
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


@pytest.fixture
def options(options: StorageOptions, loop_name: str) -> StorageOptions:
    """A container for each test, so that each has a register of its own."""
    return replace(options, container=loop_name)


async def register_loops(
    storage: Storage,
    loops: Mapping[str, tuple[str, str]],
    client_keys: Mapping[str, str] | None = None,
) -> None:
    """Put these loops, and no others, into the register; some of them with a client key."""
    register = Register()
    for name, keys in loops.items():
        register = register.with_loop(name, keys, Micros(0))
    for name, key in (client_keys or {}).items():
        register = register.with_key(name, KeyName.CLIENT1, key)
    await storage.register.replace(register, await storage.register.read())


@asynccontextmanager
async def hosted(settings: Options, storage: StorageOptions) -> AsyncIterator[Host]:
    """A service of its own, to be called over ASGI."""
    service = Service(settings, storage)
    app = FunctionApp(http_auth_level=AuthLevel.ANONYMOUS)
    register(app, service)
    yield Host(read_functions(app, "", {}))
    await service.close()


@pytest.fixture
async def serve(options: StorageOptions, opened: Storage, loop_name: str) -> Serve:
    """How to start a service that has the loop ``loop_name`` and another one.

    Where its settings have keys, these open its loop ``default``.
    """
    await register_loops(
        opened,
        {
            loop_name: (KEYS[KEY_HEADER], "key-two"),
            f"{loop_name}b": (OTHER_KEYS[KEY_HEADER], "key-two-of-another-loop"),
        },
        {loop_name: CLIENT_KEYS[KEY_HEADER]},
    )

    @asynccontextmanager
    async def started(
        settings: Options = DEFAULTS, storage: StorageOptions | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        async with hosted(settings, storage or options) as host:
            transport = httpx.ASGITransport(host)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                yield client

    return started


async def put_multi_slot(
    client: httpx.AsyncClient, keys: Mapping[str, str], policy: JsonObject
) -> None:
    """Put a policy that makes a loop multi-slot, which must not optimise itself then."""
    base = "/personalizer/v1.1-preview.1/configurations"
    configuration = (await client.get(f"{base}/service", headers=keys)).json()
    calm = {**configuration, "isAutoOptimizationEnabled": False}
    (await client.put(f"{base}/service", headers=keys, json=calm)).raise_for_status()
    (await client.put(f"{base}/policy", headers=keys, json=policy)).raise_for_status()


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with default settings."""
    async with serve() as client:
        yield client
