"""How well a loop does: events and their rewards in aggregates small enough to keep them all.

A period is a stretch of one learning mode. Inside it a cell holds what was decided in one hour,
and never goes past a multiple of 10,000 events of the period: so cells add up to rows by hours and
to rows by ten thousands of events, without a look at the log. Rewards are the observed ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson
import zstandard

from loop.events import SECOND, LearningMode, Micros
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent
from loop.model import MAX_COST
from loop.segments import HOUR

EVENTS = 10_000
"""The least number of events that a row is made for."""

FINE_CELLS = 1_000
"""How many cells keep to ten thousands of events; older ones are whole hours."""

MOST_CELLS = 12_000
"""How many cells are kept: 500 days of one learning mode, decided in at every hour."""

SETTLING = 60 * SECOND
"""How long processes may take to notice a new learning mode. What they decide meanwhile in the one
before counts in the period before."""


@dataclass(slots=True)
class Sums:
    """What was observed of some events.

    Attributes:
        events: How many they are.
        rewards: The sum of their rewards.
        matched: In how many the model's choice was the baseline.
        imitated: The sum of the rewards of those.
    """

    events: int = 0
    rewards: float = 0.0
    matched: int = 0
    imitated: float = 0.0

    def add(self, other: Sums) -> None:
        """Take in what was observed of further events."""
        self.events += other.events
        self.rewards += other.rewards
        self.matched += other.matched
        self.imitated += other.imitated


@dataclass(slots=True)
class Cell:
    """The events of a period that were decided from ``start`` to ``end``, in one hour of UTC."""

    start: Micros
    end: Micros
    sums: Sums

    @property
    def hour(self) -> int:
        """Which hour since 1970 it is."""
        return self.start // HOUR


@dataclass(slots=True)
class Period:
    """A stretch of one learning mode.

    Attributes:
        start: When its first event was decided.
        before: Its events that are too old to have cells.
        cells: In order of time.
    """

    mode: LearningMode
    start: Micros
    before: Sums = field(default_factory=Sums)
    cells: list[Cell] = field(default_factory=list)
    events: int = 0

    def add(self, time: Micros, sums: Sums) -> None:
        """Take in an event; none comes after a later one of its hour."""
        last = self.cells[-1] if self.cells else None
        if last is None or last.hour != time // HOUR or self.events % EVENTS == 0:
            self.cells.append(Cell(time, time, sums))
        else:
            last.end = time
            last.sums.add(sums)
        self.events += sums.events


@dataclass(slots=True)
class LearningMetrics:
    """All periods of a loop, in order of time."""

    periods: list[Period] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Count an event, in order of time; one without weight does not count."""
        if not has_weight(event):
            return
        decision = event.decision
        self._period(decision.mode, decision.time).add(decision.time, observed(event))

    def _period(self, mode: LearningMode, time: Micros) -> Period:
        following = Micros(time + 1)
        for period in reversed(self.periods):
            if period.mode is mode and time < following + SETTLING:
                return period
            following = period.start
        self.periods.append(Period(mode, time))
        return self.periods[-1]

    def forget(self, time: int) -> None:
        """Drop the cells of hours that end by ``time``, and what exceeds the bounds.

        What is dropped still counts in the totals of a period that goes on.
        """
        cells = sorted(cell.start for period in self.periods for cell in period.cells)
        if len(cells) > FINE_CELLS:
            for period in self.periods:
                period.cells = _coarser(period.cells, cells[-FINE_CELLS])
        starts = sorted(cell.start for period in self.periods for cell in period.cells)
        oldest = starts[-MOST_CELLS] if len(starts) > MOST_CELLS else Micros(0)
        for period in self.periods:
            kept = []
            for cell in period.cells:
                if cell.start < oldest or (cell.hour + 1) * HOUR <= time:
                    period.before.add(cell.sums)
                else:
                    kept.append(cell)
            period.cells = kept
        self.periods = [p for p in self.periods if p.cells or p is self.periods[-1]]

    def encode(self) -> bytes:
        """Compressed columns.

        >>> metrics = LearningMetrics([Period(LearningMode.ONLINE, Micros(5))])
        >>> metrics.periods[0].add(Micros(5), Sums(1, 0.5))
        >>> LearningMetrics.decode(metrics.encode()) == metrics
        True
        """
        return zstandard.compress(orjson.dumps([_columns(period) for period in self.periods]))

    @classmethod
    def decode(cls, data: bytes) -> LearningMetrics:
        """The inverse of ``encode``."""
        periods = []
        for mode, start, before, columns in orjson.loads(zstandard.decompress(data)):
            period = Period(LearningMode(mode), Micros(start), Sums(*before))
            for first, last, *sums in zip(*columns, strict=True):
                period.cells.append(Cell(Micros(first), Micros(last), Sums(*sums)))
            period.events = period.before.events + sum(c.sums.events for c in period.cells)
            periods.append(period)
        return cls(periods)


def has_weight(event: Event) -> bool:
    """Whether an event's reward counts in averages: not if it came to nothing.

    Those are deferred decisions that were not activated, and what no model could learn from: a
    reward that is out of all proportion would drown all others.
    """
    return not event.withheld and event.activated and abs(event.reward) <= MAX_COST


def observed(event: Event) -> Sums:
    """What was observed of one event."""
    matched = _matches(event)
    return Sums(1, event.reward, int(matched), event.reward if matched else 0.0)


def _matches(event: Event) -> bool:
    if isinstance(event, MultiSlotEvent):
        return all(slot.ranking[0] == slot.baseline for slot in event.decision.slots)
    return event.decision.ranking[0] == 0


def _coarser(cells: list[Cell], before: Micros) -> list[Cell]:
    """The cells, those of one hour before ``before`` made one."""
    end = bisect_left([cell.start for cell in cells], before)
    merged: list[Cell] = []
    for cell in cells[:end]:
        if merged and merged[-1].hour == cell.hour:
            merged[-1].end = cell.end
            merged[-1].sums.add(cell.sums)
        else:
            merged.append(cell)
    return merged + cells[end:]


def _columns(period: Period) -> list[object]:
    cells, before = period.cells, period.before
    return [
        period.mode.value,
        period.start,
        [before.events, before.rewards, before.matched, before.imitated],
        [
            [cell.start for cell in cells],
            [cell.end for cell in cells],
            [cell.sums.events for cell in cells],
            [cell.sums.rewards for cell in cells],
            [cell.sums.matched for cell in cells],
            [cell.sums.imitated for cell in cells],
        ],
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """Some events of a period, one after the other.

    Attributes:
        sums: What was observed of them.
        cumulative: What was observed of all events of the period up to its end.
    """

    mode: LearningMode
    start: Micros
    end: Micros
    sums: Sums
    cumulative: Sums


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells are asked for, and how they are put together.

    Attributes:
        start: Hours that end by then are left out.
        end: Hours that begin then or later are left out.
        recent: How many of the last events are enough; None for all.
        hours: The most hours of a row, counted from 1970.
        events: The events of a row, a multiple of ``EVENTS`` counted from the period's first one;
            None where only hours bound it.
    """

    start: Micros
    end: Micros
    recent: int | None = None
    hours: int | None = 1
    events: int | None = None


def rows(metrics: LearningMetrics, asked: Selection) -> list[list[Row]]:
    """The rows of each period that has any, in order of time.

    >>> metrics = LearningMetrics([Period(LearningMode.ONLINE, Micros(5))])
    >>> metrics.periods[0].add(Micros(5), Sums(1, 0.5))
    >>> [[row]] = rows(metrics, Selection(Micros(0), Micros(9)))
    >>> row.sums == row.cumulative == Sums(1, 0.5)
    True
    """
    earliest = _earliest(metrics, asked)
    found = [list(_rows(period, asked, earliest)) for period in metrics.periods]
    return [period for period in found if period]


def _earliest(metrics: LearningMetrics, asked: Selection) -> Micros:
    """The start of the oldest cell that the recent events need."""
    if asked.recent is None:
        return Micros(0)
    cells = [c for p in metrics.periods for c in p.cells if _selected(c, asked)]
    missing = asked.recent
    for cell in sorted(cells, key=lambda cell: cell.start, reverse=True):
        missing -= cell.sums.events
        if missing <= 0:
            return cell.start
    return Micros(0)


def _selected(cell: Cell, asked: Selection) -> bool:
    return cell.hour * HOUR < asked.end and (cell.hour + 1) * HOUR > asked.start


def _rows(period: Period, asked: Selection, earliest: Micros) -> Iterator[Row]:
    running = Sums()
    running.add(period.before)
    part: tuple[int, int] | None = None
    row: Row | None = None
    for cell in period.cells:
        place = (
            0 if asked.hours is None else cell.hour // asked.hours,
            0 if asked.events is None else running.events // asked.events,
        )
        running.add(cell.sums)
        if cell.start < earliest or not _selected(cell, asked):
            continue
        if row is not None and place != part:
            yield row
            row = None
        part = place
        sums, cumulative = Sums(), Sums()
        if row is not None:
            sums.add(row.sums)
        sums.add(cell.sums)
        cumulative.add(running)
        start = cell.start if row is None else row.start
        row = Row(period.mode, start, cell.end, sums, cumulative)
    if row is not None:
        yield row
