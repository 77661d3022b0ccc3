"""A diagnosis as the API answers with it: a verdict, figures, and findings, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from diagnosis.event_findings import event_findings
from diagnosis.exploration_findings import exploration_findings
from diagnosis.facts import Facts
from diagnosis.feature_findings import feature_findings
from diagnosis.findings import Finding, Severity, instant, many
from diagnosis.learning_findings import Verdict, learning_findings, verdict
from diagnosis.mode_findings import mode_findings
from diagnosis.model_findings import model_findings
from diagnosis.policy_findings import policy_findings
from diagnosis.profile import Comparison, PropensityProfile
from diagnosis.reward_findings import reward_findings
from diagnosis.survey import events_of
from loop.events import LearningMode
from loop.features import JsonObject, JsonValue
from loop.manifest import Counts

_FAMILIES = (
    model_findings,
    event_findings,
    reward_findings,
    exploration_findings,
    policy_findings,
    feature_findings,
    mode_findings,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a loop, and what that means.

    Attributes:
        findings: The worst first.
    """

    facts: Facts
    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def summary(self) -> str:
        """The whole of it in a sentence or two."""
        answer = {
            True: "The loop is learning.",
            False: "The loop is not learning.",
            None: "Whether the loop is learning can't be said yet.",
        }[self.verdict.is_learning]
        worst = [f for f in self.findings if f.severity <= Severity.WARNING]
        if not worst:
            return f"{answer} Nothing is wrong."
        problems = sum(finding.severity is Severity.PROBLEM for finding in worst)
        counted = [
            many(count, word)
            for count, word in ((problems, "problem"), (len(worst) - problems, "warning"))
            if count
        ]
        return f"{answer} There {_are(counted)}: {'; '.join(f.title for f in worst)}."

    def to_json(self) -> bytes:
        """The body that the API answers with."""
        facts = self.facts
        profile, before = facts.profile, facts.before
        body: JsonObject = {
            "summary": self.summary,
            "isLearning": self.verdict.is_learning,
            "learning": _learning(facts, self.verdict),
            "model": _model(facts),
            "events": _events(facts.manifest.counts),
            "recentEvents": {
                "since": None if before is None else instant(before.time),
                **_events(facts.counts),
            },
            "exploration": _exploration(facts),
            "findings": [finding.to_json() for finding in self.findings],
            "generatedAt": instant(facts.now),
            "sampledEvents": 0 if profile is None else profile.events,
            "sampledFrom": None if profile is None else instant(profile.first),
            "sampledUntil": None if profile is None else instant(profile.last),
        }
        return orjson.dumps(body)


def report(facts: Facts) -> Report:
    """The diagnosis that facts lead to."""
    found = [finding for family in _FAMILIES for finding in family(facts)]
    answer = verdict(facts, found)
    found += learning_findings(facts, answer)
    return Report(facts, answer, tuple(sorted(found, key=lambda finding: finding.severity)))


def _are(counted: Sequence[str]) -> str:
    verb = "is" if counted[0].startswith("1 ") else "are"
    return f"{verb} {' and '.join(counted)}"


def _learning(facts: Facts, answer: Verdict) -> JsonObject:
    profile, standing = facts.profile, facts.survey.standing
    seen = None if profile is None else profile.performance
    return {
        "text": answer.text,
        "mode": facts.configuration.learning_mode.value,
        "sampledChoices": 0 if seen is None else seen.choices,
        "meanReward": None if seen is None or not seen.choices else seen.reward,
        "random": None if seen is None else _compared(seen.random),
        "baseline": None if seen is None else _compared(seen.baseline),
        "eventsInMode": 0 if standing is None else standing.events,
        "meanRewardInMode": None if standing is None else standing.reward,
        "matchedWithBaseline": (
            None
            if standing is None or not standing.recent_events
            else standing.recent_matched / standing.recent_events
        ),
    }


def _compared(found: Comparison | None) -> JsonValue:
    if found is None:
        return None
    return {
        "meanReward": found.reward,
        "gain": found.gain,
        "confidenceInterval": [found.gain - found.half_width, found.gain + found.half_width],
    }


def _model(facts: Facts) -> JsonObject:
    manifest, configuration = facts.manifest, facts.configuration
    model = manifest.model
    first = manifest.first_model_created
    due = facts.called and configuration.learning_mode is not LearningMode.LOGGING_ONLY
    next_run = facts.next_run if events_of(manifest.counts) else facts.next_run_after_wait
    return {
        "modelId": None if model is None else model.id,
        "lastUpdated": None if model is None else instant(model.created),
        "firstPublished": None if first is None else instant(first),
        "nextUpdateDue": instant(next_run) if due and configuration.model_auto_publish else None,
        "lastTrainerRun": instant(manifest.finished) if manifest.finished else None,
        "joinedUntil": instant(manifest.position) if manifest.position else None,
        "isBeingRebuilt": manifest.retrain is not None,
        "policy": facts.settings.policy_in_force().name,
    }


def _events(counts: Counts) -> JsonObject:
    return {
        "decisions": counts.decisions,
        "learned": counts.learned,
        "defaulted": counts.defaulted,
        "duplicates": counts.duplicates,
        "notActivated": counts.not_activated,
        "loggedOnly": counts.logged_only,
        "unlearnable": counts.unlearnable,
        "otherKind": counts.other_kind,
        "dropped": counts.dropped,
        "rewards": counts.rewards,
        "joined": counts.joined,
        "late": counts.late,
        "orphaned": counts.orphaned,
        "slotless": counts.slotless,
        "repeated": counts.repeated,
        "activations": counts.activations,
        "activated": counts.activated,
        "strayed": counts.strayed,
    }


def _exploration(facts: Facts) -> JsonObject:
    profile = facts.profile
    return {
        "explorationPercentage": facts.configuration.exploration_percentage,
        "sampled": None if profile is None else _propensities(profile.propensities),
        "newest": None if profile is None else _propensities(profile.newest),
    }


def _propensities(seen: PropensityProfile) -> JsonObject:
    return {
        "choices": seen.choices,
        "withoutModel": seen.modelless,
        "equalProbabilities": seen.uniform,
        "certain": seen.certain,
    }
