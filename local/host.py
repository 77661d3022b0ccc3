"""Serves an app's functions over ASGI, as the Functions host would.

Two things differ, both in favour of the caller: a body sent in chunks arrives (the host passes on
only what has a Content-Length), and a path that begins with two slashes reaches the catch-all (the
host answers 404 itself).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from local import wire
from local.functions import Call, Functions
from local.routing import Router
from local.timers import Clock, SystemClock, Timers

logger = logging.getLogger(__name__)

# The host's own default.
BODY_LIMIT_BYTES = 100 * 1024 * 1024

# As the ASGI specification has them.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _BodyTooLarge(Exception):
    """Raised when a request brings more than the limit."""


class _Disconnected(Exception):
    """Raised when the caller has gone before the request was complete."""


class Host:
    """An ASGI app made of a ``FunctionApp``'s functions; its timers run while it is up.

    Args:
        functions: What to serve.
        body_limit: Largest request body in bytes; a larger one gets a bare 413.
        clock: What the timers go by.
        patience: Seconds to wait for running timers when it goes down.
        closing: Called at the very end, for what the functions have opened.
    """

    def __init__(
        self,
        functions: Functions,
        *,
        body_limit: int = BODY_LIMIT_BYTES,
        clock: Clock | None = None,
        patience: float = 30.0,
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._router: Router[Call] = Router(functions.routes)
        self._timers = Timers(functions.timers, clock or SystemClock())
        self._body_limit = body_limit
        self._patience = patience
        self._closing = closing

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            status, headers, body = await self._answer(scope, receive)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _answer(
        self, scope: Message, receive: Receive
    ) -> tuple[int, Iterable[tuple[bytes, bytes]], bytes]:
        try:
            path = wire.decode_path(scope["raw_path"])
            found = self._router.find(scope["method"], path)
            if found is None:
                return _bare(404)
            call, route_params = found
            body = await self._body(receive)
            request = wire.request(
                scope["method"],
                scope["scheme"],
                path,
                scope["query_string"],
                scope["headers"],
                route_params,
                body,
            )
            return wire.response(await call(request))
        except wire.MalformedTarget:
            return _bare(400)
        except _BodyTooLarge:
            return _bare(413)
        except _Disconnected:
            return _bare(499)
        except Exception:  # what escapes from a function is an empty 500 there as well
            logger.exception("function_failed", extra={"path": scope["path"]})
            return _bare(500)

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            chunk: bytes = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > self._body_limit:
                raise _BodyTooLarge
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._timers.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._timers.stop(self._patience)
                if self._closing is not None:
                    await self._closing()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _bare(status: int) -> tuple[int, Iterable[tuple[bytes, bytes]], bytes]:
    return status, [(b"content-length", b"0")], b""
