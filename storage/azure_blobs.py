"""Blobs on Azure Blob Storage: one container for all loops, a folder for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypedDict, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline import PipelineResponse
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobClient, ContainerClient

from loop.errors import StorageUnavailable
from storage.blobs import Blob, BlobEntry, Blobs, Conflict
from storage.options import Timeouts

T = TypeVar("T")

_CHUNK = 8 * 1024 * 1024
_CONFLICTS = {
    "BlobAlreadyExists",
    "BlobNotFound",
    "ConditionNotMet",
    "InvalidBlockId",
    "InvalidBlockList",
    "TargetConditionNotMet",
}


class _Condition(TypedDict, total=False):
    etag: str
    match_condition: MatchConditions


_MISSING: _Condition = {"match_condition": MatchConditions.IfMissing}


class AzureBlobs(Blobs):
    """The blobs of one folder of a container: those of a loop.

    What may be repeated is tried again a bounded number of times. A guarded write is not: its
    second attempt could not tell a stranger's write from its own first one.

    Args:
        container: A client that retries nothing by itself; it stays the caller's to close.
        folder: What the names of these blobs begin with, without a slash; empty for the
            container itself.
    """

    def __init__(self, container: ContainerClient, folder: str, timeouts: Timeouts) -> None:
        self._container = container
        self._folder = f"{folder}/" if folder else ""
        self._retries = timeouts.retries
        self._write_seconds = timeouts.write

    async def read(self, name: str) -> Blob | None:
        return await self._repeated(partial(self._download, name, None))

    async def read_if_changed(self, name: str, etag: str) -> Blob | None:
        return await self._repeated(partial(self._download, name, etag))

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        # A file of blocks only grows: its length at the start bounds what is read of it.
        size = await self._repeated(partial(self._size, name))
        for offset in range(0, size, _CHUNK):
            length = min(_CHUNK, size - offset)
            yield await self._repeated(partial(self._range, name, offset, length))

    async def write(self, name: str, data: bytes) -> str:
        async def upload() -> str:
            written = await self._blob(name).upload_blob(
                data, overwrite=True, read_timeout=self._write_seconds
            )
            return str(written["etag"])

        return await self._repeated(partial(self._in_container, upload))

    async def replace(self, name: str, data: bytes, etag: str | None) -> str:
        async def upload() -> str:
            written = await self._blob(name).upload_blob(
                data,
                overwrite=etag is not None,
                read_timeout=self._write_seconds,
                **_still(etag),
            )
            return str(written["etag"])

        return await self._guarded(upload)

    async def stage_block(self, name: str, block_id: str, data: bytes) -> None:
        async def stage() -> None:
            await self._blob(name).stage_block(
                block_id, data, len(data), read_timeout=self._write_seconds
            )

        await self._repeated(partial(self._in_container, stage))

    async def blocks(self, name: str) -> tuple[tuple[str, ...], str | None]:
        return await self._repeated(partial(self._block_list, name))

    async def commit_blocks(self, name: str, block_ids: Sequence[str], etag: str | None) -> None:
        async def commit() -> None:
            await self._blob(name).commit_block_list(
                [BlobBlock(block_id) for block_id in block_ids],
                read_timeout=self._write_seconds,
                **(_MISSING if etag is None else _still(etag)),
            )

        await self._guarded(commit)

    async def list(self, prefix: str) -> AsyncIterator[BlobEntry]:
        start = self._folder + prefix
        pages = self._container.list_blobs(name_starts_with=start).by_page()

        async def page() -> list[BlobEntry] | None:
            try:
                found = await anext(pages, None)
            except ResourceNotFoundError:
                return None
            if found is None:
                return None
            return [
                BlobEntry(blob.name.removeprefix(self._folder), blob.size, blob.last_modified)
                async for blob in found
            ]

        while (entries := await self._repeated(page)) is not None:
            for entry in entries:
                yield entry

    async def delete(self, name: str) -> None:
        async def delete() -> None:
            with suppress(ResourceNotFoundError):
                await self._blob(name).delete_blob()

        await self._repeated(delete)

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(self._folder + name)

    async def _download(self, name: str, unless: str | None) -> Blob | None:
        try:
            downloader = await self._blob(name).download_blob(**_no_longer(unless))
            data = await downloader.readall()
        except ResourceNotFoundError:
            return None
        except HttpResponseError as e:
            if e.status_code == 304:
                return None
            raise
        return Blob(data, str(downloader.properties.etag))

    async def _size(self, name: str) -> int:
        try:
            properties = await self._blob(name).get_blob_properties()
        except ResourceNotFoundError:
            return 0
        return int(properties.size)

    async def _range(self, name: str, offset: int, length: int) -> bytes:
        downloader = await self._blob(name).download_blob(offset, length)
        return await downloader.readall()

    async def _block_list(self, name: str) -> tuple[tuple[str, ...], str | None]:
        etag: str | None = None

        def keep_etag(response: PipelineResponse[HttpRequest, AsyncHttpResponse]) -> None:
            nonlocal etag
            etag = response.http_response.headers.get("ETag")

        try:
            committed, _ = await self._blob(name).get_block_list(
                "committed", raw_response_hook=keep_etag
            )
        except ResourceNotFoundError:
            return (), None
        # Staged blocks alone are no blob yet, though the answer may have an ETag.
        return tuple(str(block.id) for block in committed), etag if committed else None

    async def _in_container(self, write: Callable[[], Awaitable[T]]) -> T:
        """``write``, and once more if it was the container that was missing."""
        try:
            return await write()
        except ResourceNotFoundError as e:
            if _code(e) != "ContainerNotFound":
                raise
        with suppress(ResourceExistsError):
            await self._container.create_container()
        return await write()

    async def _guarded(self, write: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._in_container(write)
        except HttpResponseError as e:
            if _code(e) in _CONFLICTS:
                raise Conflict from e
            raise _unavailable(e) from e
        except AzureError as e:
            raise _unavailable(e) from e

    async def _repeated(self, call: Callable[[], Awaitable[T]]) -> T:
        for wait in self._retries:
            with suppress(AzureError):
                return await call()
            await asyncio.sleep(wait)
        try:
            return await call()
        except AzureError as e:
            raise _unavailable(e) from e


def _still(etag: str | None) -> _Condition:
    if etag is None:
        return {}
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _no_longer(etag: str | None) -> _Condition:
    if etag is None:
        return {}
    return {"etag": etag, "match_condition": MatchConditions.IfModified}


def _code(error: HttpResponseError) -> str:
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    return headers.get("x-ms-error-code", "")


def _unavailable(error: AzureError) -> StorageUnavailable:
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        said = f"{error.status_code} {_code(error)}".strip()
        return StorageUnavailable(f"The blob storage answered {said}.")
    return StorageUnavailable(f"The blob storage does not answer: {type(error).__name__}.")
