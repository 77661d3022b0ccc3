"""The shape of a diagnosis."""

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
from diagnosis.findings import Severity
from loop.events import LearningMode
from loop.features import JsonValue

_WORDS: list[JsonValue] = [severity.word for severity in Severity]

_EVENTS = {
    "decisions": whole("Rank calls joined."),
    "learned": whole("Of those, events that a model has learned from, or will."),
    "defaulted": whole("Events without a reward: they count with the default reward."),
    "duplicates": whole("Repeats of an event id within ten minutes."),
    "notActivated": whole("Deferred events that were not activated in time."),
    "loggedOnly": whole("Events of the mode LoggingOnly."),
    "unlearnable": whole("Events that no model can learn from."),
    "otherKind": whole("Decisions of the other kind than the loop, single- or multi-slot."),
    "dropped": whole("Rank calls that were answered and could not be logged."),
    "rewards": whole("Rewards received."),
    "joined": whole("Rewards joined with an event."),
    "late": whole("Rewards that came after the wait."),
    "orphaned": whole("Rewards whose event is not known, or not known any more."),
    "slotless": whole("Rewards for slots that their events don't have."),
    "repeated": whole("Rewards of batches that were sent again."),
    "activations": whole("Activations received."),
    "activated": whole("Activations of an event in time."),
    "strayed": whole("Activations of none."),
}

DIAGNOSIS_SCHEMAS: dict[str, Schema] = {
    "Diagnosis": object_of(
        "How a loop does, what is wrong, and what to do about it.",
        summary=text("All of it in a sentence or two."),
        isLearning=nullable(flag("Whether the loop learns; null where it is too early to say.")),
        learning=reference("DiagnosedLearning"),
        model=reference("DiagnosedModel"),
        events=reference("DiagnosedEvents"),
        recentEvents=reference("DiagnosedRecentEvents"),
        exploration=reference("DiagnosedExploration"),
        findings=array_of(reference("Finding"), "The worst first."),
        generatedAt=instant("Now."),
        sampledEvents=whole("How many events of the log were looked at."),
        sampledFrom=nullable(instant("When the first of them was decided.")),
        sampledUntil=nullable(instant("When the last one was.")),
    ),
    "Finding": object_of(
        "One thing to know.",
        id=text("Which one it is; it stays the same.", examples=["rewards-late"]),
        severity=text("How much it matters, the worst first.", enum=_WORDS),
        title=text("It in a few words."),
        text=text("It in plain words, with figures."),
        whatToDo=text("Empty where nothing is to be done."),
        evidence={"type": "object", "description": "The figures."},
    ),
    "DiagnosedLearning": object_of(
        "Whether the loop learns, and why that is thought.",
        text=text("In plain words."),
        mode=text("The learning mode.", enum=[mode.value for mode in LearningMode]),
        sampledChoices=whole("Choices of a model, in the mode Online, among the sampled events."),
        meanReward=nullable(number("What those have earned on average.")),
        random=nullable(reference("Compared") | {"description": "Against even choices."}),
        baseline=nullable(reference("Compared") | {"description": "Against the baseline."}),
        eventsInMode=whole("Events since the learning mode was entered last."),
        meanRewardInMode=nullable(number("Their mean reward.")),
        matchedWithBaseline=nullable(
            number("In what share of the newest of those the choice was the baseline.")
        ),
    ),
    "Compared": object_of(
        "What another policy would have earned with the same events.",
        meanReward=number("That, on average."),
        gain=number("How much more the choices made have earned."),
        confidenceInterval=array_of(
            {"type": "number"}, "Of the gain, at 95 %.", minItems=2, maxItems=2
        ),
    ),
    "DiagnosedModel": object_of(
        "The model that serves, and the next one.",
        modelId=nullable(text("Its id; null before a first one.")),
        lastUpdated=nullable(instant("When it was made.")),
        firstPublished=nullable(instant("When the first one was, since a reset.")),
        nextUpdateDue=nullable(
            instant("When the next one is due, if there is more to learn by then.")
        ),
        lastTrainerRun=nullable(instant("When the trainer last ran to its end.")),
        joinedUntil=nullable(instant("Every decision before it is joined.")),
        isBeingRebuilt=flag("Whether a model is being learned anew from the log."),
        policy=text("The name of the policy in force."),
    ),
    "DiagnosedEvents": object_of("What has become of all that was sent.", **_EVENTS),
    "DiagnosedRecentEvents": object_of(
        "The same, of the last day or so.",
        since=nullable(instant("Since when; null where that is all.")),
        **_EVENTS,
    ),
    "DiagnosedExploration": object_of(
        "How choices are drawn.",
        explorationPercentage=number("As configured."),
        sampled=nullable(
            reference("Propensities") | {"description": "Of the sampled events."},
        ),
        newest=nullable(reference("Propensities") | {"description": "Of the newest of those."}),
    ),
    "Propensities": object_of(
        "Choices among several actions.",
        choices=whole("How many there are."),
        withoutModel=whole("How many were drawn without a model."),
        equalProbabilities=whole("How many of the others had equal probabilities."),
        certain=whole("How many had the probability 1."),
    ),
}
