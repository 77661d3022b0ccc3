"""A container of the owner's that the joined log is copied to, by a SAS URI."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import ContainerClient, ExponentialRetry

from loop.container_sas import ContainerSas

_PROBE = ".mirror-probe"
_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 10.0
_BLOCK_BYTES = 4 * 1024 * 1024


class MirrorError(Exception):
    """Raised when a mirror can't be written to; the text says why, and quotes nothing secret."""


class Mirror:
    """The folder of one loop in a container; a file in it is written once, and never again."""

    def __init__(self, container: ContainerClient, folder: str) -> None:
        self._container = container
        self._folder = f"{folder}/"

    async def probe(self) -> None:
        """Try whether it can be written to; nothing is left of that but what storage clears away.

        Raises:
            MirrorError: It can't.
        """
        with _telling():
            # A block that no blob is ever made of.
            blob = self._container.get_blob_client(self._folder + _PROBE)
            await asyncio.wait_for(blob.stage_block("probe", b"-", 1), _ANSWER_SECONDS)

    async def write(self, name: str, data: AsyncIterator[bytes]) -> None:
        """Write a file that never changes; one that is there already was written before.

        Raises:
            MirrorError: It could not be written. There is nothing of it then, or all.
        """
        with _telling(), suppress(ResourceExistsError):
            await self._container.upload_blob(self._folder + name, data, overwrite=False)


class Mirrors:
    """Opens mirrors, wherever it is safe to go.

    The owner's URI must not lead where only this service can go: to the machine that it runs on,
    its network, or the platform's own addresses. Private addresses are allowed where the
    deployment's own storage has one too (Azurite, a private endpoint); link-local ones never.

    Args:
        own: URL of the deployment's own blob storage.
    """

    def __init__(self, own: str) -> None:
        self._own = urlsplit(own).hostname or ""
        self._inside: bool | None = None

    @asynccontextmanager
    async def open(self, sas: ContainerSas, folder: str) -> AsyncIterator[Mirror]:
        """The mirror of a loop, whose folder it is.

        Raises:
            MirrorError: Its host is nowhere, or where it must not be.
        """
        resolver = _Guarded(await self._is_inside())
        await resolver.check(sas.host)
        session = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(resolver=resolver),
        )
        async with session:
            transport = AioHttpTransport(
                session=session,
                session_owner=False,
                connection_timeout=_CONNECT_SECONDS,
                read_timeout=_ANSWER_SECONDS,
            )
            client = ContainerClient.from_container_url(
                sas.uri,
                transport=transport,
                retry_policy=ExponentialRetry(retry_total=0),
                permit_redirects=False,
                max_block_size=_BLOCK_BYTES,
                max_single_put_size=_BLOCK_BYTES,
            )
            async with client:
                yield Mirror(client, folder)

    async def _is_inside(self) -> bool:
        if self._inside is None:
            with suppress(OSError):
                found = await ThreadedResolver().resolve(self._own, 0, socket.AF_UNSPEC)
                self._inside = any(not _address(entry).is_global for entry in found)
        return self._inside or False


class _Guarded(AbstractResolver):
    """Finds no host that it would not be safe to connect to, nor connects to another one later."""

    def __init__(self, inside: bool) -> None:
        self._inside = inside
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        allowed = [entry for entry in found if self._allows(_address(entry))]
        if not allowed:
            raise OSError(None, "the address is not allowed")
        return allowed

    async def check(self, host: str) -> None:
        """Look a host up, or an address, which connections are made to without looking it up.

        Raises:
            MirrorError: It is nowhere, or where it must not be.
        """
        try:
            found = await self._resolver.resolve(host, 0, socket.AF_UNSPEC)
        except (OSError, UnicodeError):
            raise MirrorError("its host can't be found") from None
        if not any(self._allows(_address(entry)) for entry in found):
            raise MirrorError("its host has an address inside this network")

    def _allows(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        if address.is_global:
            return not address.is_multicast
        return (
            self._inside
            and (address.is_private or address.is_loopback)
            and not (address.is_link_local or address.is_unspecified)
        )

    async def close(self) -> None:
        await self._resolver.close()


def _address(entry: ResolveResult) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(entry["host"].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@contextmanager
def _telling() -> Iterator[None]:
    """Turns what the client raises, which may quote the URI, into what does not."""
    try:
        yield
    except HttpResponseError as error:
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        code = headers.get("x-ms-error-code", "")
        said = f"{error.status_code or ''} {code}".strip()
        raise MirrorError(f"its storage answered {said}") from None
    except (AzureError, asyncio.TimeoutError):
        raise MirrorError("its storage does not answer") from None
