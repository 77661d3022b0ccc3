"""Findings about decisions that nothing is learned from: repeated, not activated, not logged."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.facts import Facts
from diagnosis.findings import SAMPLE, Finding, Severity, many, percent, share


def event_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about decisions that came to nothing."""
    yield from _dropped(facts)
    if facts.counts.decisions >= SAMPLE:
        yield from _duplicates(facts)
        yield from _not_activated(facts)
        yield from _unlearnable(facts)
        yield from _other_kind(facts)


def _dropped(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts
    if not counts.dropped:
        return
    part = share(counts.dropped, counts.decisions + counts.dropped)
    severity = Severity.ADVICE
    if part >= 0.001:
        severity = Severity.PROBLEM if part >= 0.05 else Severity.WARNING
    yield Finding(
        "decisions-dropped",
        severity,
        "Decisions could not be logged",
        f"{many(counts.dropped, 'rank call')} were answered and could not be logged"
        f" ({percent(part)}): storage was slow or away. Their rewards count as orphaned.",
        "Look at the storage account's availability and throttling. With STRICT_LOGGING a rank"
        " that can't be logged is refused instead.",
        {"dropped": counts.dropped, "decisions": counts.decisions},
    )


def _duplicates(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts
    part = share(counts.duplicates, counts.decisions)
    if part < 0.01:
        return
    yield Finding(
        "duplicate-events",
        Severity.WARNING if part >= 0.1 else Severity.ADVICE,
        "Event ids are used again",
        f"{percent(part)} of {many(counts.decisions, 'rank call')} repeat the event id of a call in"
        " the ten minutes before. The first one counts; of the others nothing is learned.",
        "Use a new event id for each rank call, or leave it out and take the one of the answer. An"
        " id of a user, a session or a page is none. (A retry of the same call may repeat it.)",
        {"duplicates": counts.duplicates, "decisions": counts.decisions},
    )


def _not_activated(facts: Facts) -> Iterator[Finding]:
    counts, profile = facts.counts, facts.profile
    part = share(counts.not_activated, counts.decisions)
    if part < 0.1:
        return
    rewarded = profile.rewards.inactive_rewarded if profile else 0
    inactive = profile.rewards.inactive if profile else 0
    text = (
        f"{percent(part)} of {many(counts.decisions, 'rank call')} were made with deferActivation"
        " and were not activated in time. Nothing is learned of them."
    )
    misses = share(rewarded, inactive) >= 0.1
    if misses:
        text += (
            f" {percent(rewarded, inactive)} of {inactive:,} sampled ones were rewarded: so they"
            " were shown. A reward alone does not activate an event."
        )
    if misses and part >= 0.5:
        severity = Severity.PROBLEM
    else:
        severity = Severity.WARNING if misses or part >= 0.5 else Severity.ADVICE
    yield Finding(
        "not-activated",
        severity,
        "Deferred decisions are not activated",
        text,
        "Call events/{eventId}/activate when the choice is shown, before rewardWaitTime is over; or"
        " rank without deferActivation where it is always shown.",
        {
            "notActivated": counts.not_activated,
            "decisions": counts.decisions,
            "rewardedShareOfSample": round(share(rewarded, inactive), 3),
        },
    )


def _unlearnable(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts
    part = share(counts.unlearnable, counts.decisions)
    if part < 0.001:
        return
    yield Finding(
        "events-unlearnable",
        Severity.PROBLEM if part >= 0.25 else Severity.WARNING,
        "Events can't be learned from",
        f"{many(counts.unlearnable, 'event')} ({percent(part)}) can't be learned from: their reward"
        " is out of all proportion (beyond a million), their features are beyond what a model"
        " takes, or they were learned by a model that broke.",
        "Keep rewards within -1 to 1. The trainer's log says `event_unlearnable` with the reason.",
        {"unlearnable": counts.unlearnable, "decisions": counts.decisions},
    )


def _other_kind(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts
    part = share(counts.other_kind, counts.decisions)
    if part < 0.01:
        return
    mode = facts.settings.kind.value
    yield Finding(
        "events-of-other-kind",
        Severity.WARNING if part >= 0.1 else Severity.ADVICE,
        "Decisions are of another kind than the loop",
        f"The loop is {mode}, and {percent(part)} of {many(counts.decisions, 'decision')} were not."
        " They are logged, and not learned. A while after the policy has changed the loop's kind"
        " that is to be expected.",
        "Have all clients, those with local inference too, call what fits the loop's kind.",
        {"otherKind": counts.other_kind, "decisions": counts.decisions, "kind": mode},
    )
