"""Durations and instants, in and out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.iso import format_duration, format_instant, parse_duration, parse_instant


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT15S", timedelta(seconds=15)),
        ("PT10M", timedelta(minutes=10)),
        ("PT4H", timedelta(hours=4)),
        ("PT48H", timedelta(days=2)),
        ("P1D", timedelta(days=1)),
        ("P4W", timedelta(days=28)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("PT0.1234567S", timedelta(microseconds=123456)),
        ("PT0S", timedelta(0)),
        (" PT15S ", timedelta(seconds=15)),
        ("00:00:15", timedelta(seconds=15)),
        ("00:10:00", timedelta(minutes=10)),
        ("23:59:59.9990000", timedelta(hours=23, minutes=59, seconds=59, milliseconds=999)),
        ("1.00:00:00", timedelta(days=1)),
        ("00:10", timedelta(minutes=10)),
    ],
)
def test_reads_both_forms(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "15", "15s", "PT15", "P1M", "P1Y", "-PT15S", "PT-15S", "24:00:00",
     "00:60:00", "00:00:60", "pt15s", "PT\u0661S", "PT9999999999S", "00:00:15Z"],
)  # fmt: skip
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|hours"):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=999_999)))
def test_a_written_duration_reads_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2021-01-01T00:00:00Z", datetime(2021, 1, 1)),
        ("2021-01-01T00:00:00", datetime(2021, 1, 1)),
        ("2021-01-01", datetime(2021, 1, 1)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1)),
        ("0001-01-01T00:00:00+00:00", datetime(1, 1, 1)),
        ("2021-01-01T02:00:00+02:00", datetime(2021, 1, 1)),
        ("2020-12-31T19:00:00-0500", datetime(2021, 1, 1)),
        ("2021-01-01T00:00:00.1234567Z", datetime(2021, 1, 1, microsecond=123456)),
        ("2021-01-01t00:00:00.5z", datetime(2021, 1, 1, microsecond=500000)),
    ],
)
def test_reads_instants_as_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant.replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2021-13-01T00:00:00Z", "2021-01-01T25:00:00Z", "20210101", "0000-01-01",
     "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-01:00", "2021-01-01T00:00:00Zz"],
)  # fmt: skip
def test_refuses_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_a_written_instant_reads_the_same(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant
