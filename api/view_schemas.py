"""The shapes of what the web page shows."""

from __future__ import annotations

from api.schema_parts import (
    Schema,
    array_of,
    duration,
    flag,
    instant,
    nullable,
    number,
    object_of,
    reference,
    text,
    whole,
)
from loop.events import LearningMode, LoopKind
from loop.features import JsonValue
from loop.windows import RANGES

_RANGES: list[JsonValue] = list(RANGES)

HEAD = {
    "loop": text("The loop that the key opens."),
    "kind": text("Which kind it is.", enum=[kind.value for kind in LoopKind]),
    "learningMode": text("Its learning mode.", enum=[mode.value for mode in LearningMode]),
    "generatedAt": instant("Now."),
}
"""What every view begins with."""

_AXIS = {
    "range": text("How long a stretch it is that ends now.", enum=_RANGES),
    "ranges": array_of(text("A stretch that can be asked for."), "All of them."),
    "width": number("Seconds of a point of the series."),
    "times": array_of(
        whole("When a point begins, in seconds since 1970."),
        "In order; those that nothing has happened in are missing.",
    ),
}

_FATES = {
    "decisions": "Rank calls joined.",
    "rewards": "Rewards received.",
    "joined": "Rewards joined with an event.",
    "defaulted": "Events without a reward.",
    "late": "Rewards that came after the wait.",
    "orphaned": "Rewards whose event is not known.",
    "duplicates": "Repeats of an event id within ten minutes.",
    "notActivated": "Deferred events that were not activated in time.",
    "dropped": "Rank calls that were answered and could not be logged.",
}


def _counts(description: str) -> Schema:
    return array_of(whole(description, minimum=0), "By the points of times.")


def _shares(description: str) -> Schema:
    return array_of(nullable(number(description, minimum=0)), "By the points of times.")


_CHOSEN = {
    "share": _shares("Of how many choices it was the one; null where none was looked at."),
    "propensity": _shares("The mean chance that it had where it was offered."),
}

VIEW_SCHEMAS: dict[str, Schema] = {
    "OverviewView": object_of(
        "How well a loop does, over time and now.",
        **HEAD,
        **_AXIS,
        decisions=_counts("Rank calls joined."),
        drawn=_counts("Choices that a model has made by itself."),
        explored=_counts("How many of them were not the one that it thought best."),
        online=reference("EstimateSeries"),
        baseline=reference("EstimateSeries"),
        random=reference("EstimateSeries"),
        totals=object_of(
            "The same over the whole stretch.",
            decisions=whole("Rank calls joined."),
            drawn=whole("Choices that a model has made by itself."),
            explored=whole("How many of them were not the one that it thought best."),
            online=reference("EstimatedReward"),
            baseline=reference("EstimatedReward"),
            random=reference("EstimatedReward"),
        ),
        rewardWaitTime=duration("How long a reward is waited for."),
        updateFrequency=duration("How often a new model is due."),
        diagnosis=reference("Diagnosis"),
    ),
    "EstimateSeries": object_of(
        "The mean reward of a policy at each point of times, and how sure that is.",
        events=_counts("Choices that it was estimated from."),
        reward=array_of(nullable(number("The mean reward; null where nothing tells it."))),
        halfWidth=array_of(nullable(number("Half its interval of 95 %.", minimum=0))),
    ),
    "EstimatedReward": object_of(
        "The mean reward of a policy over a stretch.",
        events=whole("Choices that it was estimated from.", minimum=0),
        reward=nullable(number("The mean reward; null where nothing tells it.")),
        halfWidth=nullable(number("Half its interval of 95 %.", minimum=0)),
    ),
    "MonitorView": object_of(
        "What becomes of what is sent, how long rewards take, and what is chosen.",
        **HEAD,
        **_AXIS,
        fates=object_of(
            "Over time, when it became known.", **{n: _counts(t) for n, t in _FATES.items()}
        ),
        totals=object_of(
            "Since the log began.",
            **{name: whole(words, minimum=0) for name, words in _FATES.items()},
            learned=whole("Events that a model has learned from, or will.", minimum=0),
        ),
        delays=array_of(
            object_of(
                "Rewards that took so long.",
                **{"from": number("Seconds, at least."), "to": number("Seconds, less than.")},
                rewards=whole("How many.", minimum=0),
            ),
            "From the shortest to the longest.",
        ),
        rewardWaitSeconds=number("The reward wait time."),
        actions=array_of(
            object_of("An action.", id=text("Its id."), **_CHOSEN), "The most drawn ones first."
        ),
        others=object_of("All other actions together.", **_CHOSEN),
        apprentice=nullable(
            object_of(
                "How near an apprentice came to its baseline, over its last thousand events.",
                events=whole("How many they are.", minimum=1),
                matched=whole("In how many its choice was the baseline.", minimum=0),
                baselineReward=number("The mean reward."),
                personalizerReward=number("The same, where others than matched count 0."),
                achievementRatio=nullable(number("The latter over the former.")),
            )
        ),
    ),
    "ModelView": object_of(
        "Which models and which learning settings a loop has.",
        **HEAD,
        properties=reference("ModelProperties"),
        policy=reference("Policy"),
        defaultPolicy=reference("Policy"),
        history=array_of(reference("StagedModel"), "Newest first."),
        isRebuilding=flag("Whether a model is being rebuilt from the log."),
    ),
}
