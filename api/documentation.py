"""What the API's document says of each operation beside what the operation table says.

An operation that is not described here fails the document, and with it the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.description import Content, Description, Errors, query
from api.evaluation_documentation import EVALUATE, EVALUATION_DESCRIPTIONS
from api.schema_parts import Schema, reference
from api.view_documentation import VIEW_DESCRIPTIONS, WATCH
from evaluation.contracts import LONGEST_ID as LONGEST_EVALUATION_ID
from loop.errors import (
    AggregationEventCountInvalid,
    AggregationEventCountTooSmall,
    AggregationIntervalInvalid,
    AggregationIntervalTooShort,
    BadRequest,
    EvaluationModelNotFound,
    EvaluationNotFound,
    InvalidApiAccess,
    InvalidContract,
    InvalidEventIdToActivate,
    InvalidLearningModeServiceConfiguration,
    InvalidLogRetentionDays,
    InvalidModelImportFormat,
    InvalidModelImportSignature,
    InvalidModelMetadata,
    InvalidModelRetrainDays,
    InvalidMultiSlotApiAccess,
    InvalidPolicyConfiguration,
    InvalidPolicyContract,
    InvalidRankRequest,
    InvalidRequest,
    InvalidRewardRequest,
    InvalidRewardWaitTime,
    InvalidSasUri,
    InvalidServiceConfiguration,
    InvalidStartDateEndDate,
    LearningSettingsNotFound,
    OperationConflict,
    ProblemTypeIncompatibleWithAutoOptimization,
)
from loop.features import JsonObject
from rank.request import LONGEST_ID

PATH_PARAMETERS: Mapping[str, Schema] = {
    # A slash in an id is fine, but not every client escapes it; "." and ".." are no ids for a path.
    "eventId": {
        "type": "string",
        "description": f"The event's id, percent-encoded; up to {LONGEST_ID} characters.",
        "pattern": r"^[^\x00./]+$",
    },
    "evaluationId": {
        "type": "string",
        "description": "The evaluation's id, percent-encoded; up to"
        f" {LONGEST_EVALUATION_ID} characters without a slash.",
        "pattern": r"^[^\x00./\\]+$",
    },
    "featureImportanceId": {
        "type": "string",
        "description": "The feature importance's id, percent-encoded; up to"
        f" {LONGEST_EVALUATION_ID} characters without a slash.",
        "pattern": r"^[^\x00./\\]+$",
    },
    "modelId": {
        "type": "string",
        "description": "The id of a model of the history.",
        "pattern": "^[A-Za-z0-9-]+$",
    },
}

_DECIDE = "Decide"
_OBSERVE = "Observe"
_CONFIGURE = "Configure"
_MODEL = "Model"
_LOG = "Log"
HEALTH = "Health"

AREAS: Mapping[str, str] = {
    _DECIDE: "Ask which action to show.",
    _OBSERVE: "Say how it went.",
    _CONFIGURE: "Set what a loop learns from, and how.",
    EVALUATE: "What other policies would have earned, and which features matter.",
    _MODEL: "What has been learned.",
    _LOG: "What it was learned from.",
    WATCH: "What the web page shows, each view in one answer, from aggregates.",
    HEALTH: "Whether the service lives, and can serve. No key is asked for, and HEAD will do.",
}

_ACTIONS: JsonObject = {
    "contextFeatures": [{"timeOfDay": "morning", "user": {"profileType": "guest"}}],
    "actions": [
        {"id": "pasta", "features": [{"taste": "salty", "spiceLevel": "medium"}]},
        {"id": "salad", "features": [{"taste": "salty", "spiceLevel": "low"}]},
    ],
    "eventId": "75269AD0-BFEE-4598-8196-C57383D38E10",
}
_SLOTS: JsonObject = {
    **_ACTIONS,
    "slots": [
        {"id": "top", "features": [{"size": "large"}], "baselineAction": "pasta"},
        {"id": "side", "features": [{"size": "small"}], "baselineAction": "salad"},
    ],
}
_REQUIRED: JsonObject = {
    "rewardWaitTime": "PT15S",
    "defaultReward": 0.0,
    "rewardAggregation": "earliest",
    "explorationPercentage": 0.2,
    "modelExportFrequency": "PT5M",
    "logRetentionDays": 90,
}
_BYTES = Content(
    None, "A model as VowpalWabbit keeps it, or signed, a zip of it. Empty before one."
)
_BATCH = Content(None, "A batch of events as local inference sends it.")
_CONFIGURATION = Content("ServiceConfiguration")
_CONFIGURATION_ERRORS: Errors = (
    InvalidServiceConfiguration,
    InvalidRewardWaitTime,
    InvalidSasUri,
    InvalidLogRetentionDays,
    InvalidModelRetrainDays,
    InvalidLearningModeServiceConfiguration,
    ProblemTypeIncompatibleWithAutoOptimization,
)
_POLICY = Content(
    "Policy",
    example={
        "name": "mine",
        "arguments": "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ::",
    },
)
_STAGED = Content("StagedModel")
DESCRIPTIONS: Mapping[str, Description] = {
    "rank": Description(
        _DECIDE,
        answer=Content("RankResponse"),
        request=Content("RankRequest", example=_ACTIONS),
        errors=(InvalidRankRequest, InvalidApiAccess),
        notes="The same event id, request and model give the same answer.",
    ),
    "multi_slot_rank": Description(
        _DECIDE,
        answer=Content("MultiSlotRankResponse"),
        request=Content("MultiSlotRankRequest", example=_SLOTS),
        errors=(InvalidRankRequest, InvalidMultiSlotApiAccess),
        notes="For loops whose policy has `--ccb_explore_adf`.",
    ),
    "reward": Description(
        _OBSERVE,
        request=Content("RewardRequest", example={"value": 1.0}),
        errors=(InvalidRewardRequest, InvalidApiAccess),
        notes="An event that nobody has ranked yet is taken as well.",
    ),
    "multi_slot_reward": Description(
        _OBSERVE,
        request=Content(
            "MultiSlotRewardRequest", example={"reward": [{"slotId": "top", "value": 1.0}]}
        ),
        errors=(InvalidRewardRequest, InvalidMultiSlotApiAccess),
    ),
    "activate": Description(_OBSERVE, errors=(InvalidEventIdToActivate, InvalidApiAccess)),
    "multi_slot_activate": Description(
        _OBSERVE, errors=(InvalidEventIdToActivate, InvalidMultiSlotApiAccess)
    ),
    "status": Description(_CONFIGURE, answer=Content("Status")),
    "get_configuration": Description(_CONFIGURE, answer=_CONFIGURATION),
    "put_configuration": Description(
        _CONFIGURE,
        answer=_CONFIGURATION,
        request=Content("ServiceConfigurationPut", example=_REQUIRED),
        request_2022=Content("ServiceConfigurationUpdate", example={"rewardWaitTime": "PT15S"}),
        errors=_CONFIGURATION_ERRORS,
        notes="Other ways to make rewards, or other exploration, let the model be learned anew.",
    ),
    "get_policy": Description(_CONFIGURE, answer=_POLICY),
    "put_policy": Description(
        _CONFIGURE,
        answer=_POLICY,
        request=_POLICY,
        errors=(
            InvalidPolicyContract,
            InvalidPolicyConfiguration,
            ProblemTypeIncompatibleWithAutoOptimization,
        ),
        notes="The model is learned anew with it; until then the former one serves.",
    ),
    "reset_policy": Description(_CONFIGURE, answer=_POLICY),
    "apply_from_evaluation": Description(
        _CONFIGURE,
        request=Content(
            "PolicyReference",
            example={
                "evaluationId": "b58c6d92-b727-48c1-9487-4be2782c9e0a",
                "policyName": "Hyper1",
            },
        ),
        errors=(
            InvalidContract,
            BadRequest,
            EvaluationNotFound,
            LearningSettingsNotFound,
            EvaluationModelNotFound,
            OperationConflict,
        ),
        notes="The model serves at once, and learns what was joined since the evaluation.",
    ),
    **EVALUATION_DESCRIPTIONS,
    "get_model": Description(
        _MODEL,
        answer=_BYTES,
        query=(
            query(
                "signed",
                "Whether to pack it with a signature.",
                enum=["true", "false"],
                default="false",
            ),
        ),
        errors=(BadRequest,),
    ),
    "put_model": Description(
        _MODEL,
        request=Content(None, "A signed model."),
        errors=(InvalidModelImportFormat, InvalidModelImportSignature),
    ),
    "reset_model": Description(_MODEL),
    "get_model_properties": Description(_MODEL, answer=Content("ModelProperties")),
    "list_staged_models": Description(
        _MODEL,
        answer=Content({"type": "array", "items": reference("StagedModel")}, "The newest first."),
    ),
    "get_staged_model": Description(_MODEL, answer=_STAGED),
    "describe_staged_model": Description(
        _MODEL,
        answer=_STAGED,
        request=Content("StagedModelUpdate", example={"savedInHistory": True}),
        errors=(InvalidModelMetadata, OperationConflict),
    ),
    "delete_staged_model": Description(_MODEL, errors=(OperationConflict,)),
    "publish_staged_model": Description(_MODEL, errors=(OperationConflict,)),
    "get_log_properties": Description(_LOG, answer=Content("LogProperties")),
    "delete_logs": Description(_LOG),
    "get_learning_metrics": Description(
        _LOG,
        answer=Content(
            {
                "type": "array",
                "items": {"type": "array", "items": reference("LearningMetrics")},
            },
            "One array for each stretch of one learning mode.",
        ),
        query=(
            query("StartDate", "From when on, as a date and time.", format="date-time"),
            query("EndDate", "Until when.", format="date-time"),
            query("AggregationInterval", "Hours to a row, as a duration: `PT1H` is the default."),
            query("NumberOfRecentEvents", "Only so many of the newest.", pattern="^[0-9]+$"),
            query(
                "AggregationEventCount",
                "Events to a row, instead of hours: a multiple of 10,000.",
                pattern="^[0-9]+$",
            ),
        ),
        errors=(
            AggregationIntervalTooShort,
            AggregationIntervalInvalid,
            InvalidStartDateEndDate,
            AggregationEventCountTooSmall,
            AggregationEventCountInvalid,
            BadRequest,
        ),
    ),
    "get_diagnostics": Description(
        _LOG,
        answer=Content("Diagnosis"),
        notes="No log is read for it: a sample is looked at by a timer. Each finding is explained"
        " in `docs/diagnostics.md`.",
    ),
    **VIEW_DESCRIPTIONS,
    "log_interactions": Description(_LOG, request=_BATCH, errors=(InvalidRequest,)),
    "log_observations": Description(_LOG, request=_BATCH, errors=(InvalidRequest,)),
}
