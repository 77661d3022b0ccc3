"""Evaluations as the web page shows them: in short, however long they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evaluation import answers_2022
from evaluation.jobs import BUCKET, Evaluation, JudgedPolicy, JudgedSlot, Result, Source, Standing
from evaluation.search import CURRENT
from evaluation.standings import Estimate, estimate_of, pooled, total
from evaluation.timelines import cells_of, expanding, width_of
from loop.errors import BadRequest
from loop.events import SECOND, Micros
from loop.features import JsonObject, JsonValue
from loop.iso import format_micros

MOST_POINTS = 60
"""How many points a time series has."""

_TOGETHER = ("online", "baseline1", "baselineRand", CURRENT)
"""The policies that have a time series, beside the best one."""


def listed(evaluation: Evaluation) -> JsonObject:
    """One of many: what was asked for, how far it is, and how its best policy did."""
    standings = {standing.name: standing for standing in evaluation.standings}
    return {
        **_head(evaluation),
        "online": _standing(standings.get("online")),
        "current": _standing(standings.get(CURRENT)),
        "best": _standing(standings.get(evaluation.optimal_policy or "")),
    }


def whole(evaluation: Evaluation, result: Result | None, slot: str | None) -> JsonObject:
    """One evaluation with each of its policies.

    Args:
        result: None while there is none; there are no policies then.
        slot: Only what they did in this slot; None for all of them.

    Raises:
        BadRequest: The evaluation has no such slot.
    """
    policies = () if result is None else result.policies
    names = _slots(policies)
    if slot is not None and slot not in names:
        raise BadRequest(f"No slot of this evaluation has the id {slot!r}.", "slot")
    return {
        "evaluation": _head(evaluation),
        "slot": slot,
        "policies": [_policy(policy, _of(policy, slot)) for policy in policies],
        "slots": [_slot(name, policies, evaluation.optimal_policy) for name in names],
        "overTime": _over_time(policies, evaluation.optimal_policy, slot),
    }


def _head(evaluation: Evaluation) -> JsonObject:
    finished = evaluation.finished
    return {
        **answers_2022.listed(evaluation),
        "kind": evaluation.kind.value,
        "optimizes": evaluation.optimises,
        "customPolicies": [policy.name for policy in evaluation.policies],
        "contenders": len(evaluation.contenders or ()),
        "finishedTime": None if finished is None else format_micros(finished),
    }


def _standing(standing: Standing | None) -> JsonObject | None:
    if standing is None:
        return None
    return {"name": standing.name, **_estimate(estimate_of(standing))}


def _policy(policy: JudgedPolicy, slots: Sequence[JudgedSlot]) -> JsonObject:
    return {
        "name": policy.name,
        "arguments": policy.arguments,
        "policySource": policy.source.value,
        **_pooled(slots, policy.comparisons),
        "comparisons": policy.comparisons,
        "isApplicable": policy.model is not None,
    }


def _slot(slot: str, policies: Iterable[JudgedPolicy], best: str | None) -> JsonObject:
    found: dict[str, JsonValue] = {"online": None, "best": None}
    for policy in policies:
        estimate = _pooled(_of(policy, slot), policy.comparisons)
        if policy.source is Source.ONLINE:
            found["online"] = estimate
        if policy.name == best:
            found["best"] = estimate
    return {"id": slot, **found}


def _pooled(slots: Sequence[JudgedSlot], comparisons: int) -> JsonObject:
    return _estimate(pooled([total(slot) for slot in slots], comparisons))


def _estimate(estimate: Estimate) -> JsonObject:
    return {
        "events": estimate.sums.events,
        "effectiveEvents": round(estimate.sums.effective_events, 1),
        **answers_2022.estimate_members(estimate),
    }


def _over_time(
    policies: Iterable[JudgedPolicy], best: str | None, slot: str | None
) -> JsonObject | None:
    """What some policies had earned at the end of each stretch, all before it included."""
    shown = [policy for policy in policies if policy.name in (*_TOGETHER, best)]
    starts = [bucket.start for p in shown for each in _of(p, slot) for bucket in each.buckets]
    if not starts:
        return None
    width = width_of(shown, BUCKET)
    while max(starts) // width - min(starts) // width >= MOST_POINTS:
        width = Micros(2 * width)
    numbers = sorted({start // width for start in starts})
    return {
        "width": width / SECOND,
        "times": [number * width // SECOND for number in numbers],
        "series": [
            {"name": policy.name, **_line(policy, slot, width, numbers)} for policy in shown
        ],
    }


def _line(
    policy: JudgedPolicy, slot: str | None, width: Micros, numbers: Iterable[int]
) -> JsonObject:
    slots = [cells_of(each, width) for each in _of(policy, slot)]
    known = {
        number: estimate
        for number, sums in expanding(slots)
        if (estimate := pooled(sums, policy.comparisons)).sums.w > 0
    }
    found = [known.get(number) for number in numbers]
    return {
        "reward": [None if each is None else each.sums.reward for each in found],
        "halfWidth": [None if each is None else each.half_width for each in found],
    }


def _of(policy: JudgedPolicy, slot: str | None) -> Sequence[JudgedSlot]:
    return [each for each in policy.slots if slot is None or each.slot == slot]


def _slots(policies: Iterable[JudgedPolicy]) -> Sequence[str]:
    """The ids of slots, in the order in which they came up; none in a single-slot loop."""
    return list({slot.slot: None for policy in policies for slot in policy.slots if slot.slot})
