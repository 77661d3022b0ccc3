"""The way of every request: address, version, method, key, body, operation, answer."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from azure.functions import HttpRequest, HttpResponse

from api import routing
from api.calls import Call, Reply
from api.cors import Cors
from api.deployment import Deployment, now, open_deployment
from api.keys import KEY_HEADER
from api.operations import Operation
from api.options import Options
from api.pages import METHOD, Page, page_at
from api.responses import REQUEST_ID_HEADER, failure, status_of, success
from api.routing import Address
from loop.errors import InternalServerError, PayloadSizeExceeded, PersonalizerError
from loop.events import Micros
from storage.options import StorageOptions

logger = logging.getLogger(__name__)

HttpFunction = Callable[[HttpRequest], Awaitable[HttpResponse]]
Serve = Callable[[Micros, dict[str, str]], Awaitable[HttpResponse]]


class Service:
    """Answers HTTP requests; opens the deployment with the first one that needs it."""

    def __init__(self, options: Options, storage: StorageOptions) -> None:
        self._options = options
        self._storage = storage
        self._cors = Cors(options.cors_origins)
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
        """The function that shows a page, to anybody and with or without storage."""

        async def answer(req: HttpRequest) -> HttpResponse:
            async def serve(_: Micros, headers: dict[str, str]) -> HttpResponse:
                return _shown(page, headers)

            return await self._guarded(page.name, req, serve)

        return answer

    def catch_all(self) -> HttpFunction:
        """The function that answers whatever the platform's router has found nothing for."""

        async def answer(req: HttpRequest) -> HttpResponse:
            async def serve(arrived: Micros, headers: dict[str, str]) -> HttpResponse:
                path = req.route_params.get("path", "")
                if (page := page_at(path)) is not None:
                    return self._page(page, req, headers)
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
        headers = self._cors.headers(req.headers)
        headers[REQUEST_ID_HEADER] = request_id
        try:
            return await serve(arrived, headers)
        except PersonalizerError as error:
            if status_of(error) >= 500:
                logger.warning(
                    "request_failed",
                    extra={"request_id": request_id, "function": function, "code": error.code},
                )
            return failure(error, headers)
        except Exception as error:
            # Only where it happened is logged: the text of an error may quote the request.
            place = InternalServerError(f"{type(error).__name__} in request {request_id}")
            logger.error(
                "request_crashed",
                extra={"request_id": request_id, "function": function},
                exc_info=place.with_traceback(error.__traceback__),
            )
            answer = InternalServerError(
                f"The service failed on this request. Its log has the request id {request_id}."
            )
            return failure(answer, headers)

    async def _operate(
        self,
        operation: Operation,
        address: Address,
        req: HttpRequest,
        arrived: Micros,
        headers: dict[str, str],
    ) -> HttpResponse:
        deployment = self._deployment or await self._open()
        name = await deployment.admission.admit(req.headers.get(KEY_HEADER), address.loop)
        body = req.get_body()
        limit = operation.body_limit or self._options.max_body_bytes
        if len(body) > limit:
            raise PayloadSizeExceeded(f"The body has {len(body)} bytes, more than {limit}.")
        loop = deployment.loop(name)
        url = req.url.partition("?")[0]
        call = Call(loop, address.generation, arrived, url, address.parameters, req.params, body)
        return success(await operation.handler(call), operation.status, headers)

    def _page(self, page: Page, req: HttpRequest, headers: dict[str, str]) -> HttpResponse:
        if self._cors.is_preflight(req.method, req.headers):
            headers.update(self._cors.preflight((METHOD,)))
            return success(Reply(), 204, headers)
        if req.method != METHOD:
            raise routing.wrong_method(req.method, (METHOD,))
        return _shown(page, headers)

    async def _open(self) -> Deployment:
        async with self._opening:
            if self._deployment is None:
                opened = open_deployment(self._options, self._storage)
                self._deployment = await self._closing.enter_async_context(opened)
        return self._deployment


def _shown(page: Page, headers: dict[str, str]) -> HttpResponse:
    headers.update(page.headers)
    return success(page.read(), 200, headers)
