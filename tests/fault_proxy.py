"""A proxy in front of a real storage that can fail in the ways that networks do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType

import aiohttp
from aiohttp import web
from yarl import URL

from storage.options import StorageOptions


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer this, and forward nothing."""

    status: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Hang:
    """Take the request, forward nothing, and say nothing until ``heal``."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold the request until ``heal``, then forward it, whether the client still waits or not."""


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Forward the request, then cut the connection instead of passing on the answer."""


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """Forward the request, and hold the answer until ``heal``."""


Fault = Answer | Hang | Delay | LoseAnswer | HoldAnswer
Rule = Callable[[str, str], Fault | None]
"""What goes wrong with a request, by its method and path; None: nothing."""


class FaultProxy:
    """An HTTP proxy on a free port of the loopback interface; an async context manager.

    Attributes:
        requests: Method and path of everything that came in.
        held: Requests that hang or are delayed now, and answers that are held.
    """

    def __init__(self, endpoint: str) -> None:
        self._upstream = URL(endpoint).origin()
        self._path = URL(endpoint).path
        self._rule: Rule = lambda method, path: None
        self._healed = asyncio.Event()
        self._arrived = asyncio.Condition()
        self._port = 0
        self.requests: list[tuple[str, str]] = []
        self.held = 0

    @property
    def endpoint(self) -> str:
        """What a client is pointed at instead."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    def always(self, fault: Fault) -> None:
        """Do this to every request from now on."""
        self.when(lambda method, path: fault)

    def once(self, fault: Fault) -> None:
        """Do this to the next request, and nothing to those after it."""
        faults = [fault]
        self.when(lambda method, path: faults.pop() if faults else None)

    def when(self, rule: Rule) -> None:
        """Do what ``rule`` says from now on."""
        self._healed = asyncio.Event()
        self._rule = rule

    def heal(self) -> None:
        """Let everything through again, and go on with what is held."""
        self._rule = lambda method, path: None
        self._healed.set()

    async def until_held(self, count: int = 1) -> None:
        """Return when ``held`` is ``count`` or more."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.held >= count)

    async def gone(self) -> None:
        """Refuse connections, and cut those that are open, until ``back``."""
        await self._runner.cleanup()

    async def back(self) -> None:
        """Listen again, on the same port."""
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def __aenter__(self) -> FaultProxy:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        await self.back()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.heal()
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        body = await request.content.read()  # ``request.read`` has a limit
        fault = self._rule(request.method, request.path)
        if isinstance(fault, Answer):
            error = {"odata.error": {"code": fault.code}}
            headers = {"x-ms-error-code": fault.code}  # where the blob service has it
            return web.json_response(error, status=fault.status, headers=headers)
        if isinstance(fault, Hang | Delay):
            await self._hold()
        if isinstance(fault, Hang):
            return _cut(request)
        answer = await self._forward(request, body)
        if isinstance(fault, HoldAnswer):
            await self._hold()
        return _cut(request) if isinstance(fault, LoseAnswer) else answer

    async def _hold(self) -> None:
        async with self._arrived:
            self.held += 1
            self._arrived.notify_all()
        try:
            await self._healed.wait()
        finally:
            self.held -= 1

    async def _forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        url = URL(str(self._upstream) + request.raw_path, encoded=True)
        # Not a header more: the signature covers them.
        async with self._session.request(
            request.method,
            url,
            data=body or None,
            headers=request.headers,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        ) as answer:
            content = await answer.read()
            headers = answer.headers.copy()
        for name in ("Transfer-Encoding", "Connection", "Keep-Alive"):
            headers.popall(name, None)
        if request.method != "HEAD":
            headers.popall("Content-Length", None)
        return web.Response(status=answer.status, headers=headers, body=content)


def _cut(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def through(options: StorageOptions, proxy: FaultProxy) -> StorageOptions:
    """``options`` with the table service behind ``proxy``."""
    return replace(options, table_endpoint=proxy.endpoint)
