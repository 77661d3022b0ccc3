"""Findings about the learning mode, where it is not Online."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.facts import Facts
from diagnosis.findings import SAMPLE, Finding, Severity, many, percent, share
from loop.events import LearningMode

READY, SLOW = 0.75, 0.6
MANY = 10_000
"""Events after which an apprentice that agrees seldom is not just new."""


def mode_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about the learning mode, where it is not Online."""
    mode = facts.configuration.learning_mode
    if mode is LearningMode.LOGGING_ONLY:
        yield Finding(
            "logging-only",
            Severity.ADVICE,
            "The loop only watches",
            "In the mode LoggingOnly ranks answer the baseline, and nothing is learned.",
            "Set learningMode to Apprentice to learn without any risk, or to Online.",
            {"mode": mode.value},
        )
    elif mode is LearningMode.APPRENTICE:
        yield from _apprentice(facts)


def _apprentice(facts: Facts) -> Iterator[Finding]:
    standing = facts.survey.standing
    if standing is None or standing.mode is not LearningMode.APPRENTICE:
        return
    if standing.recent_events < SAMPLE:
        return
    part = share(standing.recent_matched, standing.recent_events)
    evidence = {
        "matched": standing.recent_matched,
        "events": standing.recent_events,
        "eventsAsApprentice": standing.events,
    }
    text = (
        f"In {percent(part)} of the last {many(standing.recent_events, 'event')} the apprentice"
        " chose what your application does by itself. Since it explores all the while, it never"
        " gets to 100 %, and 60 to 80 % are usual."
    )
    if part >= READY:
        yield Finding(
            "apprentice-ready",
            Severity.ADVICE,
            "The apprentice is ready",
            text,
            "Set learningMode to Online: only then can it do better than the baseline.",
            evidence,
        )
    elif standing.events >= MANY and part < SLOW:
        yield Finding(
            "apprentice-slow",
            Severity.WARNING,
            "The apprentice does not get to know the baseline",
            f"{text} It has had {many(standing.events, 'event')}.",
            "Send what the application itself decides by as features; look at the findings about"
            " features. Is the first action always the one that the application would show?",
            evidence,
        )
    else:
        yield Finding(
            "apprentice-learns",
            Severity.FINE,
            "The apprentice is learning",
            text,
            f"Wait until it agrees in {percent(READY)} or more, then set learningMode to Online.",
            evidence,
        )
