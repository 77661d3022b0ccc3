"""A Personalizer that answers what a test tells it to, on a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import orjson
from aiohttp import web
from pydantic import JsonValue

KEY = "stub-key"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in."""

    method: str
    path: str
    body: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer in place of the right one; ``status`` 0 hangs up without one."""

    status: int
    code: str = ""
    retry_after: str | None = None


def first_action(call: Call) -> str:
    """Choose the first action."""
    actions = call.body["actions"]
    assert isinstance(actions, list)
    assert isinstance(actions[0], dict)
    return str(actions[0]["id"])


@dataclass(slots=True)
class Stub:
    """Answers rank with what ``choose`` says; ``faults`` come before, one for each such call.

    Attributes:
        hang_after: Ranks beyond this number are never answered, and ``on_hang`` is called once.
    """

    choose: Callable[[Call], str] = first_action
    faults: deque[Fault] = field(default_factory=deque)
    broken: Fault | None = None
    hang_after: int | None = None
    on_hang: Callable[[], None] = lambda: None
    configuration: dict[str, JsonValue] = field(
        default_factory=lambda: {
            "rewardWaitTime": "PT10M",
            "modelExportFrequency": "PT5M",
            "explorationPercentage": 0.2,
            "learningMode": "Online",
        }
    )
    diagnosis: bytes = b"{}"
    calls: list[Call] = field(default_factory=list)
    endpoint: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _runner: web.AppRunner | None = None

    def __enter__(self) -> Stub:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._thread
        assert self._runner
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ranks(self) -> list[Call]:
        """The rank calls so far."""
        return [call for call in self.calls if call.path == "/rank"]

    def rewards(self) -> list[Call]:
        """The reward calls so far."""
        return [call for call in self.calls if call.path.endswith("/reward")]

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/personalizer/v1.0{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.endpoint = f"http://{host}:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return _error(Fault(401, "401"))
        data = await request.read()
        path = request.match_info["path"]
        call = Call(request.method, path, orjson.loads(data) if data else {})
        self.calls.append(call)
        if call.path.startswith("/configurations/"):
            return self._configurations(call)
        fault = self.faults.popleft() if self.faults else self.broken
        if fault is not None:
            if fault.status == 0 and request.transport:
                request.transport.close()
            return _error(fault)
        if call.path == "/diagnostics":
            return web.Response(body=self.diagnosis, content_type="application/json")
        if call.path != "/rank":
            return web.Response(status=204)
        if self.hang_after is not None and len(self.ranks()) > self.hang_after:
            if len(self.ranks()) == self.hang_after + 1:
                self.on_hang()
            await asyncio.Event().wait()
        answer = {"eventId": call.body["eventId"], "rewardActionId": self.choose(call)}
        return web.json_response(answer, status=201)

    def _configurations(self, call: Call) -> web.Response:
        if call.path == "/configurations/policy":
            if "--nonsense" in str(call.body["arguments"]):
                return _error(Fault(400, "InvalidPolicyConfiguration"))
            return web.json_response(call.body)
        if call.method == "PUT":
            self.configuration = call.body
        return web.json_response(self.configuration)


def _error(fault: Fault) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    body = {"error": {"code": fault.code, "message": f"the stub answers {fault.status}"}}
    status = fault.status or 500
    return web.json_response(body, status=status, headers=headers)
