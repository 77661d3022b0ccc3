"""The way of every request: address, version, method, caller, body, operation, answer."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from azure.functions import HttpRequest, HttpResponse

from api import routing
from api.calls import Call, Reply
from api.cors import Cors
from api.deployment import Deployment, now, open_deployment
from api.operations import Operation
from api.options import Options
from api.pages import METHODS, Page, page_at
from api.responses import (
    KEY_CHALLENGE,
    KEY_OR_TOKEN_CHALLENGE,
    REQUEST_ID_HEADER,
    failure,
    security_headers,
    status_of,
    success,
)
from api.routing import Address
from loop.errors import (
    InternalServerError,
    PayloadSizeExceeded,
    PermissionDenied,
    PersonalizerError,
)
from loop.events import Micros
from storage.options import StorageOptions
from telemetry.subject import about_request, turn_to_loop

logger = logging.getLogger(__name__)

HttpFunction = Callable[[HttpRequest], Awaitable[HttpResponse]]
Serve = Callable[[Micros, dict[str, str]], Awaitable[HttpResponse]]


class Service:
    """Answers HTTP requests; opens the deployment with the first one that needs it."""

    def __init__(self, options: Options, storage: StorageOptions) -> None:
        self._options = options
        self._storage = storage
        self._cors = Cors(options.cors_origins)
        self._challenge = KEY_OR_TOKEN_CHALLENGE if options.entra else KEY_CHALLENGE
        self._closing = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._deployment: Deployment | None = None

    def function(self, operation: Operation) -> HttpFunction:
        """The function that answers where the platform's router has found the operation."""
        operations = {operation.method: operation}

        async def answer(req: HttpRequest) -> HttpResponse:
            async def serve(arrived: Micros, headers: dict[str, str]) -> HttpResponse:
                generation = routing.generation(req.route_params.get("version"), req.params)
                parameters = routing.decoded(req.route_params)
                address = Address(operations, generation, parameters, None)
                return await self._operate(operation, address, req, arrived, headers)

            return await self._guarded(operation.name, req, serve)

        return answer

    def page(self, page: Page) -> HttpFunction:
        """The function that shows a page, to anybody."""

        async def answer(req: HttpRequest) -> HttpResponse:
            async def serve(_: Micros, headers: dict[str, str]) -> HttpResponse:
                return await self._shown(page, req, headers)

            return await self._guarded(page.name, req, serve)

        return answer

    def catch_all(self) -> HttpFunction:
        """The function that answers whatever the platform's router has found nothing for."""

        async def answer(req: HttpRequest) -> HttpResponse:
            async def serve(arrived: Micros, headers: dict[str, str]) -> HttpResponse:
                path = req.route_params.get("path", "")
                if (page := page_at(path)) is not None:
                    return await self._page(page, req, headers)
                address = routing.find(path, req.params)
                if self._cors.is_preflight(req.method, req.headers):
                    headers.update(self._cors.preflight(tuple(address.operations)))
                    return success(Reply(), 204, headers)
                operation = routing.choose(address, req.method)
                return await self._operate(operation, address, req, arrived, headers)

            return await self._guarded("catch_all", req, serve)

        return answer

    async def close(self) -> None:
        """Give back what the first request opened."""
        self._deployment = None
        await self._closing.aclose()

    async def _guarded(self, function: str, req: HttpRequest, serve: Serve) -> HttpResponse:
        """The one place where every error becomes an answer."""
        arrived = now()
        request_id = str(uuid.uuid4())
        headers = security_headers(req.url, req.headers) | self._cors.headers(req.headers)
        headers[REQUEST_ID_HEADER] = request_id
        with about_request(request_id):
            try:
                return await serve(arrived, headers)
            except PersonalizerError as error:
                if status_of(error) >= 500:
                    said = {"function": function, "code": error.code}
                    logger.warning("request_failed", extra=said)
                return failure(error, headers, self._challenge)
            except Exception as error:
                # Only where it happened is logged: the text of an error may quote the request.
                place = InternalServerError(f"{type(error).__name__} in request {request_id}")
                logger.error(
                    "request_crashed",
                    extra={"function": function, "error": type(error).__name__},
                    exc_info=place.with_traceback(error.__traceback__),
                )
                answer = InternalServerError(
                    f"The service failed on this request. Its log has the request id {request_id}."
                )
                return failure(answer, headers, self._challenge)

    async def _operate(
        self,
        operation: Operation,
        address: Address,
        req: HttpRequest,
        arrived: Micros,
        headers: dict[str, str],
    ) -> HttpResponse:
        deployment = self._deployment or await self._open()
        caller = await deployment.admission.admit(req.headers, address.loop)
        turn_to_loop(caller.loop)
        if caller.limited and not operation.for_clients:
            raise PermissionDenied(
                "A client key opens rank, reward and activate, and nothing else. Call this with "
                "one of the loop's other keys, from where nobody can read it."
            )
        deployment.rate_limits.spend(caller)
        body = req.get_body()
        limit = operation.body_limit or self._options.max_body_bytes
        if len(body) > limit:
            raise PayloadSizeExceeded(f"The body has {len(body)} bytes, more than {limit}.")
        loop = deployment.loop(caller.loop)
        url = req.url.partition("?")[0]
        call = Call(loop, address.generation, arrived, url, address.parameters, req.params, body)
        return success(await operation.handler(call), operation.status, headers)

    async def _page(self, page: Page, req: HttpRequest, headers: dict[str, str]) -> HttpResponse:
        if self._cors.is_preflight(req.method, req.headers):
            headers.update(self._cors.preflight(METHODS))
            return success(Reply(), 204, headers)
        if req.method not in METHODS:
            raise routing.wrong_method(req.method, METHODS)
        return await self._shown(page, req, headers)

    async def _shown(self, page: Page, req: HttpRequest, headers: dict[str, str]) -> HttpResponse:
        headers.update(page.headers)
        reply = await page.read(self._open)
        tag = page.headers.get("ETag")
        if tag is not None and tag in req.headers.get("If-None-Match", ""):
            return success(replace(reply, body=b""), 304, headers)
        return success(reply, 200, headers)

    async def _open(self) -> Deployment:
        async with self._opening:
            if self._deployment is None:
                opened = open_deployment(self._options, self._storage)
                self._deployment = await self._closing.enter_async_context(opened)
        return self._deployment
