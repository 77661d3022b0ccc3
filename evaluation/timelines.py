"""What policies have earned in stretches of time of one length, whatever a result keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone

from evaluation.jobs import JudgedPolicy, JudgedSlot
from evaluation.judging import sums_of
from loop.estimates import Sums
from loop.events import Micros
from loop.iso import micros_of

EARLIEST = micros_of(datetime.min.replace(tzinfo=timezone.utc))
LATEST = micros_of(datetime.max.replace(tzinfo=timezone.utc))

Cells = Mapping[int, Sums]
"""Sums by the number of their stretch, counted from 1970; a stretch without events has none."""


def width_of(policies: Iterable[JudgedPolicy], least: Micros) -> Micros:
    """The shortest stretch that ``least`` and every stretch that is kept fit into without a rest.

    >>> from evaluation.jobs import Source
    >>> slots = (JudgedSlot(slot="", buckets=(), width=Micros(40)),)
    >>> policy = JudgedPolicy(name="a", arguments="", source=Source.FOUND, slots=slots)
    >>> width_of([policy], Micros(60))
    120
    """
    return Micros(math.lcm(least, *{slot.width for policy in policies for slot in policy.slots}))


def cells_of(
    slot: JudgedSlot, width: Micros, start: Micros = EARLIEST, end: Micros = LATEST
) -> Cells:
    """The sums of a slot by stretches of ``width``.

    Args:
        width: A multiple of the slot's own.
        start: Only what is kept of times from here to before ``end``; a part that reaches over
            either counts whole.
    """
    cells: dict[int, Sums] = {}
    for bucket in slot.buckets:
        if bucket.start < end and bucket.start + slot.width > start:
            cells.setdefault(bucket.start // width, Sums()).include(sums_of(bucket))
    return cells


def expanding(slots: Sequence[Cells]) -> Iterator[tuple[int, Sequence[Sums]]]:
    """The number of each stretch with events, and the sums of each slot up to its end."""
    grown = [Sums() for _ in slots]
    for number in sorted(set().union(*slots)):
        for sums, cells in zip(grown, slots, strict=True):
            if number in cells:
                sums.include(cells[number])
        yield number, grown


def rolling(slots: Sequence[Cells]) -> Iterator[tuple[int, Sequence[Sums]]]:
    """The number of each stretch with events, and the sums of each slot in it alone."""
    for number in sorted(set().union(*slots)):
        yield number, [cells[number] for cells in slots if number in cells]
