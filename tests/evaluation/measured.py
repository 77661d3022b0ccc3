"""A loop whose joined log is of customers of whom it is known what matters to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from benchmarks.telling_worlds import telling_worlds
from loop.events import SECOND, Micros
from loop.joined import JoinedEvent
from tests.trainer.scene import START

CUSTOMERS = next(telling_worlds())


def customers(count: int, every: float = 30.0) -> list[JoinedEvent]:
    """Events from ``START`` on, one in so many seconds."""
    return [
        replace(event, decision=replace(event.decision, time=_at(number, every)))
        for number, event in enumerate(_joined(CUSTOMERS.events(count, seed=3)))
    ]


def _at(number: int, every: float) -> Micros:
    return Micros(START + round(number * every * SECOND))


def _joined(events: Iterable[object]) -> list[JoinedEvent]:
    return [event for event in events if isinstance(event, JoinedEvent)]
