from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.limits import Limits
from evaluation.stretches import fetch
from evaluation.tasks import Stretch
from loop.segments import HOUR, JOINED_LOG
from storage.blobs import BlobEntry
from storage.factory import LoopStorage
from storage.joined_log import Cursor, log_files
from tests.trainer.scene import START, after

SIZE = 1_000


@pytest.fixture
async def files(storage: LoopStorage) -> list[BlobEntry]:
    """Five files of an hour each."""
    for number in range(5):
        name = JOINED_LOG.name(after(number * 3_600), 0)
        await storage.blobs.write(name, bytes([number]) * SIZE)
    return await log_files(storage.blobs, START, after(5 * 3_600))


def contents(stretch: Stretch) -> list[bytes]:
    return [file.path.read_bytes() for file in stretch.files]


async def test_a_whole_log_that_is_short(
    storage: LoopStorage, files: list[BlobEntry], tmp_path: Path
) -> None:
    stretch = await fetch(storage.blobs, files, [None], tmp_path, Limits())
    assert contents(stretch) == [bytes([number]) * SIZE for number in range(5)]
    assert [file.name for file in stretch.files] == [file.name for file in files]
    assert (stretch.before, stretch.total, stretch.following) == (0, 5 * SIZE, None)


async def test_what_follows_on_the_one_who_is_furthest_behind(
    storage: LoopStorage, files: list[BlobEntry], tmp_path: Path
) -> None:
    places = [Cursor(files[3].name, 10), Cursor(files[1].name, 5)]
    limits = Limits(stretch_bytes=2 * SIZE + 1)
    stretch = await fetch(storage.blobs, files, places, tmp_path, limits)
    assert contents(stretch) == [bytes([1]) * SIZE, bytes([2]) * SIZE]
    assert (stretch.before, stretch.following) == (SIZE, files[3].name)


async def test_one_file_at_least_and_not_too_many(
    storage: LoopStorage, files: list[BlobEntry], tmp_path: Path
) -> None:
    for name, limits in (("a", Limits(stretch_bytes=1)), ("b", Limits(stretch_files=1))):
        (folder := tmp_path / name).mkdir()
        stretch = await fetch(storage.blobs, files, [None], folder, limits)
        assert contents(stretch) == [bytes([0]) * SIZE]
        assert stretch.following == files[1].name


async def test_where_the_file_is_gone_the_next_one_follows(
    storage: LoopStorage, files: list[BlobEntry], tmp_path: Path
) -> None:
    places = [Cursor(files[1].name, 5)]
    left = [files[0], *files[2:]]
    stretch = await fetch(storage.blobs, left, places, tmp_path, Limits(stretch_files=1))
    assert contents(stretch) == [bytes([2]) * SIZE]


async def test_a_file_that_goes_while_it_is_fetched_is_empty(
    storage: LoopStorage, files: list[BlobEntry], tmp_path: Path
) -> None:
    await storage.blobs.delete(files[0].name)
    stretch = await fetch(storage.blobs, files, [None], tmp_path, Limits(stretch_files=1))
    assert contents(stretch) == [b""]


async def test_behind_the_end_there_is_nothing(
    storage: LoopStorage, files: list[BlobEntry], tmp_path: Path
) -> None:
    later = Cursor(JOINED_LOG.name(after(10 * HOUR), 0), 1)
    for places in ([later], [None]):
        some = files if places == [later] else []
        stretch = await fetch(storage.blobs, some, places, tmp_path, Limits())
        assert (stretch.files, stretch.following) == ((), None)
