"""The shapes of requests and answers, as JSON Schema, by the names that the API's document uses."""

from __future__ import annotations

from collections.abc import Collection

from loop.configuration import REQUIRED_IN_V1, RewardAggregation
from loop.events import LearningMode
from loop.explanation import MAX_SCORES
from loop.features import MAX_DEPTH, JsonObject, JsonValue
from loop.vw_lines import MAX_VALUE
from rank.request import LONGEST_ID, MAX_ACTIONS

Schema = JsonObject


def reference(name: str) -> Schema:
    """What stands where the schema ``name`` is meant.

    >>> reference("Policy")
    {'$ref': '#/components/schemas/Policy'}
    """
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, required: Collection[str] | None = None, **members: Schema) -> Schema:
    """An object; all its members are required unless ``required`` says which."""
    schema: Schema = {"type": "object", "description": description}
    names: list[JsonValue] = [name for name in members if required is None or name in required]
    if names:
        schema["required"] = names
    schema["properties"] = dict(members)
    return schema


def _array(items: Schema, description: str = "", **bounds: int) -> Schema:
    schema: Schema = {"type": "array", "items": items, **bounds}
    if description:
        schema["description"] = description
    return schema


def _text(description: str, **more: JsonValue) -> Schema:
    return {"type": "string", "description": description, **more}


def _number(description: str, **more: JsonValue) -> Schema:
    return {"type": "number", "description": description, **more}


def _whole(description: str, **more: JsonValue) -> Schema:
    return {"type": "integer", "description": description, **more}


def _flag(description: str, **more: JsonValue) -> Schema:
    return {"type": "boolean", "description": description, **more}


def _instant(description: str) -> Schema:
    return _text(description, format="date-time")


def _duration(description: str) -> Schema:
    iso = "P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9.,]+S)?)?"
    clock = "([0-9]+[.])?[0-9]+:[0-9:.]+"
    return _text(
        f"{description} As ISO 8601; days and clock time (`1.00:00:15`) are taken as well.",
        pattern=f"^({iso}|{clock})$",
        examples=["PT15S"],
    )


def _id(description: str) -> Schema:
    """As a request may have it; answers have text."""
    return {
        "description": f"{description} 1 to {LONGEST_ID} characters; a number counts as its text.",
        "anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_ID}, {"type": "number"}],
    }


def _nullable(schema: Schema) -> Schema:
    description = schema["description"]
    rest = {name: value for name, value in schema.items() if name != "description"}
    return {"description": description, "anyOf": [rest, {"type": "null"}]}


_EVENT_ID = _text("The id to send the reward with.")
_REWARD: Schema = {
    "description": "From -1 to 1 by custom; a value outside is learned from as it is. A text that"
    " holds a number counts as it.",
    "anyOf": [{"type": "number"}, {"type": "string"}],
}


def _rank_members() -> dict[str, Schema]:
    return {
        "contextFeatures": _nullable(
            _array(reference("FeatureObject"), "What is known of the context.")
        ),
        "actions": _array(
            reference("RankableAction"),
            "The actions to choose from, with ids that differ.",
            minItems=1,
            maxItems=MAX_ACTIONS,
        ),
        "excludedActions": _nullable(
            _array(_id("The id of an action."), "Actions that must not be chosen; not all of them.")
        ),
        "eventId": _nullable(
            _id(
                "What tells this event from others, and seeds the choice. Made by the service where"
                " it is missing, null or empty."
            )
        ),
        "deferActivation": _nullable(
            _flag("Whether the event counts only once it is activated.", default=False)
        ),
    }


def _configuration_members() -> dict[str, Schema]:
    return {
        "rewardWaitTime": _duration("How long an event waits for rewards."),
        "defaultReward": _number("What an event without rewards is worth.", minimum=-1, maximum=1),
        "rewardAggregation": _text(
            "How several rewards become one.", enum=[each.value for each in RewardAggregation]
        ),
        "explorationPercentage": _number(
            "How often another action than the best is tried.", minimum=0, maximum=1
        ),
        "modelExportFrequency": _duration("How often a new model is made."),
        "logMirrorEnabled": _flag("Whether the joined log is copied to the owner's container."),
        "logMirrorSasUri": _nullable(
            _text("Where to: a SAS URI of the container.", maxLength=2048)
        ),
        "logRetentionDays": _whole("How long the log is kept; -1 is for ever."),
        "learningMode": _text(
            "`Online` chooses; `Apprentice` answers the baseline and learns to imitate it;"
            " `LoggingOnly` answers the baseline and learns nothing.",
            enum=[mode.value for mode in LearningMode],
        ),
        "isAutoOptimizationEnabled": _flag("Whether better learning settings are searched for."),
        "autoOptimizationFrequency": _duration("How often."),
        "autoOptimizationStartDate": _nullable(_instant("From when on.")),
        "isInferenceExplainabilityEnabled": _flag("Whether ranks say what the model weighs."),
        "modelRetrainDays": _whole("Days of log that a new model is rebuilt from.", minimum=0),
        "modelAutoPublish": _flag("Whether a new model serves without anybody publishing it."),
        "stagedModelHistoryLength": _whole(
            "How many models are kept as history.", minimum=1, maximum=100
        ),
    }


_STAGED_MODEL = {
    "userDescription": _text("What its owner says of it.", maxLength=1024),
    "savedInHistory": _flag("Whether it is kept however many come after it."),
}

_SUMS = {
    "numberOfEvents": _whole("Events.", minimum=0),
    "sumOfRewards": _number("Their rewards."),
    "numberOfMatchedEvents": _whole("Events whose best action was the baseline.", minimum=0),
    "sumOfImitatedRewards": _number("The rewards of those."),
}

SCHEMAS: dict[str, Schema] = {
    "FeatureObject": {
        "type": "object",
        "description": "Features by name. A text counts as the pair of name and value, a number as"
        f" a weight between ±{MAX_VALUE:.0f}, true as the bare name, false as nothing. An object,"
        " a list of objects and a list of numbers are namespaces of their own, up to"
        f" {MAX_DEPTH} deep. Names that begin with `_` are ignored.",
        "examples": [{"timeOfDay": "morning", "user": {"profileType": "guest", "age": 32}}],
    },
    "RankableAction": _object(
        "An action to choose.",
        id=_id("What tells it from the others."),
        features=_array(reference("FeatureObject"), "What is known of it."),
    ),
    "RankRequest": _object("A choice to make.", ("actions",), **_rank_members()),
    "RankedAction": _object(
        "An action with its chance.",
        id=_text("Its id."),
        probability=_number("What it was drawn with, up to 1; 0 where it is excluded.", minimum=0),
    ),
    "FeatureScore": _object(
        "How much a feature, or several together, speaks for the action.",
        name=_text(
            "`namespace.feature`, with `^` between those that interact.",
            examples=["user.profileType^j.topic"],
        ),
        score=_number("The model's weight: above 0 it speaks for the action, below 0 against it."),
    ),
    "InferenceExplanation": _object(
        "What the model weighs for the action that it thinks best, whichever was drawn.",
        id=_text("The action's id."),
        features=_array(reference("FeatureScore"), "The weightiest first.", maxItems=MAX_SCORES),
    ),
    "RankResponse": _object(
        "The choice.",
        ("ranking", "eventId", "rewardActionId"),
        ranking=_array(reference("RankedAction"), "Every action of the request."),
        eventId=_EVENT_ID,
        rewardActionId=_text("The id of the action to show, and to reward."),
        inferenceExplanation=_array(
            reference("InferenceExplanation"),
            "Only where the configuration asks for it; empty before a first model.",
            maxItems=1,
        ),
    ),
    "RankableSlot": _object(
        "A slot to fill.",
        ("id", "baselineAction"),
        id=_id("What tells it from the others."),
        features=_nullable(_array(reference("FeatureObject"), "What is known of it.")),
        excludedActions=_nullable(
            _array(_id("The id of an action."), "Actions that must not stand in it.")
        ),
        baselineAction=_id("The action that stands there without this service."),
    ),
    "MultiSlotRankRequest": _object(
        "Several choices to make at once.",
        ("actions", "slots"),
        **_rank_members(),
        slots=_array(
            reference("RankableSlot"),
            "In the order to fill them; not more than there are actions.",
            minItems=1,
            maxItems=MAX_ACTIONS,
        ),
    ),
    "FilledSlot": _object(
        "A slot with the action chosen for it.",
        id=_text("The slot's id."),
        rewardActionId=_text("The id of the action to show there; no other slot has it."),
    ),
    "MultiSlotRankResponse": _object(
        "The choices.", slots=_array(reference("FilledSlot")), eventId=_EVENT_ID
    ),
    "RewardRequest": _object("How well a choice went.", value=_REWARD),
    "SlotReward": _object(
        "How well the choice for a slot went.",
        slotId=_id("The slot's id; one that the event does not have is ignored."),
        value=_REWARD,
    ),
    "MultiSlotRewardRequest": _object(
        "How well choices went.",
        reward=_array(reference("SlotReward"), minItems=1, maxItems=MAX_ACTIONS),
    ),
    "Status": _object(
        "The service answers.",
        service=_text("Its name."),
        apiStatus=_text("`Valid`."),
        apiStatusMessage=_text("What that means."),
    ),
    "ServiceConfiguration": _object(
        "What an owner sets for a loop.",
        **_configuration_members(),
        lastConfigurationEditDate=_instant("When it was put."),
    ),
    "ServiceConfigurationUpdate": _object(
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
    "Policy": _object(
        "How a loop learns.",
        name=_text("Yours to choose.", maxLength=256),
        arguments=_text(
            "VowpalWabbit's arguments of learning and exploration, kept to the letter.",
            maxLength=1024,
            examples=["--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ::"],
        ),
    ),
    "ModelProperties": _object(
        "When there was a model; the year 1 before a first one.",
        creationTime=_instant("When the first one was published, since the loop began or a reset."),
        lastModifiedTime=_instant("When the one that serves was published."),
    ),
    "StagedModel": _object(
        "A model of the history.",
        modelId=_text("Its id."),
        **_STAGED_MODEL,
        creationDate=_instant("When it was made."),
        lastConfigEditDate=_instant("When the configuration was put that it was made with."),
        firstEventId=_text("The first event learned since the model before it, if any."),
        lastEventId=_text("The last one."),
        numberOfEventsLearnedSinceLastExport=_whole("How many events that were.", minimum=0),
        isPublished=_flag("Whether it serves."),
    ),
    "StagedModelUpdate": _object(
        "Members to change; those that are missing or null keep their value.",
        (),
        **{name: _nullable(schema) for name, schema in _STAGED_MODEL.items()},
    ),
    "DateRange": _object(
        "A stretch of time; null where there is none.",
        **{"from": _nullable(_instant("Its start.")), "to": _nullable(_instant("Its end."))},
    ),
    "LogProperties": _object("How far the log reaches.", dateRange=reference("DateRange")),
    "LearningMetrics": _object(
        "What a stretch of time, or of events, came to. Sums without and with all before them in"
        " the same learning mode.",
        learningMode=_text(
            "The mode that the events were in.", enum=[mode.value for mode in LearningMode]
        ),
        startDate=_instant("Its start."),
        endDate=_instant("Its end."),
        **_SUMS,
        **{f"cumulative{name[0].upper()}{name[1:]}": schema for name, schema in _SUMS.items()},
    ),
    "Error": _object(
        "What went wrong.",
        error=_object(
            "Its code, and words about it.",
            ("code", "message"),
            code=_text("Also in the header `x-ms-error-code`."),
            message=_text("What is wrong and what to do, for a person to read."),
            target=_text("The place in the request.", examples=["actions[2].features[0].tags[1]"]),
        ),
    ),
}
