"""Which of the judged policies is the best one, and whether that is enough to change over.

An owner who asks is told which one has the highest estimate. A loop that changes its policy by
itself needs more than that; it does so only if all of these hold for a found policy:

1. Its estimate is higher than online's, and its lower bound is higher than online's lower bound.
2. Its lower bound is higher than the estimate of the settings in force, learned afresh. What online
   has earned lags behind what its settings can do: it served even choices before a first model,
   and models that were minutes old. A contender knows no lag, and would win by that alone against
   an equal. The settings in force as a contender have the same advantage.
3. In the later half of the events, its estimate is higher than both. Who learns fast is ahead in
   the mean over a short log, and may have been overtaken for good by its end.

Lower bounds of found policies allow for their number: of 21, they are 3.0 standard errors below the
estimate. Against the second rule that is on the safe side: what two policies would have earned with
the same events goes up and down together, so that the difference between them scatters little more
than one of them does, or less. It scatters √2 times as much where the two never choose the same,
and even then the bound is a test of the difference with 2.1 of its standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.jobs import JudgedPolicy, JudgedSlot, Source
from evaluation.judging import sums_of
from evaluation.search import CURRENT
from evaluation.standings import overall
from loop.estimates import Sums
from loop.events import Micros

ENOUGH = 50.0
"""Effective events that a policy needs to be compared with others."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to change over.

    Attributes:
        replacement: Name of the policy to change to; None to stay.
        reason: In words, with the figures.
    """

    replacement: str | None
    reason: str


def optimal(policies: Sequence[JudgedPolicy], current: str = CURRENT) -> JudgedPolicy | None:
    """The policy with the highest estimate, of those that a loop can run; None without any.

    Baseline and random are for comparison. Where estimates are equal, the first one is taken.

    Args:
        current: Name of the settings in force, learned afresh. Where they are the best, that is
            the online policy.
    """
    able = [
        policy
        for policy in policies
        if policy.source not in (Source.BASELINE, Source.RANDOM) and _has_enough(policy)
    ]
    best = max(able, key=lambda policy: overall(policy).sums.reward, default=None)
    return _online(policies) if best is not None and best.name == current else best


def verdict(policies: Sequence[JudgedPolicy], current: str = CURRENT) -> Verdict:
    """Whether a found policy is so much better than the one in force that it should replace it.

    Args:
        policies: Online among them, and one named ``current``: the settings in force, learned
            afresh from the same events as the found ones.
    """
    online = _online(policies)
    afresh = next((policy for policy in policies if policy.name == current), None)
    if online is None or not _has_enough(online) or afresh is None or not _has_enough(afresh):
        return Verdict(None, "There were too few events to compare policies by.")
    found = [p for p in policies if p.source is Source.FOUND and _has_enough(p)]
    if not found:
        return Verdict(None, "No other policy could be compared with the one in force.")
    better = [policy for policy in found if _objection(policy, online, afresh) is None]
    best = max(better or found, key=lambda policy: overall(policy).sums.reward)
    figures = (
        f"{best.name} would have earned {_told(best)}, best of {best.comparisons}; online has"
        f" earned {_told(online)}, and with its settings learned afresh it would have been"
        f" {_told(afresh)}"
    )
    objection = _objection(best, online, afresh)
    if objection is None:
        return Verdict(best.name, f"{figures}.")
    return Verdict(None, f"{figures}. The policy stays: {objection}.")


def _objection(found: JudgedPolicy, online: JudgedPolicy, afresh: JudgedPolicy) -> str | None:
    """What speaks against changing over; None where nothing does."""
    ours, theirs, own = overall(found), overall(online), overall(afresh)
    low = ours.sums.reward - ours.half_width
    if ours.sums.reward <= theirs.sums.reward or low <= theirs.sums.reward - theirs.half_width:
        return "that may be chance, beside what online has earned"
    if low <= own.sums.reward:
        return "that may be chance, beside the same settings learned afresh"
    late = [_late(policy, _halfway(online)) for policy in (found, online, afresh)]
    if all(sums.w > 0 for sums in late) and late[0].reward <= max(s.reward for s in late[1:]):
        return (
            f"in the later half of the events it was {late[0].reward:.3f}, against"
            f" {late[1].reward:.3f} and {late[2].reward:.3f}"
        )
    return None


def _online(policies: Sequence[JudgedPolicy]) -> JudgedPolicy | None:
    return next((policy for policy in policies if policy.source is Source.ONLINE), None)


def _has_enough(policy: JudgedPolicy) -> bool:
    return overall(policy).sums.effective_events >= ENOUGH


def _told(policy: JudgedPolicy) -> str:
    estimate = overall(policy)
    reward, half = estimate.sums.reward, estimate.half_width
    return f"{reward:.3f} ({reward - half:.3f} to {reward + half:.3f})"


def _halfway(policy: JudgedPolicy) -> Micros:
    """When half of the events had been decided, as exactly as stretches tell."""
    events = _by_time(policy.slots)
    total, seen = sum(count for _, count in events), 0
    for start, count in events:
        if 2 * seen >= total:
            return start
        seen += count
    return events[-1][0]


def _by_time(slots: Sequence[JudgedSlot]) -> list[tuple[Micros, int]]:
    return sorted((bucket.start, bucket.events) for slot in slots for bucket in slot.buckets)


def _late(policy: JudgedPolicy, start: Micros) -> Sums:
    late = Sums()
    for slot in policy.slots:
        for bucket in slot.buckets:
            if bucket.start >= start:
                late.include(sums_of(bucket))
    return late
