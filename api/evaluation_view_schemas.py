"""The shapes of what the web page shows of evaluations."""

from __future__ import annotations

from api.evaluation_schemas import (
    ARGUMENTS,
    POLICY_SOURCE,
    STATUSES_2022,
    estimate_members,
    evaluation_members,
)
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
from api.view_schemas import HEAD
from loop.events import LoopKind


def _members() -> dict[str, Schema]:
    return {
        **evaluation_members(),
        "status": text("How far it is.", enum=STATUSES_2022),
        "optimalPolicy": nullable(text("Name of the best policy; null before it is known.")),
        "kind": text("That of the loop then.", enum=[kind.value for kind in LoopKind]),
        "optimizes": flag("Whether better policies are looked for."),
        "customPolicies": array_of(text("The name of a policy of the owner's.")),
        "contenders": whole("How many policies learn from the events.", minimum=0),
        "finishedTime": nullable(instant("When it was done; null before.")),
    }


def _estimate() -> dict[str, Schema]:
    return {
        "events": whole("Choices that it was estimated from.", minimum=0),
        "effectiveEvents": number("How many of weight 1 would tell as much.", minimum=0),
        **estimate_members(),
    }


def _named(description: str) -> Schema:
    return nullable(object_of(description, name=text("Its name."), **_estimate()))


def _unnamed(description: str) -> Schema:
    return nullable(object_of(description, **_estimate()))


EVALUATION_VIEW_SCHEMAS: dict[str, Schema] = {
    "EvaluationsView": object_of(
        "Which evaluations there are, and when the loop makes the next one by itself.",
        **HEAD,
        decisions=whole("Rank calls joined since the log began.", minimum=0),
        policy=reference("Policy"),
        autoOptimization=object_of(
            "What the next run of auto-optimization waits for.",
            isEnabled=flag("Whether the configuration asks for it."),
            hindrance=nullable(text("Why none begins as things stand; null where one will.")),
            frequency=duration("How long a period is."),
            startDate=nullable(instant("None begins before; null where that does not matter.")),
            runningEvaluationId=nullable(text("The run that is under way; null without one.")),
            events=whole("Events that were decided in Online mode, and joined.", minimum=0),
            eventsNeeded=whole("With so many a run begins at any time.", minimum=0),
            nextDue=nullable(
                instant("From then on it takes no more than leastEvents; null before a first run.")
            ),
            leastEvents=whole("With fewer none begins.", minimum=0),
        ),
        count=whole("How many there are in all, of the type that was asked for.", minimum=0),
        unfinished=whole("How many wait or run, whatever their type.", minimum=0),
        evaluations=array_of(
            object_of(
                "An evaluation.",
                **_members(),
                online=_named("What was earned; null before it is known."),
                current=_named(
                    "What the settings in force would have, learned afresh; null where they were"
                    " not judged."
                ),
                best=_named("What the best policy would have earned; null before it is known."),
            ),
            "The newest first.",
        ),
    ),
    "EvaluationView": object_of(
        "What an evaluation has found, policy by policy.",
        **HEAD,
        policy=reference("Policy"),
        evaluation=object_of("What was asked for, and how far it is.", **_members()),
        slot=nullable(text("Which slot the policies are judged in; null for all.")),
        policies=array_of(
            object_of(
                "How a policy did.",
                name=text("Its name."),
                arguments=ARGUMENTS,
                policySource=POLICY_SOURCE,
                **_estimate(),
                comparisons=whole(
                    "Among how many it was picked: its interval allows for so many.", minimum=1
                ),
                isApplicable=flag("Whether it has a model that can be put online."),
            ),
            "Empty before it is done.",
        ),
        slots=array_of(
            object_of(
                "How policies did in a slot.",
                id=text("The slot's id."),
                online=_unnamed("What was earned there."),
                best=_unnamed("What the best policy would have earned there."),
            ),
            "Empty in a single-slot loop.",
        ),
        overTime=nullable(
            object_of(
                "What some policies had earned by the end of a point, from the beginning on.",
                width=number("Seconds of a point."),
                times=array_of(whole("When a point begins, in seconds since 1970.")),
                series=array_of(
                    object_of(
                        "A policy.",
                        name=text("Its name."),
                        reward=array_of(
                            nullable(number("The mean reward; null where nothing tells it."))
                        ),
                        halfWidth=array_of(
                            nullable(number("Half its interval of 95 %.", minimum=0))
                        ),
                    )
                ),
            )
        ),
    ),
}
