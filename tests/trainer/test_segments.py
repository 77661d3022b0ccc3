from __future__ import annotations

from collections.abc import Sequence

import pytest

from loop.events import Micros
from loop.manifest import LogSegment
from loop.segments import HOUR, JOINED_LOG
from storage.blobs import Blobs
from storage.factory import LoopStorage
from storage.joined_log import lines
from storage.settling import settle
from trainer.limits import Limits
from trainer.segments import SegmentWriter

TIME = Micros(472_222 * HOUR)
NAME = JOINED_LOG.name(TIME, 0)


@pytest.fixture
def blobs(storage: LoopStorage) -> Blobs:
    return storage.blobs


async def staged(blobs: Blobs, run_id: str, rows: Sequence[bytes]) -> tuple[LogSegment, ...]:
    writer = SegmentWriter(blobs, JOINED_LOG, run_id, Limits())
    await writer.add(TIME, rows)
    return await writer.finish()


async def seen(blobs: Blobs) -> list[bytes]:
    return [line async for line in lines(blobs.stream(NAME))]


async def test_lines_are_seen_once_they_are_settled(blobs: Blobs) -> None:
    segments = await staged(blobs, "run1", [b"a", b"b"])
    assert await seen(blobs) == []
    await settle(blobs, segments)
    await settle(blobs, segments)
    assert await seen(blobs) == [b"a", b"b"]


async def test_a_run_adds_to_what_is_there(blobs: Blobs) -> None:
    await settle(blobs, await staged(blobs, "run1", [b"a"]))
    second = await staged(blobs, "run2", [b"b"])
    assert [len(segment.blocks) for segment in second] == [2]
    await settle(blobs, second)
    assert await seen(blobs) == [b"a", b"b"]


async def test_a_stale_run_does_not_drop_what_newer_ones_have_added(blobs: Blobs) -> None:
    # GIVEN two manifests, one after the other, both settled
    first = await staged(blobs, "run1", [b"a"])
    await settle(blobs, first)
    await settle(blobs, await staged(blobs, "run2", [b"b"]))
    # WHEN a run that still goes by the first one settles it
    await settle(blobs, first)
    # THEN nothing is lost
    assert await seen(blobs) == [b"a", b"b"]


async def test_a_run_that_loses_leaves_nothing(blobs: Blobs) -> None:
    # GIVEN two runs that have staged on the same ground
    await settle(blobs, await staged(blobs, "run0", [b"a"]))
    loser = await staged(blobs, "run1", [b"lost"])
    winner = await staged(blobs, "run2", [b"b"])
    # WHEN one of them is settled, and, against all rules, then the other
    await settle(blobs, winner)
    await settle(blobs, loser)
    # THEN only the first counts
    assert await seen(blobs) == [b"a", b"b"]


async def test_what_is_gone_is_reported_and_holds_up_nothing(
    blobs: Blobs, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a log that the owner has deleted while a run was under way
    segments = await staged(blobs, "run1", [b"a"])
    await blobs.commit_blocks(NAME, (), None)
    await blobs.delete(NAME)
    # WHEN the run settles what it has staged
    await settle(blobs, segments)
    # THEN nothing comes back
    assert [record.message for record in caplog.records] == ["log_segment_lost"]
    assert await seen(blobs) == []


async def test_many_lines_are_staged_in_several_blocks(blobs: Blobs) -> None:
    rows = [b"%06d" % i for i in range(1000)]
    writer = SegmentWriter(blobs, JOINED_LOG, "run1", Limits(block_bytes=700))
    await writer.add(TIME, rows)
    [segment] = await writer.finish()
    assert len(segment.blocks) == 10
    await settle(blobs, [segment])
    assert await seen(blobs) == rows
