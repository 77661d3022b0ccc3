"""The shapes of requests and answers, as JSON Schema, by the names that the API's document uses."""

from __future__ import annotations

from api.diagnosis_schemas import DIAGNOSIS_SCHEMAS
from api.evaluation_schemas import EVALUATION_SCHEMAS
from api.evaluation_view_schemas import EVALUATION_VIEW_SCHEMAS
from api.importance_schemas import IMPORTANCE_SCHEMAS
from api.schema_parts import (
    Schema,
    array_of,
    duration,
    flag,
    identifier,
    instant,
    nullable,
    number,
    object_of,
    reference,
    text,
    whole,
)
from api.view_schemas import VIEW_SCHEMAS
from loop.configuration import REQUIRED_IN_V1, RewardAggregation
from loop.events import LearningMode
from loop.explanation import MAX_SCORES
from loop.features import MAX_DEPTH
from loop.vw_lines import MAX_VALUE
from rank.request import MAX_ACTIONS

_EVENT_ID = text("The id to send the reward with.")
_REWARD: Schema = {
    "description": "From -1 to 1 by custom; a value outside is learned from as it is. A text that"
    " holds a number counts as it.",
    "anyOf": [{"type": "number"}, {"type": "string"}],
}


def _rank_members() -> dict[str, Schema]:
    return {
        "contextFeatures": nullable(
            array_of(reference("FeatureObject"), "What is known of the context.")
        ),
        "actions": array_of(
            reference("RankableAction"),
            "The actions to choose from, with ids that differ.",
            minItems=1,
            maxItems=MAX_ACTIONS,
        ),
        "excludedActions": nullable(
            array_of(
                identifier("The id of an action."),
                "Actions that must not be chosen; not all of them.",
            )
        ),
        "eventId": nullable(
            identifier(
                "What tells this event from others, and seeds the choice. Made by the service where"
                " it is missing, null or empty."
            )
        ),
        "deferActivation": nullable(
            flag("Whether the event counts only once it is activated.", default=False)
        ),
    }


def _configuration_members() -> dict[str, Schema]:
    return {
        "rewardWaitTime": duration("How long an event waits for rewards."),
        "defaultReward": number("What an event without rewards is worth.", minimum=-1, maximum=1),
        "rewardAggregation": text(
            "How several rewards become one.", enum=[each.value for each in RewardAggregation]
        ),
        "explorationPercentage": number(
            "How often another action than the best is tried.", minimum=0, maximum=1
        ),
        "modelExportFrequency": duration("How often a new model is made."),
        "logMirrorEnabled": flag("Whether the joined log is copied to the owner's container."),
        "logMirrorSasUri": nullable(text("Where to: a SAS URI of the container.", maxLength=2048)),
        "logRetentionDays": whole("How long the log is kept; -1 is for ever."),
        "learningMode": text(
            "`Online` chooses; `Apprentice` answers the baseline and learns to imitate it;"
            " `LoggingOnly` answers the baseline and learns nothing.",
            enum=[mode.value for mode in LearningMode],
        ),
        "isAutoOptimizationEnabled": flag("Whether better learning settings are searched for."),
        "autoOptimizationFrequency": duration("How often."),
        "autoOptimizationStartDate": nullable(instant("From when on.")),
        "isInferenceExplainabilityEnabled": flag("Whether ranks say what the model weighs."),
        "modelRetrainDays": whole("Days of log that a new model is rebuilt from.", minimum=0),
        "modelAutoPublish": flag("Whether a new model serves without anybody publishing it."),
        "stagedModelHistoryLength": whole(
            "How many models are kept as history.", minimum=1, maximum=100
        ),
    }


_STAGED_MODEL = {
    "userDescription": text("What its owner says of it.", maxLength=1024),
    "savedInHistory": flag("Whether it is kept however many come after it."),
}

_SUMS = {
    "numberOfEvents": whole("Events.", minimum=0),
    "sumOfRewards": number("Their rewards."),
    "numberOfMatchedEvents": whole("Events whose best action was the baseline.", minimum=0),
    "sumOfImitatedRewards": number("The rewards of those."),
}

SCHEMAS: dict[str, Schema] = {
    **EVALUATION_SCHEMAS,
    **IMPORTANCE_SCHEMAS,
    **DIAGNOSIS_SCHEMAS,
    **VIEW_SCHEMAS,
    **EVALUATION_VIEW_SCHEMAS,
    "Liveness": object_of("The process lives.", status=text("So it does.", enum=["healthy"])),
    "Readiness": object_of(
        "Storage can be reached.",
        status=text("So it can.", enum=["ready"]),
        modelAgeSeconds=nullable(
            whole("Since the newest model of all loops was made; null before a first.", minimum=0)
        ),
    ),
    "FeatureObject": {
        "type": "object",
        "description": "Features by name. A text counts as the pair of name and value, a number as"
        f" a weight between ±{MAX_VALUE:.0f}, true as the bare name, false as nothing. An object,"
        " a list of objects and a list of numbers are namespaces of their own, up to"
        f" {MAX_DEPTH} deep. Names that begin with `_` are ignored.",
        "examples": [{"timeOfDay": "morning", "user": {"profileType": "guest", "age": 32}}],
    },
    "RankableAction": object_of(
        "An action to choose.",
        id=identifier("What tells it from the others."),
        features=array_of(reference("FeatureObject"), "What is known of it."),
    ),
    "RankRequest": object_of("A choice to make.", ("actions",), **_rank_members()),
    "RankedAction": object_of(
        "An action with its chance.",
        id=text("Its id."),
        probability=number("What it was drawn with, up to 1; 0 where it is excluded.", minimum=0),
    ),
    "FeatureScore": object_of(
        "How much a feature, or several together, speaks for the action.",
        name=text(
            "`namespace.feature`, with `^` between those that interact.",
            examples=["user.profileType^j.topic"],
        ),
        score=number("The model's weight: above 0 it speaks for the action, below 0 against it."),
    ),
    "InferenceExplanation": object_of(
        "What the model weighs for the action that it thinks best, whichever was drawn.",
        id=text("The action's id."),
        features=array_of(reference("FeatureScore"), "The weightiest first.", maxItems=MAX_SCORES),
    ),
    "RankResponse": object_of(
        "The choice.",
        ("ranking", "eventId", "rewardActionId"),
        ranking=array_of(reference("RankedAction"), "Every action of the request."),
        eventId=_EVENT_ID,
        rewardActionId=text("The id of the action to show, and to reward."),
        inferenceExplanation=array_of(
            reference("InferenceExplanation"),
            "Only where the configuration asks for it; empty before a first model.",
            maxItems=1,
        ),
    ),
    "RankableSlot": object_of(
        "A slot to fill.",
        ("id", "baselineAction"),
        id=identifier("What tells it from the others."),
        features=nullable(array_of(reference("FeatureObject"), "What is known of it.")),
        excludedActions=nullable(
            array_of(identifier("The id of an action."), "Actions that must not stand in it.")
        ),
        baselineAction=identifier("The action that stands there without this service."),
    ),
    "MultiSlotRankRequest": object_of(
        "Several choices to make at once.",
        ("actions", "slots"),
        **_rank_members(),
        slots=array_of(
            reference("RankableSlot"),
            "In the order to fill them; not more than there are actions.",
            minItems=1,
            maxItems=MAX_ACTIONS,
        ),
    ),
    "FilledSlot": object_of(
        "A slot with the action chosen for it.",
        id=text("The slot's id."),
        rewardActionId=text("The id of the action to show there; no other slot has it."),
    ),
    "MultiSlotRankResponse": object_of(
        "The choices.", slots=array_of(reference("FilledSlot")), eventId=_EVENT_ID
    ),
    "RewardRequest": object_of("How well a choice went.", value=_REWARD),
    "SlotReward": object_of(
        "How well the choice for a slot went.",
        slotId=identifier("The slot's id; one that the event does not have is ignored."),
        value=_REWARD,
    ),
    "MultiSlotRewardRequest": object_of(
        "How well choices went.",
        reward=array_of(reference("SlotReward"), minItems=1, maxItems=MAX_ACTIONS),
    ),
    "Status": object_of(
        "The service answers.",
        service=text("Its name."),
        apiStatus=text("`Valid`."),
        apiStatusMessage=text("What that means."),
    ),
    "ServiceConfiguration": object_of(
        "What an owner sets for a loop.",
        **_configuration_members(),
        lastConfigurationEditDate=instant("When it was put."),
    ),
    "ServiceConfigurationUpdate": object_of(
        "Members to change; those that are missing keep their value.",
        (),
        **_configuration_members(),
    ),
    "ServiceConfigurationPut": {
        "description": "What v1 asks for: some members may not be missing.",
        "allOf": [
            reference("ServiceConfigurationUpdate"),
            {"required": [*sorted(REQUIRED_IN_V1)]},
        ],
    },
    "Policy": object_of(
        "How a loop learns.",
        name=text("Yours to choose.", maxLength=256),
        arguments=text(
            "VowpalWabbit's arguments of learning and exploration, kept to the letter.",
            maxLength=1024,
            examples=["--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ::"],
        ),
    ),
    "PolicyReference": object_of(
        "A policy that an evaluation has judged.",
        evaluationId=text("The evaluation's id."),
        policyName=text("The policy's name in it; not that of online, baseline or random."),
    ),
    "ModelProperties": object_of(
        "When there was a model; the year 1 before a first one.",
        creationTime=instant("When the first one was published, since the loop began or a reset."),
        lastModifiedTime=instant("When the one that serves was published."),
    ),
    "StagedModel": object_of(
        "A model of the history.",
        modelId=text("Its id."),
        **_STAGED_MODEL,
        creationDate=instant("When it was made."),
        lastConfigEditDate=instant("When the configuration was put that it was made with."),
        firstEventId=text("The first event learned since the model before it, if any."),
        lastEventId=text("The last one."),
        numberOfEventsLearnedSinceLastExport=whole("How many events that were.", minimum=0),
        isPublished=flag("Whether it serves."),
    ),
    "StagedModelUpdate": object_of(
        "Members to change; those that are missing or null keep their value.",
        (),
        **{name: nullable(schema) for name, schema in _STAGED_MODEL.items()},
    ),
    "DateRange": object_of(
        "A stretch of time; null where there is none.",
        **{"from": nullable(instant("Its start.")), "to": nullable(instant("Its end."))},
    ),
    "LogProperties": object_of("How far the log reaches.", dateRange=reference("DateRange")),
    "LearningMetrics": object_of(
        "What a stretch of time, or of events, came to. Sums without and with all before them in"
        " the same learning mode.",
        learningMode=text(
            "The mode that the events were in.", enum=[mode.value for mode in LearningMode]
        ),
        startDate=instant("Its start."),
        endDate=instant("Its end."),
        **_SUMS,
        **{f"cumulative{name[0].upper()}{name[1:]}": schema for name, schema in _SUMS.items()},
    ),
    "Error": object_of(
        "What went wrong.",
        error=object_of(
            "Its code, and words about it.",
            ("code", "message"),
            code=text("Also in the header `x-ms-error-code`."),
            message=text("What is wrong and what to do, for a person to read."),
            target=text("The place in the request.", examples=["actions[2].features[0].tags[1]"]),
        ),
    ),
}
