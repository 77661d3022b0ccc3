"""Calls with the Python client of the 2022 preview, `azure-ai-personalizer`, sync or async."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass

# These are what the package gives out as its clients; its types name the generated ones.
from azure.ai.personalizer._patch import PersonalizerAdministrationClient, PersonalizerClient
from azure.ai.personalizer.aio._patch import (
    PersonalizerAdministrationClient as AsyncPersonalizerAdministrationClient,
)
from azure.ai.personalizer.aio._patch import PersonalizerClient as AsyncPersonalizerClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ODataV4Format
from azure.core.pipeline import PipelineResponse
from azure.core.rest import AsyncHttpResponse, HttpRequest, HttpResponse
from pydantic import JsonValue

from tests.contract.snapshots import Exchange, exchange

_Heard = PipelineResponse[HttpRequest, HttpResponse]


@dataclass(frozen=True, slots=True)
class Clients:
    """The package's two clients of one loop, both sync or both async."""

    decide: PersonalizerClient | AsyncPersonalizerClient
    manage: PersonalizerAdministrationClient | AsyncPersonalizerAdministrationClient


async def open_clients(stack: AsyncExitStack, kind: str, endpoint: str, key: str) -> Clients:
    """Open the ``sync`` or the ``async`` clients; ``stack`` closes them."""
    credential = AzureKeyCredential(key)
    if kind == "sync":
        return Clients(
            stack.enter_context(PersonalizerClient(endpoint, credential)),
            stack.enter_context(PersonalizerAdministrationClient(endpoint, credential)),
        )
    decide = AsyncPersonalizerClient(endpoint, credential)
    manage = AsyncPersonalizerAdministrationClient(endpoint, credential)
    return Clients(await stack.enter_async_context(decide), await stack.enter_async_context(manage))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call.

    Attributes:
        wire: What the service answered.
        result: What the client made of it; None where it raised.
        raised: What the client raised.
    """

    wire: Exchange
    result: JsonValue
    raised: HttpResponseError | None

    @property
    def error(self) -> ODataV4Format:
        """The error that the client found in the body."""
        assert self.raised is not None, "the client raised nothing"
        assert self.raised.error is not None, "the client found no error in the body"
        return self.raised.error


async def ask(operation: Callable[..., object], *arguments: object, **keywords: object) -> Answer:
    """Call an operation that answers with JSON or nothing, and keep what it was answered."""
    heard: list[HttpResponse] = []

    def hear(response: _Heard) -> None:
        heard.append(response.http_response)

    result, raised = None, None
    try:
        result = await _result(operation(*arguments, raw_response_hook=hear, **keywords))
    except HttpResponseError as error:
        raised = error
    (response,) = heard
    found = exchange(response.status_code, response.headers, response.text())
    # The client returns what it has read of the body, or nothing.
    assert result is None or result == found.body
    return Answer(found, None if result is None else found.body, raised)


async def listed(operation: Callable[..., object], **keywords: object) -> list[JsonValue]:
    """All items of a list, however many pages it comes in."""
    items = operation(**keywords)
    if isinstance(items, AsyncIterable):
        return [item async for item in items]
    assert isinstance(items, Iterable)
    return list(items)


async def send(client: PersonalizerClient | AsyncPersonalizerClient, call: HttpRequest) -> Exchange:
    """Make a call that the client has no method for."""
    response = await _result(client.send_request(call))
    assert isinstance(response, HttpResponse | AsyncHttpResponse)
    return exchange(response.status_code, response.headers, response.text())


async def export(clients: Clients, *, signed: bool) -> tuple[Exchange, bytes]:
    """Fetch a model: the answer without its body, and the body.

    Raises:
        HttpResponseError: The service refused.
    """
    heard: list[HttpResponse | AsyncHttpResponse] = []

    def hear(response: _Heard) -> None:
        heard.append(response.http_response)

    try:
        chunks = await _result(clients.manage.export_model(signed=signed, raw_response_hook=hear))
    except HttpResponseError:
        # The client leaves a stream open that it has refused.
        close: Callable[[], object] = heard[0].close
        await _result(close())
        raise
    data = b""
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            data += chunk
    elif isinstance(chunks, Iterable):
        data = b"".join(chunks)
    (response,) = heard
    return exchange(response.status_code, response.headers, ""), data


async def _result(returned: object) -> object:
    return await returned if inspect.isawaitable(returned) else returned
