"""What a diagnosis says: findings, each with its evidence and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from loop.events import SECOND, Micros
from loop.features import JsonObject, JsonValue
from loop.iso import format_instant, instant_of

SAMPLE = 100
"""Of fewer events or rewards no share is said anything about."""

_NAMES_SHOWN = 10


class Severity(IntEnum):
    """How much a finding matters, the worst first."""

    PROBLEM = 0
    WARNING = 1
    ADVICE = 2
    FINE = 3

    @property
    def word(self) -> str:
        """As the API has it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a loop.

    Attributes:
        id: Stays the same for ever; ``docs/diagnostics.md`` explains each.
        text: In plain words, with the figures.
        action: What to do; empty where nothing is to be done.
        evidence: The figures.
    """

    id: str
    severity: Severity
    title: str
    text: str
    action: str = ""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """As the API answers with it."""
        return {
            "id": self.id,
            "severity": self.severity.word,
            "title": self.title,
            "text": self.text,
            "whatToDo": self.action,
            "evidence": dict(self.evidence),
        }


def share(part: float, whole: float) -> float:
    """The part of a whole, 0 of nothing."""
    return part / whole if whole else 0.0


def percent(part: float, whole: float = 1.0) -> str:
    """A share in words.

    >>> percent(1, 3), percent(1, 2000), percent(0, 5), percent(1999, 2000)
    ('33 %', '0.05 %', '0 %', '99.95 %')
    """
    value = 100 * share(part, whole)
    if value and (abs(value) < 1 or 99 < abs(value) < 100):
        return f"{value:.2g} %" if abs(value) < 1 else f"{value:.4g} %"
    return f"{value:.0f} %"


def duration(seconds: float) -> str:
    """A time in words, in two units at most.

    >>> duration(9.04), duration(600), duration(90_060)
    ('9 s', '10 min', '1 d 1 h')
    """
    left = round(seconds)
    if left < 1:
        return f"{seconds:.1f} s"
    words = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def instant(time: Micros) -> str:
    """A time as the API writes it, to the second.

    >>> instant(Micros(1_500_000))
    '1970-01-01T00:00:01Z'
    """
    return format_instant(instant_of(Micros(time // SECOND * SECOND)))


def listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are.

    >>> listed(["a", "b"]), listed([str(i) for i in range(12)])
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more')
    """
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def some(names: Sequence[str]) -> list[JsonValue]:
    """As many names as evidence shows."""
    return [*names[:_NAMES_SHOWN]]


def many(count: int, one: str, several: str = "") -> str:
    """A count with its noun.

    >>> many(1, "event"), many(0, "event"), many(1_234, "reply", "replies")
    ('1 event', '0 events', '1,234 replies')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"
