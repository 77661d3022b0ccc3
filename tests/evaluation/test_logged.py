"""Whether there is anything to evaluate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import zstandard

from evaluation import logged
from evaluation.logged import has_events
from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Micros
from loop.joined import JoinedEvent
from loop.segments import HOUR, JOINED_LOG
from storage.azure_blobs import AzureBlobs
from storage.blobs import Blobs
from storage.factory import LoopStorage
from tests.trainer.scene import decision

FIRST = 472_222
"""The first hour, counted from 1970, that has a file."""


@pytest.fixture
def blobs(storage: LoopStorage) -> Blobs:
    return storage.blobs


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, as they are."""
    names: list[str] = []
    stream = AzureBlobs.stream

    def heard(self: AzureBlobs, name: str) -> AsyncIterator[bytes]:
        names.append(name)
        return stream(self, name)

    monkeypatch.setattr(AzureBlobs, "stream", heard)
    return names


def at(hours: float) -> Micros:
    """A time so many hours after the first one has begun."""
    return Micros(FIRST * HOUR + round(hours * HOUR))


def line(time: Micros) -> bytes:
    return JoinedEvent.of(replace(decision("e", 0), time=time), (), ServiceConfiguration()).line()


async def put(blobs: Blobs, *hours: float, sequence: int = 0) -> str:
    """A file of the log with events at these times, all of one hour."""
    data = b"".join(line(at(each)) + b"\n" for each in hours)
    name = JOINED_LOG.name(at(hours[0]), sequence)
    await blobs.write(name, zstandard.compress(data))
    return name


async def test_an_empty_log_has_nothing(blobs: Blobs) -> None:
    assert not await has_events(blobs, at(-1e5), at(1e5))


async def test_a_whole_hour_needs_no_look_inside(blobs: Blobs, read: list[str]) -> None:
    await put(blobs, 0.5)
    assert await has_events(blobs, at(0), at(1))
    assert await has_events(blobs, at(-100), at(100))
    assert not await has_events(blobs, at(1), at(100))
    assert not await has_events(blobs, at(-100), at(0))
    assert read == []


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.25, 0.75, True),
        (0.5, 0.75, True),
        (0.25, 0.5, False),
        (0.6, 0.75, False),
        (0.25, 1.2, True),
        (0.6, 1.2, False),
        (0.6, 1.26, True),
        (-5, 0.4, False),
        (-5, 0.51, True),
        (1.75, 9, True),
        (1.76, 9, False),
    ],
)
async def test_it_is_true_to_the_event(
    blobs: Blobs, start: float, end: float, expected: bool
) -> None:
    # GIVEN one event in the middle of an hour, and two in the next, each in a file of its own
    await put(blobs, 0.5)
    await put(blobs, 1.25)
    await put(blobs, 1.75, sequence=1)
    # WHEN a range begins or ends within an hour THEN it is looked who is there
    assert await has_events(blobs, at(start), at(end)) is expected


async def test_the_end_of_a_range_is_looked_at_first(blobs: Blobs, read: list[str]) -> None:
    await put(blobs, 0.1)
    last = await put(blobs, 1.1)
    assert await has_events(blobs, at(0.5), at(1.5))
    assert read == [last]


async def test_a_line_that_is_none_is_nothing(blobs: Blobs) -> None:
    data = b"{}\nnonsense\n" + line(at(0.5)) + b"\n"
    await blobs.write(JOINED_LOG.name(at(0), 0), zstandard.compress(data))
    assert await has_events(blobs, at(0.4), at(0.6))
    assert not await has_events(blobs, at(0.6), at(0.7))


async def test_a_long_hour_is_not_read_to_its_end(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an hour with more events before the range than are read
    monkeypatch.setattr(logged, "MOST_LINES", 100)
    await put(blobs, *(0.1 + i / 1000 for i in range(200)))
    # WHEN nothing was found by then THEN there is taken to be something behind it
    assert await has_events(blobs, at(0.9), at(0.95))
    # AND what is read to its end is known
    await put(blobs, *(2 + i / 1000 for i in range(100)))
    assert not await has_events(blobs, at(2.9), Micros(at(2.9) + SECOND))
