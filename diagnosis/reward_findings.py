"""Findings about events and what came of them: rewards that lack, come late or belong to nobody."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from diagnosis.facts import Facts
from diagnosis.findings import SAMPLE, Finding, Severity, duration, many, percent, share
from diagnosis.profile import DelayProfile
from loop.events import SECOND, LearningMode
from loop.iso import format_duration

FEW = 20
"""So many events without a single reward are no chance any more."""


def reward_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about events and their rewards."""
    yield from _none(facts)
    yield from _late(facts)
    yield from _orphaned(facts)
    yield from _defaulted(facts)
    yield from _outcomes(facts)
    yield from _slotless(facts)


def _none(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts
    if facts.events < FEW or counts.joined:
        return
    evidence = {
        "events": facts.events,
        "rewards": counts.rewards,
        "late": counts.late,
        "orphaned": counts.orphaned,
    }
    if not counts.rewards:
        text = "the application has sent none"
        action = (
            "Call events/{eventId}/reward with the event id of the rank call, and look at what it"
            " answers."
        )
    elif counts.late > counts.orphaned:
        text = f"all {many(counts.rewards, 'reward')} came too late"
        action = "See rewards-late."
    else:
        text = f"none of {many(counts.rewards, 'reward')} names an event that is known"
        action = "See rewards-orphaned."
    online = facts.configuration.learning_mode is LearningMode.ONLINE
    yield Finding(
        "no-rewards",
        Severity.PROBLEM if online else Severity.WARNING,
        "No event has a reward",
        f"Of {many(facts.events, 'event')} none was joined with a reward: {text}. All count with"
        f" the default reward, {facts.configuration.default_reward:g}"
        + (", and teach the model nothing." if online else "; Online that would teach nothing."),
        action,
        evidence,
    )


def _late(facts: Facts) -> Iterator[Finding]:
    counts, rewards = facts.counts, facts.counts.rewards
    part = share(counts.late, rewards)
    if rewards >= SAMPLE and part >= 0.01:
        wait = facts.configuration.reward_wait_time
        text = (
            f"{percent(counts.late, rewards)} of {many(rewards, 'reward')} came after the"
            f" rewardWaitTime of {duration(wait.total_seconds())} was over. They are logged, and"
            " never learned: their events counted with the default reward."
        )
        delays = facts.profile.strays.delays if facts.profile else None
        text += _seen(delays, facts.wait)
        yield Finding(
            "rewards-late",
            _by_share(part, warning=0.05, problem=0.25),
            "Rewards come too late",
            text,
            f"{_longer_wait(delays, facts.wait)} Or send rewards sooner.",
            {"late": counts.late, "rewards": rewards, **_delays(delays)},
        )


def _orphaned(facts: Facts) -> Iterator[Finding]:
    counts, rewards = facts.counts, facts.counts.rewards
    part = share(counts.orphaned, rewards)
    if rewards < FEW or part < 0.01:
        return
    strays = facts.profile.strays if facts.profile else None
    delays = strays.forgotten if strays else None
    respelt = strays.respelt if strays else 0
    text = (
        f"{percent(counts.orphaned, rewards)} of {many(rewards, 'reward')} name an event that is"
        " not known, or not known any more. They teach nothing."
    )
    text += _seen(delays, facts.wait)
    if respelt:
        text += (
            f" {many(respelt, 'reward')} would name a known event but for upper and lower case or"
            " the spaces around the id."
        )
        action = "Send the event id to the letter: case counts."
    elif delays is not None:
        action = _longer_wait(delays, facts.wait)
    else:
        action = (
            "Send each reward with the event id of its rank answer. Typical causes: an id made for"
            " the reward instead of the one that was ranked, an id that was cut or re-encoded on"
            " the way, the key of another loop, a rank that failed, or a reward that comes more"
            " than ten minutes after the wait."
        )
    yield Finding(
        "rewards-orphaned",
        _by_share(part, warning=0.05, problem=0.25),
        "Rewards belong to no event",
        text,
        action,
        {"orphaned": counts.orphaned, "rewards": rewards, "respelt": respelt, **_delays(delays)},
    )


def _defaulted(facts: Facts) -> Iterator[Finding]:
    counts, default = facts.counts, facts.configuration.default_reward
    part = share(counts.defaulted, facts.events)
    if facts.events < SAMPLE or not counts.joined:
        return
    if part >= 0.8:
        yield Finding(
            "mostly-default-rewards",
            Severity.WARNING if part >= 0.995 else Severity.ADVICE,
            "Most events have no reward",
            f"{percent(counts.defaulted, facts.events)} of {many(facts.events, 'event')} had no"
            f" reward in time and count with the default reward, {default:g}. That is right where"
            " no call means no success, such as no click.",
            "If the application means to reward every event, find out which calls are missing.",
            {"defaulted": counts.defaulted, "events": facts.events},
        )
    else:
        yield Finding(
            "rewards-arrive",
            Severity.FINE,
            "Rewards arrive",
            f"{many(counts.joined, 'reward')} joined with {many(facts.events, 'event')};"
            f" {percent(counts.defaulted, facts.events)} of the events had none and count with the"
            f" default reward, {default:g}.",
            evidence={
                "joined": counts.joined,
                "events": facts.events,
                "defaulted": counts.defaulted,
            },
        )


def _outcomes(facts: Facts) -> Iterator[Finding]:
    profile = facts.profile
    if profile is None or profile.rewards.outcomes < SAMPLE:
        return
    seen = profile.rewards
    outcomes = many(seen.outcomes, "sampled outcome")
    if seen.values == 1 and seen.rewarded:
        online = facts.configuration.learning_mode is LearningMode.ONLINE
        yield Finding(
            "reward-constant",
            Severity.PROBLEM if online else Severity.WARNING,
            "All rewards are the same",
            f"All {outcomes} are {seen.least:g}, rewards and defaults alike. There is nothing to"
            " learn from that: no action is better than another.",
            "Send a reward that tells good choices from bad ones; and a defaultReward that differs"
            " from it, where only successes are rewarded.",
            {"outcomes": seen.outcomes, "value": seen.least},
        )
    elif seen.outcomes >= 1000 and seen.outcomes - seen.commonest < 30:
        rare = seen.outcomes - seen.commonest
        yield Finding(
            "rewards-rare",
            Severity.ADVICE,
            "Few events tell anything",
            f"Only {rare} of {outcomes} differ from the most frequent one. From so few a model"
            " learns slowly.",
            "Reward what happens more often as well, a smaller step on the way to the goal, with a"
            " smaller value.",
            {"outcomes": seen.outcomes, "differing": rare},
        )
    if seen.outside:
        largest = max(abs(seen.least), abs(seen.greatest))
        wide = largest > 10
        yield Finding(
            "rewards-out-of-range",
            Severity.WARNING if wide else Severity.ADVICE,
            "Rewards lie outside -1 to 1",
            f"{percent(seen.outside, seen.outcomes)} of {outcomes} lie outside -1 to 1; they go"
            f" from {seen.least:g} to {seen.greatest:g}. They are learned from as they are"
            + ("; a few large ones outweigh all others." if wide else "."),
            "Scale rewards into -1 to 1; or choose another rewardAggregation than sum.",
            {"outside": seen.outside, "least": seen.least, "greatest": seen.greatest},
        )
    several = share(seen.several, seen.outcomes)
    if several >= 0.05 and facts.configuration.reward_aggregation.value == "earliest":
        yield Finding(
            "only-earliest-reward",
            Severity.ADVICE,
            "Events have several rewards, of which one counts",
            f"{percent(several)} of {outcomes} had more than one reward; with rewardAggregation"
            " earliest the first counts, and the others do not.",
            "If the later ones matter, set rewardAggregation to sum, average, median, max or min.",
            {"several": seen.several, "outcomes": seen.outcomes},
        )


def _slotless(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts
    part = share(counts.slotless, counts.rewards)
    if counts.rewards >= SAMPLE and part >= 0.01:
        yield Finding(
            "rewards-without-slot",
            _by_share(part, warning=0.05, problem=0.5),
            "Rewards are for slots that their events don't have",
            f"{many(counts.slotless, 'reward')} were for no slot of their event. They are ignored.",
            "Reward with the slot ids of the rank call, at multislot/events/{eventId}/reward on a"
            " multi-slot loop and at events/{eventId}/reward on a single-slot one.",
            {"slotless": counts.slotless, "rewards": counts.rewards},
        )


def _by_share(part: float, warning: float, problem: float) -> Severity:
    if part >= problem:
        return Severity.PROBLEM
    return Severity.WARNING if part >= warning else Severity.ADVICE


def _seen(delays: DelayProfile | None, wait: int) -> str:
    if delays is None or delays.longest * SECOND < wait:
        return ""
    return (
        f" Of {many(delays.rewards, 'reward')} that were looked at, half came within"
        f" {duration(delays.median)} of their decision, and 95 % within {duration(delays.p95)}."
    )


def _longer_wait(delays: DelayProfile | None, wait: int) -> str:
    if delays is None or delays.p95 * SECOND < wait:
        return "Set a longer rewardWaitTime."
    # In whole minutes, or in whole seconds below one.
    unit = 60 if delays.p95 > 60 else 1
    seconds = (math.floor(delays.p95 / unit) + 1) * unit
    text = format_duration(timedelta(seconds=seconds))
    return f"Set rewardWaitTime to {text}, which 95 % of those would have met."


def _delays(delays: DelayProfile | None) -> dict[str, float]:
    if delays is None:
        return {}
    return {
        "delaysSeen": delays.rewards,
        "delayMedianSeconds": round(delays.median, 1),
        "delay95Seconds": round(delays.p95, 1),
    }
