"""Evaluations as the 2022 preview answers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from evaluation.jobs import Evaluation, JudgedPolicy, Result, Status
from evaluation.standings import Estimate, pooled, total
from evaluation.timelines import EARLIEST, LATEST, Cells, cells_of, expanding, rolling, width_of
from loop.estimates import Sums
from loop.events import SECOND, Micros
from loop.features import JsonObject, JsonValue
from loop.iso import format_micros

INTERVALS = (5, 60, 360, 720, 1440)
"""Minutes that a time series may go by."""

MOST_POINTS = 100_000
"""How many points the time series of an answer have; with more, their interval gets longer."""

_MINUTE = 60 * SECOND

_STATUS = {
    Status.WAITING: "NotSubmitted",
    Status.RUNNING: "Running",
    Status.SUCCEEDED: "Succeeded",
    Status.FAILED: "Failed",
    Status.TIMED_OUT: "Timeout",
    Status.OPTIMAL_POLICY_APPLIED: "OptimalPolicyApplied",
    Status.ONLINE_POLICY_RETAINED: "OnlinePolicyRetained",
}


class Window(str, Enum):
    """What a point of a time series sums up: all up to the end of its interval, or that alone."""

    EXPANDING = "Expanding"
    ROLLING = "Rolling"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which time series are asked for.

    Attributes:
        minutes: One of ``INTERVALS``.
        start: From here to before ``end``.
    """

    minutes: int = INTERVALS[0]
    window: Window = Window.EXPANDING
    start: Micros = EARLIEST
    end: Micros = LATEST


def whole(evaluation: Evaluation, result: Result | None, asked: Selection) -> JsonObject:
    """What is answered to a question for one evaluation.

    Args:
        result: None while there is none; the answer then has no ``content``.
    """
    answer = listed(evaluation)
    if result is not None:
        answer["content"] = _content(evaluation, result.policies, asked)
    return answer


def listed(evaluation: Evaluation) -> JsonObject:
    """What is answered in a list."""
    return {
        "id": evaluation.id,
        "name": evaluation.name,
        "startTime": format_micros(evaluation.start),
        "endTime": format_micros(evaluation.end),
        "creationTime": format_micros(evaluation.created),
        "status": status_of(evaluation),
        "evaluationType": evaluation.origin.value,
        "optimalPolicy": evaluation.optimal_policy,
        "description": evaluation.description,
        "progress": round(evaluation.progress, 4),
    }


def status_of(evaluation: Evaluation) -> str:
    """How this generation calls it."""
    return _STATUS[evaluation.status]


@dataclass(frozen=True, slots=True)
class _Line:
    """One entry of an answer: a policy, over all slots or in one.

    Attributes:
        sums: Over all times, by slot.
        series: By slot.
    """

    policy: JudgedPolicy
    slot: str | None
    sums: Sequence[Sums]
    series: Sequence[Cells]


def _content(
    evaluation: Evaluation, policies: Sequence[JudgedPolicy], asked: Selection
) -> JsonObject:
    start, end = max(asked.start, evaluation.start), min(asked.end, evaluation.end)
    width = width_of(policies, Micros(asked.minutes * _MINUTE))
    while sum(_points(policy, width) for policy in policies) > MOST_POINTS:
        width = Micros(2 * width)
    walk = expanding if asked.window is Window.EXPANDING else rolling
    return {
        "startTime": format_micros(start),
        "endTime": format_micros(max(start, end)),
        "intervalInMinutes": width // _MINUTE,
        "value": [
            _entry(line, walk, width)
            for policy in policies
            for line in _lines(policy, width, start, end)
        ],
    }


def _points(policy: JudgedPolicy, width: Micros) -> int:
    slots = [{bucket.start // width for bucket in slot.buckets} for slot in policy.slots]
    return len(set().union(*slots)) + (sum(map(len, slots)) if len(slots) > 1 else 0)


def _lines(policy: JudgedPolicy, width: Micros, start: Micros, end: Micros) -> Iterator[_Line]:
    sums = [total(slot) for slot in policy.slots]
    series = [cells_of(slot, width, start, end) for slot in policy.slots]
    yield _Line(policy, None, sums, series)
    for slot, own, cells in zip(policy.slots, sums, series, strict=True):
        if slot.slot:
            yield _Line(policy, slot.slot, [own], [cells])


def _entry(
    line: _Line,
    walk: Callable[[Sequence[Cells]], Iterator[tuple[int, Sequence[Sums]]]],
    width: Micros,
) -> JsonObject:
    policy = line.policy
    entry: JsonObject = {"name": policy.name}
    if line.slot is not None:
        entry["slotId"] = line.slot
    data: list[JsonValue] = []
    for number, sums in walk(line.series):
        estimate = estimate_members(pooled(sums, policy.comparisons))
        data.append({"timeStamp": format_micros(Micros(number * width)), **estimate})
    return {
        **entry,
        "arguments": policy.arguments,
        "policySource": policy.source.value,
        "summary": estimate_members(pooled(line.sums, policy.comparisons)),
        "timeseries": {"data": data},
    }


def estimate_members(estimate: Estimate) -> JsonObject:
    """An estimate and its interval; null where the policy could not be judged."""
    sums, half = estimate.sums, estimate.half_width
    if sums.events == 0:
        return {"expectedReward": None, "confidenceInterval": None}
    return {
        "expectedReward": sums.reward,
        "confidenceInterval": [sums.reward - half, sums.reward + half],
    }
