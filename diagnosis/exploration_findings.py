"""Findings about how choices are drawn: all alike, all the same, or with nothing left to chance."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.facts import Facts
from diagnosis.findings import SAMPLE, Finding, Severity, instant, many, percent, share
from diagnosis.profile import Profile, PropensityProfile
from loop.events import SECOND, LearningMode

FEW_CHOICES = 20
"""So many of the newest choices are enough to see that all are alike."""

_NOTICED = 120 * SECOND
"""By then every process serves a model that was published, in microseconds."""


def exploration_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about propensities."""
    profile = facts.profile
    if profile is not None:
        yield from _single(profile)
        yield from _favourite(facts, profile)
        if profile.newest.choices >= FEW_CHOICES:
            yield from _equal(facts, profile)
    yield from _collapsed(facts, profile)
    yield from _amount(facts, profile)


def _equal(facts: Facts, profile: Profile) -> Iterator[Finding]:
    """Why all probabilities are equal, where they are."""
    newest = profile.newest
    equal = newest.modelless + newest.uniform
    if share(equal, newest.choices) < 0.9:
        return
    published = facts.manifest.first_model_created
    severity = Severity.PROBLEM
    if newest.uniform > newest.modelless:
        reason, action = _indifference(facts, profile)
    elif published is None or facts.manifest.retrain is not None:
        severity = Severity.ADVICE
        reason = "They were drawn before there was a model."
        action = "See no-model-yet, or model-being-rebuilt: they say when it is due."
    elif profile.modelless_until < published + _NOTICED:
        severity = Severity.FINE
        reason = (
            f"They were drawn before a first model was published, at {instant(published)}; most of"
            " what was decided since is not joined yet."
        )
        action = ""
    else:
        reason = "They were drawn without the model's help, though one is published."
        action = (
            "See whether the service logs `model_failed` (the model can't score these calls) or"
            " `serving_refresh_failed` (it can't be read). DELETE model begins afresh."
        )
    yield Finding(
        "all-probabilities-equal",
        severity,
        "All actions are equally likely",
        f"In {percent(equal, newest.choices)} of the newest {many(newest.choices, 'choice')} all"
        f" actions had the same probability. {reason}",
        action,
        {
            "choices": newest.choices,
            "equalWithoutModel": newest.modelless,
            "equalWithModel": newest.uniform,
            "explorationPercentage": facts.configuration.exploration_percentage,
        },
    )


def _indifference(facts: Facts, profile: Profile) -> tuple[str, str]:
    """Why a model scores all actions the same, and what to do."""
    if facts.configuration.exploration_percentage > 0.99:
        return (
            "explorationPercentage leaves nothing to the model.",
            "Set explorationPercentage to 0.2, say.",
        )
    if profile.rewards.values <= 1:
        return (
            "The model scores all actions the same, since all rewards are the same.",
            "See no-rewards or reward-constant.",
        )
    actions = profile.actions
    ignored = {o.value for o in facts.policy_settings or () if o.name == "ignore"}
    if actions.bare + actions.alike > 0.5 * actions.calls and any(
        "i" in (v or "") for v in ignored
    ):
        return (
            "Actions differ in nothing but their ids, and the policy ignores those.",
            "Send features of actions, or take --ignore i out of the policy.",
        )
    return (
        "The model scores all actions the same: it has learned nothing yet that tells them apart.",
        "Look at the findings about features and rewards. Does the policy keep the namespaces that"
        " requests have? DELETE configurations/policy returns to the default.",
    )


def _single(profile: Profile) -> Iterator[Finding]:
    actions = profile.actions
    if actions.calls >= SAMPLE and share(actions.single, actions.calls) >= 0.5:
        yield Finding(
            "single-action-calls",
            Severity.WARNING,
            "Most calls have nothing to choose",
            f"{percent(actions.single, actions.calls)} of {many(actions.calls, 'sampled call')} had"
            " one eligible action: its probability is 1, and nothing can be learned about others.",
            "Send all actions that could be shown, and exclude fewer.",
            {"single": actions.single, "calls": actions.calls},
        )


def _favourite(facts: Facts, profile: Profile) -> Iterator[Finding]:
    favourite = profile.favourite
    if favourite.choices < 500 or profile.actions.ids < 3 or favourite.contexts < 5:
        return
    part = share(favourite.times, favourite.choices)
    if part < 0.95:
        return
    yield Finding(
        "one-action-preferred",
        Severity.ADVICE,
        "The model prefers the same action nearly always",
        f"In {percent(part)} of {many(favourite.choices, 'sampled choice')}, of"
        f" {favourite.contexts:,} different contexts at least, the action {favourite.action!r} had"
        " the highest probability. Either it is the best for everybody, or the model can't tell"
        " contexts apart.",
        "Create an evaluation with optimization: it says whether other learning settings would earn"
        " more. See also policy-cannot-personalise and the findings about features.",
        {
            "action": favourite.action,
            "times": favourite.times,
            "choices": favourite.choices,
            "explorationPercentage": facts.configuration.exploration_percentage,
        },
    )


def _collapsed(facts: Facts, profile: Profile | None) -> Iterator[Finding]:
    exploration = facts.configuration.exploration_percentage
    seen = profile.propensities if profile else PropensityProfile()
    part = share(seen.certain, seen.choices)
    collapsed = seen.choices >= SAMPLE and part >= 0.5
    if not collapsed and exploration > 0:
        return
    text = ""
    if collapsed:
        text = (
            f"In {percent(part)} of {many(seen.choices, 'sampled choice')} the action chosen had"
            " the probability 1. "
        )
    if exploration == 0:
        text += "explorationPercentage is 0: only what the model thinks best is ever chosen. "
    text += (
        "What is never tried can't be learned about, and evaluations can't tell what other policies"
        " would earn."
    )
    yield Finding(
        "exploration-collapsed" if collapsed else "exploration-off",
        Severity.PROBLEM if collapsed else Severity.WARNING,
        "Nothing is left to chance",
        text,
        "Set explorationPercentage to 0.1 or more"
        if exploration < 0.1
        else "Take what limits exploration out of the policy: --first, or --cover and --bag without"
        " --epsilon.",
        {
            "choices": seen.choices,
            "certain": seen.certain,
            "explorationPercentage": exploration,
        },
    )


def _amount(facts: Facts, profile: Profile | None) -> Iterator[Finding]:
    exploration = facts.configuration.exploration_percentage
    if facts.configuration.learning_mode is LearningMode.LOGGING_ONLY:
        return
    if 0 < exploration < 0.02:
        yield Finding(
            "exploration-low",
            Severity.ADVICE,
            "Little is explored",
            f"explorationPercentage is {percent(exploration)}: other actions than the preferred one"
            " are hardly tried, so that the model notices late when they get better, and"
            " evaluations need far more events.",
            "Set explorationPercentage to 0.1 or 0.2.",
            {"explorationPercentage": exploration},
        )
    elif exploration >= 0.5:
        yield Finding(
            "exploration-high",
            Severity.ADVICE,
            "Much is explored",
            f"explorationPercentage is {percent(exploration)}: so often an action is drawn at"
            " random, and what has been learned is not used.",
            "Set explorationPercentage to 0.1 or 0.2 once there is a model.",
            {"explorationPercentage": exploration},
        )
    elif profile is not None and _is_sound(profile.newest):
        yield Finding(
            "exploration-sound",
            Severity.FINE,
            "Exploration works",
            f"A model has drawn {profile.newest.modelled:,} of the newest"
            f" {many(profile.newest.choices, 'choice')}, a share of {percent(exploration)} of them"
            " at random.",
            evidence={
                "choices": profile.newest.choices,
                "modelled": profile.newest.modelled,
                "meanFloor": round(profile.newest.floor, 3),
                "explorationPercentage": exploration,
            },
        )


def _is_sound(newest: PropensityProfile) -> bool:
    return (
        newest.choices >= FEW_CHOICES
        and newest.modelled >= 0.9 * newest.choices
        and newest.uniform + newest.certain <= 0.1 * newest.choices
    )
