"""What clients of the 2022 preview read of an evaluation."""

from __future__ import annotations

import orjson
import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from evaluation import answers_2022
from evaluation.answers_2022 import Selection, Window, listed, whole
from evaluation.jobs import JudgedPolicy, Origin, Result, Source, Status
from loop.features import JsonObject
from tests.evaluation.results import at, evaluation, judged, long

ONLINE = judged(
    "online", Source.ONLINE, only=[(1, 1, 1.0), (2, 1, 0.0), (17, 1, 1.0), (61, 1, 1.0)]
)
FOUND = judged("Hyper1", Source.FOUND, "--cb", only=[(1, 2, 1.0), (2, 0, 0.0), (61, 0.5, 0.0)])
RESULT = Result(policies=(ONLINE, FOUND))
ALL = Selection()
HOURLY = Selection(minutes=60, window=Window.ROLLING)


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Estimate(Wire):
    expected_reward: float | None
    confidence_interval: tuple[float, float] | None


class Point(Estimate):
    time_stamp: str


class TimeSeries(Wire):
    data: list[Point]


class Value(Wire):
    name: str
    slot_id: str | None = None
    arguments: str
    policy_source: str
    summary: Estimate
    timeseries: TimeSeries

    def points(self) -> list[tuple[str, float | None]]:
        return [(point.time_stamp[11:16], point.expected_reward) for point in self.timeseries.data]


class Content(Wire):
    start_time: str
    end_time: str
    interval_in_minutes: int
    value: list[Value]


class Found(Wire, extra="ignore"):
    content: Content

    @classmethod
    def of(cls, result: Result, asked: Selection = ALL) -> Content:
        answer: JsonObject = whole(evaluation(result), result, asked)
        return cls.model_validate_json(orjson.dumps(answer)).content


def test_an_evaluation_that_waits() -> None:
    expected = {
        "id": "e1",
        "name": "first",
        "startTime": "2024-01-15T00:00:00Z",
        "endTime": "2024-01-17T00:00:00Z",
        "creationTime": "2024-01-18T00:00:00Z",
        "status": "NotSubmitted",
        "evaluationType": "Manual",
        "optimalPolicy": None,
        "description": "",
        "progress": 0.0,
    }
    assert whole(evaluation(), None, ALL) == listed(evaluation()) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.WAITING, "NotSubmitted"),
        (Status.RUNNING, "Running"),
        (Status.SUCCEEDED, "Succeeded"),
        (Status.FAILED, "Failed"),
        (Status.TIMED_OUT, "Timeout"),
        (Status.OPTIMAL_POLICY_APPLIED, "OptimalPolicyApplied"),
        (Status.ONLINE_POLICY_RETAINED, "OnlinePolicyRetained"),
    ],
)
def test_statuses_as_this_generation_spells_them(status: Status, expected: str) -> None:
    assert listed(evaluation(status=status))["status"] == expected
    assert set(answers_2022._STATUS) == set(Status)


def test_a_list_has_no_content() -> None:
    answer = listed(evaluation(RESULT, origin=Origin.AUTO, optimal_policy="Hyper1"))
    assert "content" not in answer
    assert (answer["evaluationType"], answer["optimalPolicy"]) == ("Auto", "Hyper1")
    assert (answer["status"], answer["progress"]) == ("Succeeded", 1.0)


def test_an_expanding_window_sums_up_all_until_each_interval_ends() -> None:
    content = Found.of(RESULT)
    assert (content.start_time, content.end_time) == (
        "2024-01-15T00:00:00Z",
        "2024-01-17T00:00:00Z",
    )
    assert content.interval_in_minutes == 5
    online, found = content.value
    assert (online.name, online.policy_source, online.arguments) == ("online", "Online", "")
    assert (found.policy_source, found.arguments) == ("OfflineExperimentation", "--cb")
    # Intervals without events have no point.
    assert online.points() == [("00:00", 0.5), ("00:15", pytest.approx(2 / 3)), ("01:00", 0.75)]
    assert found.points() == [("00:00", 1.0), ("01:00", 0.8)]
    # The last point is the summary.
    last = online.timeseries.data[-1]
    assert online.summary.model_dump(by_alias=True) == last.model_dump(
        by_alias=True, exclude={"time_stamp"}
    )
    assert online.summary.confidence_interval is not None
    low, high = online.summary.confidence_interval
    assert low < 0.75 < high
    assert high - 0.75 == pytest.approx(0.75 - low)
    assert online.slot_id is None


def test_a_rolling_window_sums_up_each_interval_by_itself() -> None:
    content = Found.of(RESULT, HOURLY)
    assert content.interval_in_minutes == 60
    online, found = content.value
    assert online.points() == [("00:00", pytest.approx(2 / 3)), ("01:00", 1.0)]
    assert found.points() == [("00:00", 1.0), ("01:00", 0.0)]
    assert online.summary.expected_reward == 0.75
    [day] = [Found.of(RESULT, Selection(1440, Window.ROLLING)).value[0].points()]
    assert day == [("00:00", 0.75)]


def test_a_time_series_is_narrowed_and_the_summary_is_not() -> None:
    content = Found.of(RESULT, Selection(start=at(15), end=at(60)))
    assert (content.start_time[11:16], content.end_time[11:16]) == ("00:15", "01:00")
    online, found = content.value
    assert online.points() == [("00:15", 1.0)]
    assert found.points() == []
    assert online.summary.expected_reward == 0.75
    # An interval that is cut counts whole; it can't be told what of it is within.
    assert Found.of(RESULT, Selection(start=at(16), end=at(17))).value[0].points() == [
        ("00:15", 1.0)
    ]


def test_what_is_asked_beyond_an_evaluation_is_cut() -> None:
    content = Found.of(RESULT, Selection(start=at(-1e6), end=at(1e6)))
    assert content == Found.of(RESULT)
    nowhere = Found.of(RESULT, Selection(start=at(1e5), end=at(1e6)))
    assert nowhere.start_time == nowhere.end_time
    assert [value.points() for value in nowhere.value] == [[], []]


def test_pages_are_told_as_a_whole_and_by_slots() -> None:
    # GIVEN pages of two slots; the second slot came with the second page
    policy = judged("online", Source.ONLINE, top=[(1, 1, 1.0), (6, 1, 0.0)], side=[(6, 1, 1.0)])
    overall, top, side = Found.of(Result(policies=(policy,))).value
    # THEN the whole is told first, without a slot
    assert [one.slot_id for one in (overall, top, side)] == [None, "top", "side"]
    assert overall.summary.expected_reward == pytest.approx(2 / 3)
    assert overall.points() == [("00:00", 1.0), ("00:05", pytest.approx(2 / 3))]
    assert top.points() == [("00:00", 1.0), ("00:05", 0.5)]
    assert side.points() == [("00:05", 1.0)]
    assert (top.summary.expected_reward, side.summary.expected_reward) == (0.5, 1.0)


def test_a_policy_that_nothing_was_seen_of_has_no_estimate() -> None:
    nobody = JudgedPolicy(name="odd", arguments="--cb", source=Source.CUSTOM, slots=())
    [value] = Found.of(Result(policies=(nobody,))).value
    assert value.summary == Estimate(expected_reward=None, confidence_interval=None)
    assert value.points() == []


def test_a_policy_that_no_event_speaks_of_could_earn_anything() -> None:
    [value] = Found.of(
        Result(policies=(judged("odd", Source.CUSTOM, only=[(1, 0, 0.5), (2, 0, -1.0)]),))
    ).value
    assert value.summary == Estimate(expected_reward=0.0, confidence_interval=(-1.0, 1.0))


def test_what_is_kept_coarser_is_told_in_whole_intervals() -> None:
    width = 8 * ONLINE.slots[0].width
    slot = ONLINE.slots[0].model_copy(update={"width": width})
    coarse = Result(policies=(ONLINE.model_copy(update={"slots": (slot,)}),))
    assert Found.of(coarse).interval_in_minutes == 40
    assert Found.of(coarse, HOURLY).interval_in_minutes == 120
    assert Found.of(coarse, Selection(360, Window.ROLLING)).interval_in_minutes == 360


def test_too_many_points_are_told_in_longer_intervals() -> None:
    policies = tuple(long(f"p{number}", 10_000) for number in range(12))
    answer = whole(evaluation(end=at(60 * 24 * 365)), Result(policies=policies), ALL)
    content = Found.model_validate_json(orjson.dumps(answer)).content
    assert content.interval_in_minutes == 10
    assert sum(len(value.timeseries.data) for value in content.value) == 12 * 5_000
