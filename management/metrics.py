"""Learning metrics: how many events a loop has had, and what rewards, by hours or by events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import orjson

from loop.errors import (
    AggregationEventCountInvalid,
    AggregationEventCountTooSmall,
    AggregationIntervalInvalid,
    AggregationIntervalTooShort,
    BadRequest,
    InvalidStartDateEndDate,
    StorageUnavailable,
)
from loop.events import Micros
from loop.iso import format_instant, instant_of, micros_of, parse_duration, parse_query_instant
from loop.metrics import EVENTS, LearningMetrics, Row, Selection, rows
from storage.factory import LoopStorage

_ATTEMPTS = 5
_HOUR = timedelta(hours=1)
_LATEST = Micros(253_402_300_799_999_999)
"""The last microsecond of the year 9999, beyond which no date goes."""


async def get_learning_metrics(
    storage: LoopStorage, query: Mapping[str, str]
) -> Sequence[Sequence[Row]]:
    """The rows that a query asks for, by periods of one learning mode.

    Args:
        query: As ``selection`` reads it.

    Raises:
        InvalidInput: As ``selection``.
        StorageUnavailable: Storage is away.
    """
    asked = selection(query)
    return rows(await _metrics(storage), asked)


async def _metrics(storage: LoopStorage) -> LearningMetrics:
    """What the last run has left; each run removes what the one before it had."""
    for _ in range(_ATTEMPTS):
        name = (await storage.manifest.read()).value.metrics
        if name is None:
            return LearningMetrics()
        blob = await storage.blobs.read(name)
        if blob is not None:
            return LearningMetrics.decode(blob.data)
    raise StorageUnavailable("The metrics are being written again and again; try again.")


def selection(query: Mapping[str, str]) -> Selection:
    """What the parameters of a call ask for; an empty one counts as left out.

    Args:
        query: ``StartDate`` and ``EndDate`` (dates and times), ``AggregationInterval`` (a duration
            of whole hours, or their number), ``NumberOfRecentEvents`` (a whole number) and
            ``AggregationEventCount`` (a multiple of 10,000), by names in any case.

    Raises:
        InvalidStartDateEndDate: A date is none, or the end does not come after the start.
        AggregationIntervalTooShort: It is less than an hour.
        AggregationIntervalInvalid: It is no duration, or none of whole hours.
        AggregationEventCountTooSmall: It is less than 10,000.
        AggregationEventCountInvalid: It is no whole number, or no multiple of 10,000.
        BadRequest: The number of recent events is no whole number above 0.

    >>> selection({"aggregationinterval": "PT2H"}).hours, selection({}).hours
    (2, 1)
    """
    asked = {name.lower(): text.strip() for name, text in query.items() if text.strip()}
    start = _date(asked, "StartDate", Micros(0))
    end = _date(asked, "EndDate", _LATEST)
    if start >= end:
        raise InvalidStartDateEndDate("StartDate should be before EndDate.", "StartDate")
    hours = _hours(asked)
    events = _event_count(asked)
    recent = _recent(asked)
    if hours is None and events is None:
        hours, events = (1, None) if recent is None else (None, EVENTS)
    return Selection(start, end, recent, hours, events)


def to_json(periods: Sequence[Sequence[Row]]) -> bytes:
    """The body that the API answers with."""
    return orjson.dumps([[_members(row) for row in period] for period in periods])


def _members(row: Row) -> dict[str, str | int | float]:
    sums, total = row.sums, row.cumulative
    return {
        "learningMode": row.mode.value,
        "startDate": format_instant(instant_of(row.start)),
        "endDate": format_instant(instant_of(row.end)),
        "numberOfEvents": sums.events,
        "sumOfRewards": sums.rewards,
        "numberOfMatchedEvents": sums.matched,
        "sumOfImitatedRewards": sums.imitated,
        "cumulativeNumberOfEvents": total.events,
        "cumulativeSumOfRewards": total.rewards,
        "cumulativeNumberOfMatchedEvents": total.matched,
        "cumulativeSumOfImitatedRewards": total.imitated,
    }


def _date(asked: Mapping[str, str], name: str, default: Micros) -> Micros:
    text = asked.get(name.lower())
    if text is None:
        return default
    try:
        return micros_of(parse_query_instant(text))
    except ValueError:
        raise InvalidStartDateEndDate(
            f"{name} is {_shown(text)}; it should be a date and time such as "
            '"2026-01-19T00:00:00Z".',
            name,
        ) from None


def _hours(asked: Mapping[str, str]) -> int | None:
    name = "AggregationInterval"
    text = asked.get(name.lower())
    if text is None:
        return None
    rule = f'{name} is {_shown(text)}; it should be a whole number of hours, such as "PT1H"'
    try:
        number = _whole(text)
        interval = parse_duration(text) if number is None else timedelta(hours=number)
    except (ValueError, OverflowError):
        raise AggregationIntervalInvalid(f"{rule}.", name) from None
    if interval < _HOUR:
        raise AggregationIntervalTooShort(f"{rule}, and at least one.", name)
    if interval % _HOUR:
        raise AggregationIntervalInvalid(f"{rule}.", name)
    return interval // _HOUR


def _event_count(asked: Mapping[str, str]) -> int | None:
    name = "AggregationEventCount"
    text = asked.get(name.lower())
    if text is None:
        return None
    rule = f"{name} is {_shown(text)}; it should be a multiple of {EVENTS}"
    count = _whole(text)
    if count is None:
        raise AggregationEventCountInvalid(f"{rule}.", name)
    if count < EVENTS:
        raise AggregationEventCountTooSmall(f"{rule}, and at least that.", name)
    if count % EVENTS:
        raise AggregationEventCountInvalid(f"{rule}.", name)
    return count


def _recent(asked: Mapping[str, str]) -> int | None:
    name = "NumberOfRecentEvents"
    text = asked.get(name.lower())
    if text is None:
        return None
    count = _whole(text)
    if count is None or count < 1:
        raise BadRequest(f"{name} is {_shown(text)}; it should be a whole number above 0.", name)
    return count


def _whole(text: str) -> int | None:
    """The whole number that a text is; None where it is none, or beyond all reason."""
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 15:
        return None
    return int(text)


def _shown(text: str) -> str:
    return orjson.dumps(text if len(text) <= 100 else text[:97] + "...").decode()
