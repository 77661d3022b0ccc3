"""Opens the storage that a deployment's settings name."""

from __future__ import annotations

import base64
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import ContainerClient, ExponentialRetry

from loop.manifest import Manifest
from loop.register import Register, checked_name
from loop.settings import LoopSettings
from storage.azure_blobs import AzureBlobs
from storage.blobs import Blobs
from storage.documents import (
    Document,
    manifest_document,
    register_document,
    settings_document,
)
from storage.event_log import EventLog
from storage.identity import StorageTokens, storage_tokens
from storage.mirror import Mirrors
from storage.options import AccountKey, Identity, StorageOptions
from storage.table_access import Access, BearerToken, SharedKeyLite
from storage.table_log import TableLog
from storage.table_service import TableService

_CONNECTIONS = 256
_KEEP_ALIVE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class LoopStorage:
    """Everything that one loop keeps."""

    log: EventLog
    blobs: Blobs
    settings: Document[LoopSettings]
    manifest: Document[Manifest]


class Storage:
    """An open storage: one pool of connections for all loops of a process and event loop.

    An async context manager; what ``loop`` gave is of no use once it is left.

    Attributes:
        mirrors: Opens containers of the owner's that logs are copied to.
    """

    def __init__(self, options: StorageOptions) -> None:
        self._options = options
        self._opened = AsyncExitStack()
        self._loops: dict[str, LoopStorage] = {}
        self._tables: TableService | None = None
        self._container: ContainerClient | None = None
        self._register: Document[Register] | None = None
        self.mirrors = Mirrors(options.blob_endpoint)

    def loop(self, name: str) -> LoopStorage:
        """The storage of one loop; nothing is made in it before something is written.

        Raises:
            RegisterError: No loop can bear the name.
        """
        checked_name(name)
        if self._tables is None or self._container is None:
            raise RuntimeError("The storage is not open.")
        if name not in self._loops:
            blobs = AzureBlobs(self._container, name, self._options.timeouts)
            log = TableLog(self._tables, blobs, name, self._options.shards)
            self._loops[name] = LoopStorage(
                log, blobs, settings_document(blobs), manifest_document(blobs)
            )
        return self._loops[name]

    @property
    def register(self) -> Document[Register]:
        """Which loops there are."""
        if self._register is None:
            raise RuntimeError("The storage is not open.")
        return self._register

    async def __aenter__(self) -> Storage:
        options = self._options
        async with AsyncExitStack() as opening:
            # The blob client reads the raw body and decompresses by itself.
            session = aiohttp.ClientSession(
                auto_decompress=False,
                middlewares=(_send_writes_once,),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(
                    limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS
                ),
            )
            await opening.enter_async_context(session)
            access, credential = await _entry(options.credential, opening)
            self._tables = TableService(session, options.table_endpoint, access, options.timeouts)
            containers = [
                ContainerClient(
                    options.blob_endpoint,
                    name,
                    credential,
                    transport=AioHttpTransport(
                        session=session,
                        session_owner=False,
                        connection_timeout=options.timeouts.connect,
                        read_timeout=options.timeouts.read,
                    ),
                    retry_policy=ExponentialRetry(retry_total=0),
                )
                for name in (options.container, options.register_container)
            ]
            for container in containers:
                await opening.enter_async_context(container)
            self._container, registering = containers
            self._register = register_document(AzureBlobs(registering, "", options.timeouts))
            self._opened = opening.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loops.clear()
        self._tables = self._container = self._register = None
        await self._opened.aclose()


async def _entry(
    credential: AccountKey | Identity, opening: AsyncExitStack
) -> tuple[Access, AzureNamedKeyCredential | StorageTokens]:
    if isinstance(credential, AccountKey):
        key = base64.b64encode(credential.key).decode()
        return SharedKeyLite(credential), AzureNamedKeyCredential(credential.account, key)
    tokens = storage_tokens(credential)
    await opening.enter_async_context(tokens)
    return BearerToken(tokens), tokens


async def _send_writes_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT again by itself when the connection was cut.

    The first one may have arrived: a write guarded by an ETag would then meet its own.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as e:
        if request.method != "PUT" or isinstance(e, aiohttp.ClientConnectorError):
            raise
        raise aiohttp.ClientConnectionError("The connection was cut.") from e


def open_storage(options: StorageOptions) -> Storage:
    """The storage of ``options``, to be entered with ``async with``."""
    return Storage(options)
