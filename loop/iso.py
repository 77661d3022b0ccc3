"""Time as the API writes it: durations and instants, in the forms that clients have sent."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from loop.events import Micros

_ISO_DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?"
    r"(?:(?P<seconds>\d{1,9})(?:[.,](?P<fraction>\d{1,9}))?S)?)?",
    re.ASCII,
)
_CLOCK_DURATION = re.compile(
    r"(?:(?P<days>\d{1,6})\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,9}))?)?",
    re.ASCII,
)
_INSTANT = re.compile(
    r"(?P<clock>\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d)?)?)"
    r"(?:\.(?P<fraction>\d{1,9}))?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?",
    re.ASCII,
)


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "0").ljust(6, "0")[:6])


def parse_duration(text: str) -> timedelta:
    """Read ``PT15S``, ``P1DT2H`` or ``P4W``, and ``00:00:15`` or ``1.00:00:00`` (days first).

    Calendar years and months have no fixed length and are not read. Digits beyond microseconds
    are dropped.

    Raises:
        ValueError: The text is in neither form.

    >>> parse_duration("PT10M") == parse_duration("00:10:00") == timedelta(minutes=10)
    True
    >>> parse_duration("1.00:00:00")
    datetime.timedelta(days=1)
    """
    text = text.strip()
    clock = _CLOCK_DURATION.fullmatch(text)
    found = clock or _ISO_DURATION.fullmatch(text)
    if found is None:
        raise ValueError("neither an ISO 8601 duration nor days.hours:minutes:seconds")
    parts = found.groupdict()
    hours, minutes, seconds = (int(parts[p] or 0) for p in ("hours", "minutes", "seconds"))
    if clock is not None and (hours > 23 or minutes > 59 or seconds > 59):
        raise ValueError("hours go up to 23, minutes and seconds up to 59")
    return timedelta(
        weeks=int(parts.get("weeks") or 0),
        days=int(parts["days"] or 0),
        hours=hours,
        minutes=minutes,
        seconds=seconds,
        microseconds=_microseconds(parts["fraction"]),
    )


def format_duration(duration: timedelta) -> str:
    """Write a duration of zero or more as ISO 8601.

    >>> format_duration(timedelta(seconds=15)), format_duration(timedelta(days=1, minutes=90))
    ('PT15S', 'P1DT1H30M')
    >>> format_duration(timedelta(milliseconds=1500)), format_duration(timedelta(0))
    ('PT1.5S', 'PT0S')
    """
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{duration.microseconds:06d}".rstrip("0") if duration.microseconds else ""
    days = f"{duration.days}D" if duration.days else ""
    time = (
        (f"{hours}H" if hours else "")
        + (f"{minutes}M" if minutes else "")
        + (f"{seconds}{fraction}S" if seconds or fraction else "")
    )
    if not days and not time:
        return "PT0S"
    return f"P{days}T{time}" if time else f"P{days}"


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date and time; without a zone it is UTC, digits past microseconds go.

    Raises:
        ValueError: The text is in another form, or outside the years 1 to 9999.

    >>> parse_instant("2021-01-01T00:00:00.1234567Z").isoformat()
    '2021-01-01T00:00:00.123456+00:00'
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        raise ValueError("not an ISO 8601 date and time")
    clock, fraction, zone = found["clock"], found["fraction"], found["zone"] or "Z"
    instant = datetime.fromisoformat(clock.upper()).replace(microsecond=_microseconds(fraction))
    if zone in "Zz":
        return instant.replace(tzinfo=timezone.utc)
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    try:
        instant = instant + offset if zone[0] == "-" else instant - offset
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None
    return instant.replace(tzinfo=timezone.utc)


def parse_query_instant(text: str) -> datetime:
    """Read a date and time behind a path: there a zone's + may have become a space.

    Raises:
        ValueError: As ``parse_instant``.

    >>> format_instant(parse_query_instant("2026-01-19T02:00:00 02:00"))
    '2026-01-19T00:00:00Z'
    """
    clock, _, zone = text.rpartition(" ")
    return parse_instant(f"{clock}+{zone}" if ":" in clock else text)


def format_instant(instant: datetime) -> str:
    """Write an aware time as UTC with ``Z``, with a fraction only where there is one.

    >>> format_instant(datetime(1601, 1, 1, tzinfo=timezone.utc))
    '1601-01-01T00:00:00Z'
    """
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def instant_of(time: Micros) -> datetime:
    """The aware time of a count of microseconds.

    >>> format_instant(instant_of(Micros(1_500_000)))
    '1970-01-01T00:00:01.500000Z'
    """
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=time)


def format_micros(time: Micros) -> str:
    """Write a count of microseconds as ``format_instant`` does.

    >>> format_micros(Micros(0))
    '1970-01-01T00:00:00Z'
    """
    return format_instant(instant_of(time))


def micros_of(instant: datetime) -> Micros:
    """The inverse of ``instant_of``.

    >>> micros_of(instant_of(Micros(1_500_000)))
    1500000
    """
    return Micros((instant - instant_of(Micros(0))) // timedelta(microseconds=1))
