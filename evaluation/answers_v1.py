"""Evaluations as v1.0 and the v1.1 previews answer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from evaluation.jobs import BUCKET, Evaluation, JudgedPolicy, Result, Source, Status
from evaluation.standings import Estimate, estimate_of, overall, pooled
from evaluation.timelines import cells_of, width_of
from loop.events import Micros
from loop.features import JsonObject, JsonValue
from loop.iso import format_duration, format_micros

MOST_SUMMARIES = 100_000
"""How many stretches an answer sums up, over all policies; with more, stretches get longer."""

# Of what is not done, clients wait for ``pending`` alone: one of them takes anything else for an
# end. So ``notSubmitted``, which this generation has as well, is never said.
_STATUS = {
    Status.WAITING: "pending",
    Status.RUNNING: "pending",
    Status.SUCCEEDED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "timeout",
    Status.OPTIMAL_POLICY_APPLIED: "optimalPolicyApplied",
    Status.ONLINE_POLICY_RETAINED: "onlinePolicyRetained",
}


def whole(evaluation: Evaluation, result: Result | None) -> JsonObject:
    """What is answered to a question for one evaluation.

    Args:
        result: None while there is none.
    """
    answer = _members(evaluation)
    if result is not None:
        answer["policyResults"] = _policy_results(evaluation, result.policies)
        answer["featureImportance"] = [[*group] for group in result.feature_importance]
    return answer


def listed(evaluation: Evaluation) -> JsonObject:
    """What is answered in a list: totals, and nothing about stretches of time or features."""
    answer = _members(evaluation)
    arguments = {one.name: one.arguments for one in evaluation.contenders or ()}
    answer["policyResults"] = [
        _policy_result(
            evaluation,
            standing.name,
            arguments.get(standing.name, ""),
            standing.source,
            [],
            estimate_of(standing),
        )
        for standing in evaluation.standings
    ]
    return answer


def _members(evaluation: Evaluation) -> JsonObject:
    return {
        "id": evaluation.id,
        "name": evaluation.name,
        "startTime": format_micros(evaluation.start),
        "endTime": format_micros(evaluation.end),
        "jobId": evaluation.id,
        "status": _STATUS[evaluation.status],
        "policyResults": [],
        "featureImportance": [],
        "evaluationType": evaluation.origin.value,
        "optimalPolicy": evaluation.optimal_policy or "",
        "creationTime": format_micros(evaluation.created),
        "progress": round(evaluation.progress, 4),
        "description": evaluation.description,
    }


def _policy_results(evaluation: Evaluation, policies: Sequence[JudgedPolicy]) -> list[JsonValue]:
    starts = [bucket.start for p in policies for slot in p.slots for bucket in slot.buckets]
    first, last = min(starts, default=0), max(starts, default=0)
    width = width_of(policies, BUCKET)
    while len(policies) * (last // width - first // width + 1) > MOST_SUMMARIES:
        width = Micros(2 * width)
    numbers = range(first // width, last // width + 1) if starts else range(0)
    return [
        _policy_result(
            evaluation,
            policy.name,
            policy.arguments,
            policy.source,
            _summaries(policy, width, numbers),
            overall(policy),
        )
        for policy in policies
    ]


def _policy_result(
    evaluation: Evaluation,
    name: str,
    arguments: str,
    source: Source,
    summaries: list[JsonValue],
    estimate: Estimate,
) -> JsonObject:
    window = Micros(evaluation.end - evaluation.start)
    return {
        "name": name,
        "arguments": arguments,
        "policySource": source.value,
        "summary": summaries,
        "totalSummary": _summary(evaluation.end, window, estimate),
    }


def _summaries(policy: JudgedPolicy, width: Micros, numbers: range) -> list[JsonValue]:
    slots = [cells_of(slot, width) for slot in policy.slots]
    return [
        _summary(
            Micros(number * width),
            width,
            pooled([cells[number] for cells in slots if number in cells], policy.comparisons),
        )
        for number in numbers
    ]


def _summary(time: Micros, window: Micros, estimate: Estimate) -> JsonObject:
    sums = estimate.sums
    return {
        "timeStamp": format_micros(time),
        "ipsEstimatorNumerator": sums.wr,
        "ipsEstimatorDenominator": sums.events,
        "snipsEstimatorDenominator": sums.w,
        "aggregateTimeWindow": format_duration(timedelta(microseconds=window)),
        "nonZeroProbability": sums.matched,
        "sumOfSquares": sums.wwrr,
        "confidenceInterval": estimate.half_width,
        "averageReward": sums.reward,
    }
