"""A stretch of a loop's activity as a chart shows it: few points, evenly wide, up to now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from loop.activity import LEVELS, Activity, Level, Span
from loop.events import Micros
from loop.iso import format_duration

MOST_POINTS = 120
"""How many spans a window has at most."""

FEWEST_POINTS = 24
"""How many there may be at least, however few decisions there are in each."""

WORTH_A_POINT = 250
"""How many decisions a span should have on average: of fewer a mean says little."""

RANGES: Mapping[str, Level] = {
    format_duration(timedelta(microseconds=level.reach)): level for level in LEVELS
}
"""The stretches that can be asked for, by their length."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of activity.

    Attributes:
        range: Its name in ``RANGES``.
        width: How long each of its spans is, in microseconds.
        spans: By when they begin, in order of time; those that nothing has happened in are missing.
            The fewer decisions there are, the wider they are.
    """

    range: str
    width: int
    spans: Mapping[Micros, Span] = field(default_factory=dict)

    @property
    def total(self) -> Span:
        """All spans in one."""
        total = Span()
        for span in self.spans.values():
            total.include(span)
        return total


def window(activity: Activity, now: Micros, asked: str | None = None) -> Window:
    """The stretch of the length ``asked`` that ends now.

    Args:
        asked: One of ``RANGES``; None stands for the shortest one that holds all there is, or else
            the longest.

    >>> from loop.events import SECOND
    >>> from loop.manifest import Counts
    >>> activity = Activity()
    >>> activity.count(Micros(5 * SECOND), Counts(decisions=3))
    >>> found = window(Activity.decode(activity.encode()), Micros(60 * SECOND))
    >>> found.range, found.width // SECOND, list(found.spans)
    ('PT1H', 10, [0])
    """
    if asked is not None:
        return _window(activity, now, asked)
    everything = _window(activity, now, list(RANGES)[-1])
    for name in list(RANGES)[:-1]:
        found = _window(activity, now, name)
        if _size(found) == _size(everything):
            return found
    return everything


def _size(found: Window) -> tuple[int, int]:
    """How much is in a window: what counts at the time of the decision, and when it was known."""
    spans = found.spans.values()
    return sum(s.online.events for s in spans), sum(s.counts.decisions for s in spans)


def _window(activity: Activity, now: Micros, name: str) -> Window:
    level = RANGES[name]
    spans = activity.levels[LEVELS.index(level)]
    recent = {
        number: span
        for number, span in spans.items()
        if now - level.reach < (number + 1) * level.width
    }
    covered = max(recent) - min(recent) + 1 if recent else 1
    decisions = sum(span.counts.decisions for span in recent.values())
    most = min(max(decisions // WORTH_A_POINT, FEWEST_POINTS), MOST_POINTS)
    # One less, since the first of them may begin before what it holds.
    together = math.ceil(covered / (most - 1))
    points: dict[Micros, Span] = {}
    for number in sorted(recent):
        start = Micros(number // together * together * level.width)
        points.setdefault(start, Span()).include(recent[number])
    return Window(name, together * level.width, points)
