"""The service's own functions behind the local host, as a client reaches them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Protocol

import httpx
import pytest
from azure.functions import AuthLevel, FunctionApp

from api.options import LoopKeys, Options
from api.registration import register
from api.service import Service
from local.functions import read_functions
from local.host import Host
from storage.options import StorageOptions, Timeouts

KEYS = {"Ocp-Apim-Subscription-Key": "key-one"}
OTHER_KEYS = {"Ocp-Apim-Subscription-Key": "key-of-another-loop"}

NOWHERE = Timeouts(connect=0.2, append=0.2, read=0.2, write=0.2, retries=())


DEFAULTS = Options()


class Serve(Protocol):
    """Starts a service; a second one on the same loop is a second process."""

    def __call__(
        self, settings: Options = ..., storage: StorageOptions | None = None
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


@pytest.fixture
def serve(options: StorageOptions, loop_name: str) -> Serve:
    """How to start a service whose loop is ``loop_name``."""

    @asynccontextmanager
    async def started(
        settings: Options = DEFAULTS, storage: StorageOptions | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        loops = (
            LoopKeys(loop_name, ("key-one", "key-two")),
            LoopKeys(f"{loop_name}b", ("key-of-another-loop",)),
        )
        service = Service(replace(settings, loops=loops), storage or options)
        app = FunctionApp(http_auth_level=AuthLevel.ANONYMOUS)
        register(app, service)
        transport = httpx.ASGITransport(Host(read_functions(app, "", {})))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client
        await service.close()

    return started


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with default settings."""
    async with serve() as client:
        yield client
