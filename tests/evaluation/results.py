"""Evaluations and results that tests write by hand."""

from __future__ import annotations

from evaluation.jobs import (
    BUCKET,
    Bucket,
    Evaluation,
    JudgedPolicy,
    JudgedSlot,
    Origin,
    Result,
    Source,
    Status,
)
from evaluation.judging import Series
from evaluation.standings import standings
from loop.events import SECOND, LoopKind, Micros

HOUR = 3600 * SECOND
DAY = 24 * HOUR
MONDAY = Micros(19_737 * DAY)
"""15 January 2024, 00:00 UTC."""

Choice = tuple[float, float, float]
"""Minutes since ``MONDAY``, weight and reward."""


def at(minutes: float) -> Micros:
    return Micros(MONDAY + round(minutes * 60 * SECOND))


def judged(name: str, source: Source, arguments: str = "", **slots: list[Choice]) -> JudgedPolicy:
    """A policy with these choices, by slot; the slot ``only`` is that of a single-slot loop."""
    series = Series()
    for slot, choices in slots.items():
        for minutes, weight, reward in choices:
            series.add("" if slot == "only" else slot, at(minutes), weight, reward)
    return JudgedPolicy(name=name, arguments=arguments, source=source, slots=series.judged())


def long(name: str, stretches: int, every: int = 1) -> JudgedPolicy:
    """A policy with an event in so many stretches, ``every`` so many stretches."""
    buckets = [
        Bucket(Micros(MONDAY + number * every * BUCKET), 1, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
        for number in range(stretches)
    ]
    slot = JudgedSlot(slot="", buckets=tuple(buckets))
    return JudgedPolicy(name=name, arguments="", source=Source.FOUND, slots=(slot,))


def evaluation(result: Result | None = None, **changes: object) -> Evaluation:
    """An evaluation of a Monday to Wednesday; done, where it has a result."""
    asked = Evaluation(
        id="e1",
        name="first",
        origin=Origin.MANUAL,
        start=MONDAY,
        end=Micros(MONDAY + 2 * DAY),
        optimises=False,
        kind=LoopKind.SINGLE_SLOT,
        exploration=0.2,
        created=Micros(MONDAY + 3 * DAY),
    )
    if result is not None:
        changes = {
            "status": Status.SUCCEEDED,
            "progress": 1.0,
            "result": "evaluations/e1/result.json",
            "standings": standings(result.policies),
            **changes,
        }
    return asked.model_copy(update=changes)
