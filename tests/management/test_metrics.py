from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from loop.errors import PersonalizerError, StorageUnavailable
from loop.events import Micros
from loop.iso import micros_of, parse_instant
from loop.manifest import Manifest
from loop.metrics import LearningMetrics, Selection
from management.metrics import get_learning_metrics, selection, to_json
from storage.factory import LoopStorage
from tests.loop.test_metrics import APPRENTICE, event


def instant(text: str) -> Micros:
    return micros_of(parse_instant(text))


@pytest.mark.parametrize(
    ("query", "hours", "events", "recent"),
    [
        ({}, 1, None, None),
        ({"AggregationInterval": "PT24H"}, 24, None, None),
        ({"AggregationInterval": "P1D"}, 24, None, None),
        ({"AggregationInterval": "1.00:00:00"}, 24, None, None),
        ({"aggregationInterval": "03:00:00"}, 3, None, None),
        ({"AGGREGATIONINTERVAL": "6"}, 6, None, None),
        ({"AggregationInterval": ""}, 1, None, None),
        ({"AggregationEventCount": "30000"}, None, 30_000, None),
        ({"NumberOfRecentEvents": "7"}, None, 10_000, 7),
        ({"NumberOfRecentEvents": "7", "AggregationInterval": "PT1H"}, 1, None, 7),
        ({"AggregationInterval": "PT2H", "AggregationEventCount": "10000"}, 2, 10_000, None),
    ],
)
def test_what_rows_are_made_of(
    query: Mapping[str, str], hours: int | None, events: int | None, recent: int | None
) -> None:
    asked = selection(query)
    assert (asked.hours, asked.events, asked.recent) == (hours, events, recent)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-19T00:00:00Z", "2026-01-20"),
        ("2026-01-19", "2026-01-20T00:00:00.000Z"),
        ("2026-01-19T02:00:00+02:00", "2026-01-20T02:00:00 02:00"),
    ],
)
def test_dates_are_read_in_the_forms_that_clients_write(start: str, end: str) -> None:
    asked = selection({"StartDate": start, "EndDate": end})
    expected = Selection(instant("2026-01-19T00:00:00Z"), instant("2026-01-20T00:00:00Z"))
    assert asked == expected


@pytest.mark.parametrize(
    ("query", "code", "place"),
    [
        ({"AggregationInterval": "PT30M"}, "AggregationIntervalTooShort", "AggregationInterval"),
        ({"AggregationInterval": "0"}, "AggregationIntervalTooShort", "AggregationInterval"),
        ({"AggregationInterval": "-3"}, "AggregationIntervalTooShort", "AggregationInterval"),
        ({"AggregationInterval": "PT90M"}, "AggregationIntervalInvalid", "AggregationInterval"),
        ({"AggregationInterval": "often"}, "AggregationIntervalInvalid", "AggregationInterval"),
        ({"AggregationInterval": "1.5"}, "AggregationIntervalInvalid", "AggregationInterval"),
        ({"AggregationInterval": "9" * 14}, "AggregationIntervalInvalid", "AggregationInterval"),
        ({"AggregationInterval": "9" * 99}, "AggregationIntervalInvalid", "AggregationInterval"),
        (
            {"AggregationEventCount": "9999"},
            "AggregationEventCountTooSmall",
            "AggregationEventCount",
        ),
        ({"AggregationEventCount": "0"}, "AggregationEventCountTooSmall", "AggregationEventCount"),
        (
            {"AggregationEventCount": "15000"},
            "AggregationEventCountInvalid",
            "AggregationEventCount",
        ),
        ({"AggregationEventCount": "all"}, "AggregationEventCountInvalid", "AggregationEventCount"),
        (
            {"AggregationEventCount": "\u0661"},
            "AggregationEventCountInvalid",
            "AggregationEventCount",
        ),
        ({"StartDate": "monday"}, "InvalidStartDateEndDate", "StartDate"),
        ({"EndDate": "2026-13-01"}, "InvalidStartDateEndDate", "EndDate"),
        (
            {"StartDate": "2026-01-02T00:00:00Z", "EndDate": "2026-01-01T00:00:00Z"},
            "InvalidStartDateEndDate",
            "StartDate",
        ),
        ({"NumberOfRecentEvents": "0"}, "BadRequest", "NumberOfRecentEvents"),
        ({"NumberOfRecentEvents": "1e4"}, "BadRequest", "NumberOfRecentEvents"),
    ],
)
def test_what_can_not_be_asked_for(query: Mapping[str, str], code: str, place: str) -> None:
    with pytest.raises(PersonalizerError) as refused:
        selection(query)
    assert (refused.value.code, refused.value.target) == (code, place)


async def test_a_loop_without_events_has_no_periods(storage: LoopStorage) -> None:
    assert await get_learning_metrics(storage, {}) == []


async def write(storage: LoopStorage, name: str) -> LearningMetrics:
    metrics = LearningMetrics()
    metrics.add(event(1_800_000_000, 0.5, mode=APPRENTICE))
    metrics.add(event(1_800_000_001, 0.25, choice=1, mode=APPRENTICE))
    await storage.blobs.write(name, metrics.encode())
    return metrics


async def test_the_members_of_a_row(storage: LoopStorage) -> None:
    await write(storage, "metrics/a")
    await storage.manifest.replace(Manifest(metrics="metrics/a"), await storage.manifest.read())

    answer = to_json(await get_learning_metrics(storage, {}))

    assert orjson.loads(answer) == [
        [
            {
                "learningMode": "Apprentice",
                "startDate": "2027-01-15T08:00:00Z",
                "endDate": "2027-01-15T08:00:01Z",
                "numberOfEvents": 2,
                "sumOfRewards": 0.75,
                "numberOfMatchedEvents": 1,
                "sumOfImitatedRewards": 0.5,
                "cumulativeNumberOfEvents": 2,
                "cumulativeSumOfRewards": 0.75,
                "cumulativeNumberOfMatchedEvents": 1,
                "cumulativeSumOfImitatedRewards": 0.5,
            }
        ]
    ]


async def test_metrics_that_are_gone_are_not_passed_off_as_none(storage: LoopStorage) -> None:
    await storage.manifest.replace(Manifest(metrics="metrics/gone"), await storage.manifest.read())
    with pytest.raises(StorageUnavailable):
        await get_learning_metrics(storage, {})
