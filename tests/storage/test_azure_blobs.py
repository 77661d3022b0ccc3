from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from loop.errors import StorageUnavailable
from storage.blobs import Blobs, Conflict
from storage.factory import LoopStorage, Storage, open_storage
from storage.options import StorageOptions, Timeouts
from tests.fault_proxy import Answer, FaultProxy, Hang, LoseAnswer


@pytest.fixture
def blobs(storage: LoopStorage) -> Blobs:
    return storage.blobs


async def streamed(blobs: Blobs, name: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.stream(name)])


async def names(blobs: Blobs, prefix: str) -> list[str]:
    return [entry.name async for entry in blobs.list(prefix)]


async def test_nothing_is_there_before_it_is_written(blobs: Blobs) -> None:
    assert await blobs.read("a") is None
    assert await blobs.read_if_changed("a", '"0x1"') is None
    assert await streamed(blobs, "a") == b""
    assert await blobs.blocks("a") == ((), None)
    assert await names(blobs, "") == []
    await blobs.delete("a")


async def test_the_first_write_of_all_makes_the_container(options: StorageOptions) -> None:
    # GIVEN an account without the container
    async with open_storage(replace(options, container=f"c{os.urandom(8).hex()}")) as opened:
        blobs = opened.loop("default").blobs
        assert await blobs.read("a") is None
        assert await names(blobs, "") == []
        # WHEN something is written THEN it is there
        await blobs.replace("a", b"1", None)
        assert await names(blobs, "") == ["a"]


@pytest.mark.parametrize("data", [b"", b"one", os.urandom(9 * 1024 * 1024)])
async def test_what_was_written_is_read_back(blobs: Blobs, data: bytes) -> None:
    etag = await blobs.write("models/ü 1%.vw", data)
    blob = await blobs.read("models/ü 1%.vw")
    assert blob is not None
    assert (blob.data == data, blob.etag) == (True, etag)
    assert await streamed(blobs, "models/ü 1%.vw") == data


async def test_a_blob_is_read_again_only_when_it_has_changed(blobs: Blobs) -> None:
    etag = await blobs.write("a", b"1")
    assert await blobs.read_if_changed("a", etag) is None
    await blobs.write("a", b"2")
    blob = await blobs.read_if_changed("a", etag)
    assert blob is not None
    assert blob.data == b"2"
    assert await blobs.read_if_changed("a", blob.etag) is None


class TestReplace:
    async def test_creates_only_what_is_not_there(self, blobs: Blobs) -> None:
        await blobs.replace("a", b"1", None)
        with pytest.raises(Conflict):
            await blobs.replace("a", b"2", None)
        assert await streamed(blobs, "a") == b"1"

    async def test_writes_only_over_what_was_read(self, blobs: Blobs) -> None:
        # GIVEN two readers of one version
        etag = await blobs.replace("a", b"1", None)
        # WHEN both write THEN the first wins
        second = await blobs.replace("a", b"2", etag)
        with pytest.raises(Conflict):
            await blobs.replace("a", b"3", etag)
        assert await streamed(blobs, "a") == b"2"
        await blobs.replace("a", b"4", second)

    async def test_does_not_bring_back_what_was_deleted(self, blobs: Blobs) -> None:
        etag = await blobs.replace("a", b"1", None)
        await blobs.delete("a")
        with pytest.raises(Conflict):
            await blobs.replace("a", b"2", etag)
        assert await blobs.read("a") is None


class TestBlocks:
    async def test_are_seen_once_they_are_committed(self, blobs: Blobs) -> None:
        # GIVEN staged blocks
        await blobs.stage_block("log", "b1", b"one")
        await blobs.stage_block("log", "b2", b"two")
        assert await streamed(blobs, "log") == b""
        assert await blobs.read("log") is None
        assert await blobs.blocks("log") == ((), None)
        # WHEN the first is committed, THEN it is all there is
        await blobs.commit_blocks("log", ["b1"], None)
        committed, etag = await blobs.blocks("log")
        assert committed == ("b1",)
        assert await streamed(blobs, "log") == b"one"
        # AND more can be added to it
        await blobs.stage_block("log", "b3", b"three")
        await blobs.commit_blocks("log", ["b1", "b3"], etag)
        assert await streamed(blobs, "log") == b"onethree"

    async def test_are_guarded_by_what_was_read(self, blobs: Blobs) -> None:
        await blobs.stage_block("log", "b1", b"one")
        await blobs.commit_blocks("log", ["b1"], None)
        _, etag = await blobs.blocks("log")
        await blobs.stage_block("log", "b2", b"two")
        with pytest.raises(Conflict):
            await blobs.commit_blocks("log", ["b2"], None)
        await blobs.commit_blocks("log", ["b1", "b2"], etag)
        with pytest.raises(Conflict):
            await blobs.commit_blocks("log", ["b1"], etag)
        assert await streamed(blobs, "log") == b"onetwo"

    async def test_that_are_gone_can_not_be_committed(self, blobs: Blobs) -> None:
        await blobs.stage_block("log", "b1", b"one")
        await blobs.commit_blocks("log", ["b1"], None)
        _, etag = await blobs.blocks("log")
        with pytest.raises(Conflict):
            await blobs.commit_blocks("log", ["b1", "b2"], etag)
        assert await streamed(blobs, "log") == b"one"

    async def test_a_stream_gives_what_was_committed_when_it_began(self, blobs: Blobs) -> None:
        # GIVEN a file of more than one chunk, that is being read
        first = os.urandom(9 * 1024 * 1024)
        await blobs.stage_block("log", "b1", first)
        await blobs.commit_blocks("log", ["b1"], None)
        _, etag = await blobs.blocks("log")
        stream = blobs.stream("log")
        chunks = [await anext(stream)]
        # WHEN it grows meanwhile
        await blobs.stage_block("log", "b2", b"two")
        await blobs.commit_blocks("log", ["b1", "b2"], etag)
        # THEN the reader gets what there was
        chunks += [chunk async for chunk in stream]
        assert b"".join(chunks) == first


class TestList:
    async def test_gives_a_loop_its_own_blobs_in_order(
        self, opened: Storage, loop_name: str, blobs: Blobs
    ) -> None:
        await opened.loop(f"{loop_name}2").blobs.write("log/1", b"")
        for name in ("log/2", "models/1", "log/1", "log/10"):
            await blobs.write(name, b"123")
        assert await names(blobs, "log/") == ["log/1", "log/10", "log/2"]
        assert await names(blobs, "") == ["log/1", "log/10", "log/2", "models/1"]
        entries = [entry async for entry in blobs.list("models/")]
        assert entries[0].size == 3
        assert entries[0].modified.tzinfo is not None

    async def test_leaves_out_what_is_not_committed(self, blobs: Blobs) -> None:
        await blobs.stage_block("log/1", "b1", b"one")
        assert await names(blobs, "") == []


class TestFaults:
    """What happens when the blob service does not do what it should."""

    @pytest.fixture
    async def proxy(self, options: StorageOptions) -> AsyncIterator[FaultProxy]:
        async with FaultProxy(options.blob_endpoint) as proxy:
            yield proxy

    @pytest.fixture
    async def unsafe(
        self, options: StorageOptions, proxy: FaultProxy, loop_name: str
    ) -> AsyncIterator[Blobs]:
        short = Timeouts(read=0.1, write=0.1, retries=(0.0,))
        behind = replace(options, blob_endpoint=proxy.endpoint, timeouts=short)
        async with open_storage(behind) as opened:
            yield opened.loop(loop_name).blobs

    async def test_one_failure_of_what_may_be_repeated_goes_unseen(
        self, proxy: FaultProxy, unsafe: Blobs
    ) -> None:
        await unsafe.write("a", b"1")
        proxy.once(Answer(503, "ServerBusy"))
        blob = await unsafe.read("a")
        assert blob is not None
        proxy.once(LoseAnswer())
        await unsafe.write("b", b"2")
        proxy.once(Answer(500))
        assert await names(unsafe, "") == ["a", "b"]
        proxy.once(LoseAnswer())
        await unsafe.delete("b")
        assert await names(unsafe, "") == ["a"]

    async def test_a_guarded_write_is_never_sent_twice(
        self, proxy: FaultProxy, unsafe: Blobs, blobs: Blobs
    ) -> None:
        # GIVEN a write whose answer is lost
        etag = await unsafe.replace("a", b"1", None)
        proxy.requests.clear()
        proxy.once(LoseAnswer())
        # THEN its outcome is unknown, not a conflict with oneself
        with pytest.raises(StorageUnavailable):
            await unsafe.replace("a", b"2", etag)
        assert await streamed(blobs, "a") == b"2"
        assert len(proxy.requests) == 1
        with pytest.raises(Conflict):
            await unsafe.replace("a", b"3", etag)

    async def test_a_service_that_hangs_is_given_up(self, proxy: FaultProxy, unsafe: Blobs) -> None:
        await unsafe.write("a", b"1")
        proxy.always(Hang())
        with pytest.raises(StorageUnavailable):
            await unsafe.read("a")
        with pytest.raises(StorageUnavailable):
            await unsafe.replace("a", b"2", '"0x1"')
        assert proxy.held == 3
        proxy.heal()
        blob = await unsafe.read("a")
        assert blob is not None

    async def test_a_refusal_names_its_cause(self, proxy: FaultProxy, unsafe: Blobs) -> None:
        proxy.always(Answer(403, "AuthorizationFailure"))
        with pytest.raises(StorageUnavailable, match="403 AuthorizationFailure"):
            await unsafe.read("a")
        with pytest.raises(StorageUnavailable, match="403 AuthorizationFailure"):
            await unsafe.replace("a", b"", None)

    async def test_a_service_that_is_gone_is_found_again(
        self, proxy: FaultProxy, unsafe: Blobs
    ) -> None:
        await unsafe.write("a", b"1")
        await proxy.gone()
        with pytest.raises(StorageUnavailable):
            await unsafe.read("a")
        await proxy.back()
        assert await streamed(unsafe, "a") == b"1"
