"""The shapes of requests and answers that have to do with feature importances."""

from __future__ import annotations

from api.schema_parts import Schema, array_of, instant, number, object_of, reference, text
from evaluation.importance import MOST_FEATURES


def _members() -> dict[str, Schema]:
    return {
        "id": text("Its id."),
        "name": text("As it was called by its owner."),
        "startTime": instant("Events decided from here on are looked at."),
        "endTime": instant("And none from here on."),
        "creationTime": instant("When it was asked for."),
        "status": text(
            "How far it is.",
            enum=["Succeeded", "Running", "Failed", "NotSubmitted", "Timeout", "Canceled"],
        ),
        "description": text("In words: what there is to know of the scores, or why it failed."),
        "progress": number(
            "How much of the work is done. Not in the original.", minimum=0, maximum=1
        ),
    }


IMPORTANCE_SCHEMAS: dict[str, Schema] = {
    "FeatureImportanceContract": object_of(
        "Of which events it is asked which features matter.",
        name=text("Yours to choose.", minLength=1, maxLength=256),
        startTime=instant("Events decided from here on are looked at."),
        endTime=instant("And none from here on; later than the start."),
    ),
    "FeatureImportanceScore": object_of(
        "How much a feature matters.",
        namespace=text(
            "`FromUrl` for plain members of the context, `j` for those of actions, `i` for the"
            " action's id, `slot` for those of slots; else the name of the nearest object.",
            examples=["FromUrl"],
        ),
        featureName=text("The name of the member, whatever its value.", examples=["timeOfDay"]),
        score=number(
            "What the loop would lose without knowing it, as a share of the largest such loss.",
            minimum=0,
            maximum=1,
        ),
    ),
    "FeatureImportance": object_of(
        "Which features matter.",
        tuple(_members()),
        **_members(),
        featureScores=array_of(
            reference("FeatureImportanceScore"),
            "The highest first; empty before the end, and missing in lists.",
            maxItems=MOST_FEATURES,
        ),
    ),
    "FeatureImportancePage": object_of(
        "Some of all feature importances, the newest first; without their `featureScores`.",
        ("value",),
        value=array_of(reference("FeatureImportance")),
        nextLink=text("Where there are more.", format="uri"),
    ),
}
