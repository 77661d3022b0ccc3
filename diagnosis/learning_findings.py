"""Whether the loop learns: an answer, with the evidence for it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from diagnosis.facts import Facts
from diagnosis.findings import SAMPLE, Finding, Severity, many, percent, share
from diagnosis.profile import Comparison, PerformanceProfile
from loop.events import LearningMode
from loop.features import JsonValue

ENOUGH = 1_000
"""So many choices of a model, and it has to show that it has learned something."""

SMALL = 0.1
"""A gain that is smaller than this share of an even choice's reward is none."""

_HINDRANCES = frozenset({"trainer-not-running", "policy-unusable", "logging-only"})
_WITHOUT_REWARDS = frozenset({"no-rewards", "reward-constant"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a loop learns.

    Attributes:
        is_learning: None where it is too early to say.
        text: Why, in plain words.
    """

    is_learning: bool | None
    text: str


def verdict(facts: Facts, found: Collection[Finding]) -> Verdict:
    """Whether the loop learns, as far as can be said.

    Args:
        found: All other findings.
    """
    mode = facts.configuration.learning_mode
    ids = _HINDRANCES if mode is LearningMode.APPRENTICE else _HINDRANCES | _WITHOUT_REWARDS
    hindrances = [finding for finding in found if finding.id in ids]
    if hindrances:
        return Verdict(False, f"{hindrances[0].title}: see {hindrances[0].id}.")
    if facts.manifest.model is None:
        return Verdict(None, "There is no model yet.")
    if mode is LearningMode.APPRENTICE:
        return _as_apprentice(facts)
    return _online(facts.profile.performance if facts.profile else PerformanceProfile())


def _as_apprentice(facts: Facts) -> Verdict:
    standing, profile = facts.survey.standing, facts.profile
    if standing is None or profile is None or standing.mode is not LearningMode.APPRENTICE:
        return Verdict(None, "Too early to say: no event of the mode Apprentice is joined yet.")
    n, matched = standing.recent_events, standing.recent_matched
    chance = share(profile.actions.calls, profile.actions.offered)
    text = (
        f"In {percent(matched, n)} of the last {many(n, 'event')} the apprentice chose what the"
        f" application does by itself; by chance that would be {percent(chance)}."
    )
    if n < SAMPLE:
        return Verdict(None, f"Too early to say. {text}")
    beyond_chance = matched / n - chance > 3 * math.sqrt(chance * (1 - chance) / n)
    if not beyond_chance and n < ENOUGH:
        return Verdict(None, f"Too early to say. {text}")
    return Verdict(beyond_chance, text)


def _online(seen: PerformanceProfile) -> Verdict:
    random = seen.random
    if random is None or seen.choices < SAMPLE:
        return Verdict(
            None,
            f"Too early to say: {many(seen.choices, 'choice')} that a model has made"
            f" {'is' if seen.choices == 1 else 'are'} joined.",
        )
    text = (
        f"The last {many(seen.choices, 'sampled choice')} of a model earned {seen.reward:.3g} on"
        f" average; even choices would have earned {random.reward:.3g} (the difference is"
        f" {_interval(random)} with 95 % confidence)."
    )
    if random.better:
        return Verdict(True, text)
    if random.worse or (seen.choices >= ENOUGH and _is_nothing(random)):
        return Verdict(False, text)
    return Verdict(None, f"Too early to say. {text}")


def _is_nothing(random: Comparison) -> bool:
    return random.gain + random.half_width <= SMALL * abs(random.reward)


def _interval(found: Comparison) -> str:
    low, high = found.gain - found.half_width, found.gain + found.half_width
    return f"{low:+.3g} to {high:+.3g}"


def learning_findings(facts: Facts, found: Verdict) -> Iterator[Finding]:
    """The verdict as a finding, and how the loop does against its baseline."""
    seen = facts.profile.performance if facts.profile else PerformanceProfile()
    online = facts.configuration.learning_mode is LearningMode.ONLINE
    evidence: dict[str, JsonValue] = {"choices": seen.choices, "meanReward": round(seen.reward, 4)}
    if found.is_learning:
        yield Finding("learning", Severity.FINE, "The loop is learning", found.text, "", evidence)
    elif found.is_learning is False and online and seen.choices >= SAMPLE:
        yield Finding(
            "no-better-than-random",
            Severity.WARNING,
            "Choices are no better than chance",
            found.text,
            "Look at the findings about rewards, features and policy. If there are none, create an"
            " evaluation with optimization: it says whether other learning settings earn more. If"
            " none do, rewards may not depend on what is chosen.",
            evidence,
        )
    against = seen.baseline
    if online and seen.choices >= ENOUGH and against is not None and against.worse:
        yield Finding(
            "worse-than-baseline",
            Severity.WARNING,
            "The loop earns less than the baseline would",
            f"Sampled choices earned {seen.reward:.3g} on average, exploration included; the first"
            f" action of each call would have earned {against.reward:.3g} (the difference is"
            f" {_interval(against)} with 95 % confidence).",
            "Create an evaluation with optimization, or go back to Apprentice; less exploration"
            " costs less as well.",
            {
                "choices": seen.choices,
                "meanReward": round(seen.reward, 4),
                "baselineReward": round(against.reward, 4),
            },
        )
