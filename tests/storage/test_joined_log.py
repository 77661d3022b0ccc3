from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
import zstandard

from loop.events import Micros
from loop.segments import HOUR, JOINED_LOG
from storage.blobs import Blobs
from storage.factory import LoopStorage
from storage.joined_log import Cursor, joined_lines, lines, sampled_lines

HOURS = 472_222
"""The hour, counted from 1970, that the first file of a test is of."""


@pytest.fixture
def blobs(storage: LoopStorage) -> Blobs:
    return storage.blobs


def hour(number: int) -> Micros:
    return Micros((HOURS + number) * HOUR)


async def put(blobs: Blobs, number: int, sequence: int, count: int) -> str:
    """A file of ``count`` lines that say where they stand, in frames of ten."""
    name = JOINED_LOG.name(hour(number), sequence)
    rows = [b"%d-%d-%d\n" % (number, sequence, i) for i in range(count)]
    frames = [
        zstandard.compress(b"".join(rows[start : start + 10])) for start in range(0, count, 10)
    ]
    await blobs.write(name, b"".join(frames))
    return name


async def read(
    blobs: Blobs, start: Micros, end: Micros, after: Cursor | None = None
) -> list[tuple[Cursor, bytes]]:
    return [found async for found in joined_lines(blobs, start, end, after)]


async def test_lines_come_in_the_order_of_hours_and_of_files(blobs: Blobs) -> None:
    # GIVEN an hour of so many files that their names are out of order
    names = [await put(blobs, 1, sequence, 1) for sequence in (1000, 2, 999)]
    await put(blobs, 0, 0, 2)
    await put(blobs, 2, 0, 1)
    await blobs.write("log/notes.txt", b"none of the log's")
    # WHEN the two hours are read that a range touches
    found = await read(blobs, Micros(hour(1) - 1), Micros(hour(1) + 1))
    # THEN each line comes with the place behind it
    assert [line for _, line in found] == [b"0-0-0", b"0-0-1", b"1-2-0", b"1-999-0", b"1-1000-0"]
    assert found[1][0] == Cursor(JOINED_LOG.name(hour(0), 0), 2)
    assert found[4][0] == Cursor(names[0], 1)


async def test_reading_goes_on_from_any_place(blobs: Blobs) -> None:
    for sequence, count in enumerate((3, 0, 12)):
        await put(blobs, 0, sequence, count)
    whole = await read(blobs, hour(0), hour(1))
    assert len(whole) == 15
    for place, (cursor, _) in enumerate(whole):
        assert await read(blobs, hour(0), hour(1), cursor) == whole[place + 1 :]


async def test_a_place_stays_when_files_grow_and_when_old_ones_go(blobs: Blobs) -> None:
    # GIVEN a place in the second of three files
    first, second, third = [await put(blobs, number, 0, 5) for number in range(3)]
    place = Cursor(second, 4)
    # WHEN the log grows, and retention takes the first file
    await put(blobs, 1, 0, 7)
    await blobs.delete(first)
    # THEN nothing is read twice, and nothing left out
    found = [line for _, line in await read(blobs, hour(0), hour(3), place)]
    rest = [b"2-0-%d" % i for i in range(5)]
    assert found == [b"1-0-4", b"1-0-5", b"1-0-6", *rest]
    # AND where its own file is gone, what follows is
    await blobs.delete(second)
    assert [cursor.blob for cursor, _ in await read(blobs, hour(0), hour(3), place)] == [third] * 5


async def test_a_sample_is_spread_over_files_and_over_each_of_them(blobs: Blobs) -> None:
    for number in range(4):
        await put(blobs, number, 0, 50)
    sample = await sampled_lines(blobs, hour(1), hour(3), 10)
    assert sample == [b"%d-0-%d" % (number, i) for number in (1, 2) for i in range(0, 50, 10)]
    assert await sampled_lines(blobs, hour(1), hour(3), 10) == sample


async def test_a_sample_of_a_short_log_is_all_of_it(blobs: Blobs) -> None:
    await put(blobs, 0, 0, 3)
    assert await sampled_lines(blobs, hour(0), hour(1), 1000) == [b"0-0-0", b"0-0-1", b"0-0-2"]
    assert await sampled_lines(blobs, hour(5), hour(6), 1000) == []


async def test_a_sample_opens_a_few_files_of_many(blobs: Blobs) -> None:
    await asyncio.gather(*(put(blobs, number, 0, 30) for number in range(70)))
    sample = await sampled_lines(blobs, hour(0), hour(70), 200)
    assert len(sample) == 200
    numbers = sorted({int(line.split(b"-")[0]) for line in sample})
    assert len(numbers) == 20
    assert max(b - a for a, b in pairwise(numbers)) == 4


async def test_lines_are_whole_however_they_are_cut(blobs: Blobs) -> None:
    rows = [b"%06d" % i * 50 for i in range(5_000)]
    data = zstandard.compress(b"\n".join(rows) + b"\n") + zstandard.compress(b"last")
    await blobs.write("log/a", data)
    assert [line async for line in lines(blobs.stream("log/a"))] == [*rows, b"last"]
