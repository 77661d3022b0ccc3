"""Findings about the model: whether there is one, how fresh it is, and what keeps it back."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.facts import Facts
from diagnosis.findings import Finding, Severity, duration, instant, many, percent, share
from diagnosis.survey import events_of
from loop.events import SECOND, LearningMode

OVERDUE = 900 * SECOND
"""How long after it was due a run of the trainer is missed, in microseconds."""


def model_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about the model."""
    if not facts.called:
        yield Finding(
            "no-calls",
            Severity.ADVICE,
            "Nothing has been asked yet",
            "No rank call has reached this loop.",
            "Call rank with a key of this loop. If the application does already: does it use this"
            " endpoint, and a key of this loop and no other?",
        )
        return
    yield from _policy(facts)
    yield from _trainer(facts)
    yield from _model(facts)
    yield from _broken(facts)
    yield from _mirror(facts)


def _policy(facts: Facts) -> Iterator[Finding]:
    if facts.policy_settings is None:
        policy = facts.settings.policy_in_force()
        yield Finding(
            "policy-unusable",
            Severity.PROBLEM,
            "The policy can't be used",
            f"The arguments of the policy {policy.name!r} are not allowed by this release, so that"
            " no model can be built with them. Events are logged, and learned later.",
            "PUT configurations/policy with other arguments, or DELETE it for the default.",
            {"arguments": policy.arguments},
        )


def _trainer(facts: Facts) -> Iterator[Finding]:
    manifest = facts.manifest
    if manifest.position == 0:
        return
    late = facts.now - manifest.finished - facts.frequency
    if late > OVERDUE:
        yield Finding(
            "trainer-not-running",
            Severity.PROBLEM,
            "The trainer does not run",
            f"Its last run ended at {instant(manifest.finished)}, and the next has been due for"
            f" {duration(late / SECOND)}. Until it runs, nothing is joined or learned.",
            "See whether the timer function `trainer` runs, and what it logs (`training_failed`,"
            " with the loop's name): in Azure under Monitor of the function app.",
            {"lastRun": instant(manifest.finished), "overdueSeconds": late // SECOND},
        )


def _model(facts: Facts) -> Iterator[Finding]:
    manifest, configuration = facts.manifest, facts.configuration
    rebuild = manifest.retrain
    if rebuild is not None:
        done = share(rebuild.position - rebuild.start, manifest.position - rebuild.start)
        yield Finding(
            "model-being-rebuilt",
            Severity.ADVICE,
            "The model is being rebuilt",
            "A setting that the model depends on was changed, so it is learned anew from the log of"
            f" the last {many(configuration.model_retrain_days, 'day')}. {percent(done)} of that is"
            " read. " + _meanwhile(facts),
            "Wait. Change such settings together and seldom.",
            {"share": round(done, 3), "from": instant(rebuild.start)},
        )
        return
    if manifest.model is None:
        yield _missing(facts)
    else:
        yield Finding(
            "model-current",
            Severity.FINE,
            "A model serves",
            f"The model that serves was made at {instant(manifest.model.created)}. The trainer is"
            f" due again at {instant(facts.next_run)}, and makes a new one if more events are"
            " through their wait by then.",
            evidence={
                "modelId": manifest.model.id,
                "lastUpdated": instant(manifest.model.created),
                "nextUpdateDue": instant(facts.next_run),
            },
        )
    ahead = manifest.trained
    serving = 0 if manifest.model is None else manifest.model.created
    if ahead is not None and not configuration.model_auto_publish and ahead.created > serving:
        newer = [model.id for model in manifest.staged if model.created > serving]
        yield Finding(
            "model-waits-for-publishing",
            Severity.WARNING if manifest.model is None else Severity.ADVICE,
            "A newer model waits to be published",
            f"modelAutoPublish is false, and {many(len(newer), 'model')} newer than the one that"
            f" serves {'waits' if len(newer) == 1 else 'wait'} in the history, the last one since"
            f" {instant(ahead.created)}. Ranks don't change until one is published.",
            f"PUT staged-model/{ahead.id}/publish, or set modelAutoPublish to true.",
            {"newest": ahead.id, "waiting": len(newer)},
        )


def _meanwhile(facts: Facts) -> str:
    if facts.manifest.model is None:
        return "Until it is there, choices are even."
    return "Until it is there, the former one serves."


def _missing(facts: Facts) -> Finding:
    """Why there is no model."""
    counts = facts.manifest.counts
    waited = duration((facts.wait + facts.grace) / SECOND)
    evidence = {"events": events_of(counts), "learned": counts.learned}
    if events_of(counts) == 0:
        return Finding(
            "no-model-yet",
            Severity.ADVICE,
            "There is no model yet",
            "The first decisions still wait for their rewards. A decision is learned when its"
            f" reward wait time is over, {waited} after it was made: so the first model is due by"
            f" {instant(facts.next_run_after_wait)} at the latest. Until then all actions are"
            " equally likely.",
            "Wait, or set a shorter rewardWaitTime. If there still is none by then, the trainer"
            " does not run: see the log of the timer function `trainer`.",
            {**evidence, "dueBy": instant(facts.next_run_after_wait)},
        )
    if facts.configuration.learning_mode is LearningMode.LOGGING_ONLY:
        reason = "The loop is in the mode LoggingOnly, which learns nothing."
        action = "Set learningMode to Online or Apprentice."
    elif facts.manifest.trained is not None:
        reason = "What was learned waits to be published."
        action = "See model-waits-for-publishing."
    elif counts.learned:
        reason = "It was reset, and nothing has been learned since."
        action = f"Wait: decisions are learned {waited} after they were made."
    else:
        reason = "No event could be learned from: see the findings about events."
        action = "Mend what keeps events from being learned."
    return Finding(
        "no-model-yet",
        Severity.WARNING,
        "There is no model",
        f"{many(events_of(counts), 'event')} joined, and there is no model. {reason} Until there is"
        " one, all actions are equally likely.",
        action,
        evidence,
    )


def _broken(facts: Facts) -> Iterator[Finding]:
    broken = facts.counts.broken_models
    if broken:
        yield Finding(
            "model-broken",
            Severity.PROBLEM,
            "A model could not be published",
            f"{many(broken, 'model')} could not decide after training, and"
            f" {'was' if broken == 1 else 'were'} put aside; the former one goes on serving. What"
            f" {'it has' if broken == 1 else 'they have'} learned counts as unlearnable.",
            "Usually learning rates or rewards are far too large: try the default policy, and"
            " rewards from -1 to 1.",
            {"models": broken},
        )


def _mirror(facts: Facts) -> Iterator[Finding]:
    failures = facts.counts.mirror_failures
    mirror = facts.manifest.mirror
    resting = mirror is not None and mirror.resting > 0
    if facts.configuration.log_mirror_enabled and failures and resting:
        yield Finding(
            "mirror-failing",
            Severity.WARNING,
            "The log is not being mirrored",
            f"{many(failures, 'attempt')} at copying the log to your container failed, the last"
            " one too. Learning goes on; what is not copied before logRetentionDays is over is"
            " lost to the mirror.",
            "PUT a new logMirrorSasUri: the answer says what is wrong with it. The log of the"
            " timer function says `log_mirror_failed`, with the reason.",
            {"failures": failures},
        )
