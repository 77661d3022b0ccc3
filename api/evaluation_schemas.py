"""The shapes of requests and answers that have to do with evaluations."""

from __future__ import annotations

from api.schema_parts import (
    Schema,
    array_of,
    flag,
    instant,
    nullable,
    number,
    object_of,
    reference,
    text,
    whole,
)
from evaluation.contracts import RESERVED_NAMES
from evaluation.jobs import MOST_CUSTOM_POLICIES, Origin, Source
from loop.features import JsonValue

POLICY_SOURCE = text("Where it comes from.", enum=[source.value for source in Source])
ARGUMENTS = text("VowpalWabbit's arguments; empty where there are none.")
_PROGRESS = number("How much of the work is done. Not in the original.", minimum=0, maximum=1)
_STATUSES_V1: list[JsonValue] = [
    "completed",
    "pending",
    "failed",
    "notSubmitted",
    "timeout",
    "optimalPolicyApplied",
    "onlinePolicyRetained",
]
STATUSES_2022: list[JsonValue] = [
    "Succeeded",
    "Running",
    "Failed",
    "NotSubmitted",
    "Timeout",
    "OptimalPolicyApplied",
    "OnlinePolicyRetained",
    "Canceled",
]


def evaluation_members() -> dict[str, Schema]:
    return {
        "id": text("Its id."),
        "name": text("As it was called by its owner."),
        "startTime": instant("Events decided from here on are judged."),
        "endTime": instant("And none from here on."),
        "evaluationType": text(
            "Who asked for it: the owner, or a loop that optimises itself.",
            enum=[origin.value for origin in Origin],
        ),
        "creationTime": instant("When it was asked for."),
        "progress": _PROGRESS,
        "description": text("In words: what came of it, or why it failed."),
    }


def estimate_members() -> dict[str, Schema]:
    return {
        "expectedReward": nullable(number("The estimate of the mean reward.")),
        "confidenceInterval": nullable(
            array_of({"type": "number"}, "The 95 % interval.", minItems=2, maxItems=2)
        ),
    }


EVALUATION_SCHEMAS: dict[str, Schema] = {
    "CustomPolicy": object_of(
        "A policy to judge beside the others.",
        name=text(
            "Differs from those of the others, and from " + ", ".join(RESERVED_NAMES) + ".",
            minLength=1,
            maxLength=256,
        ),
        arguments=text("VowpalWabbit's arguments of learning and exploration.", maxLength=1024),
    ),
    "EvaluationContract": object_of(
        "What to evaluate.",
        ("name", "startTime", "endTime"),
        name=text("Yours to choose.", minLength=1, maxLength=256),
        startTime=instant("Events decided from here on are judged."),
        endTime=instant("And none from here on; later than the start."),
        enableOfflineExperimentation=nullable(
            flag("Whether better policies are looked for; v1's name of it.")
        ),
        enablePolicyOptimization=nullable(flag("The same; the 2022 preview's name of it.")),
        policies=nullable(
            array_of(reference("CustomPolicy"), "Policies to judge.", maxItems=MOST_CUSTOM_POLICIES)
        ),
    ),
    "PolicySummary": object_of(
        "What a policy would have earned in a stretch of time. w is an event's weight, r its"
        " reward.",
        timeStamp=instant("The start of the stretch; of the total, the end of the evaluation."),
        ipsEstimatorNumerator=number("Σ w·r."),
        ipsEstimatorDenominator=whole("How many events.", minimum=0),
        snipsEstimatorDenominator=number("Σ w.", minimum=0),
        aggregateTimeWindow=text("How long the stretch is.", examples=["PT5M"]),
        nonZeroProbability=whole("How many events with w > 0.", minimum=0),
        sumOfSquares=number("Σ (w·r)².", minimum=0),
        confidenceInterval=number("Half the width of the 95 % interval.", minimum=0),
        averageReward=number("The estimate, Σ w·r / Σ w; 0 where no event has any weight."),
    ),
    "PolicyResult": object_of(
        "How a policy did.",
        name=text("Its name."),
        arguments=ARGUMENTS,
        policySource=POLICY_SOURCE,
        summary=array_of(
            reference("PolicySummary"), "By stretches of time without gaps; empty in lists."
        ),
        totalSummary=reference("PolicySummary"),
    ),
    "EvaluationV1": object_of(
        "An evaluation.",
        **evaluation_members(),
        jobId=text("The id again."),
        status=text("How far it is.", enum=_STATUSES_V1),
        policyResults=array_of(reference("PolicyResult"), "Empty before it is done."),
        featureImportance=array_of(
            array_of({"type": "string"}),
            "Names of features that matter about as much as each other, the most important first.",
        ),
        optimalPolicy=text("Name of the best policy; empty before it is known."),
    ),
    "PolicyEstimate": object_of(
        "What a policy would have earned; null where it could not be judged.",
        **estimate_members(),
    ),
    "PolicyPoint": object_of(
        "What a policy would have earned in a stretch of time.",
        timeStamp=instant("Its start."),
        **estimate_members(),
    ),
    "PolicyTimeSeries": object_of(
        "How a policy did over time.",
        data=array_of(
            reference("PolicyPoint"), "In order of time; a stretch without events has none."
        ),
    ),
    "PolicyEvaluation": object_of(
        "How a policy did.",
        ("name", "arguments", "policySource", "summary", "timeseries"),
        name=text("Its name."),
        slotId=text("Which slot it is about; missing where it is all of them."),
        arguments=ARGUMENTS,
        policySource=POLICY_SOURCE,
        summary=reference("PolicyEstimate"),
        timeseries=reference("PolicyTimeSeries"),
    ),
    "EvaluationContent": object_of(
        "What was found.",
        startTime=instant("From where on the time series go."),
        endTime=instant("Until where."),
        intervalInMinutes=whole("Minutes to a point of the time series.", minimum=5),
        value=array_of(reference("PolicyEvaluation")),
    ),
    "Evaluation2022": object_of(
        "An evaluation.",
        (*evaluation_members(), "status", "optimalPolicy"),
        **evaluation_members(),
        status=text("How far it is.", enum=STATUSES_2022),
        optimalPolicy=nullable(text("Name of the best policy; null before it is known.")),
        content=reference("EvaluationContent"),
    ),
    "EvaluationPage": object_of(
        "Some of all evaluations, the newest first; without their `content`.",
        ("value",),
        value=array_of(reference("Evaluation2022")),
        nextLink=text("Where there are more.", format="uri"),
    ),
}
