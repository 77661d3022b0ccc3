"""What the API's document says of evaluations and of feature importance."""

from __future__ import annotations

from collections.abc import Mapping

from api.description import Content, Description, Errors, query
from api.schema_parts import reference
from evaluation.answers_2022 import INTERVALS, Window
from loop.errors import (
    BadRequest,
    DuplicateCustomPolicyNames,
    EvaluationAlreadyExists,
    EvaluationNotFound,
    FeatureImportanceAlreadyExists,
    FeatureImportanceNotFound,
    InvalidContract,
    InvalidEvaluationContract,
    InvalidPolicyConfiguration,
    InvalidStartDateEndDate,
    NoLogsExistInDateRange,
    OperationConflict,
)
from loop.features import JsonObject

EVALUATE = "Evaluate"

_EVALUATION = Content("EvaluationV1")
_EVALUATION_2022 = Content("Evaluation2022")
_EVALUATION_CONTRACT: JsonObject = {
    "name": "January",
    "startTime": "2026-01-01T00:00:00Z",
    "endTime": "2026-02-01T00:00:00Z",
    "policies": [{"name": "quicker", "arguments": "--cb_explore_adf --epsilon 0.2 -l 0.1 -q ::"}],
}
_EVALUATION_REQUEST = Content(
    "EvaluationContract", example={**_EVALUATION_CONTRACT, "enableOfflineExperimentation": True}
)
_EVALUATION_REQUEST_2022 = Content(
    "EvaluationContract", example={**_EVALUATION_CONTRACT, "enablePolicyOptimization": True}
)
_EVALUATION_ERRORS: Errors = (
    InvalidEvaluationContract,
    DuplicateCustomPolicyNames,
    InvalidPolicyConfiguration,
    NoLogsExistInDateRange,
    OperationConflict,
)
_PAGE = (
    query("top", "How many to list in all.", pattern="^[0-9]+$"),
    query("skip", "How many of the newest to leave out.", pattern="^[0-9]+$"),
    query("maxpagesize", "How many at a time: 100 by default.", pattern="^[0-9]+$"),
)


EVALUATION_DESCRIPTIONS: Mapping[str, Description] = {
    "create_evaluation": Description(
        EVALUATE,
        answer=_EVALUATION,
        answer_2022=_EVALUATION_2022,
        request=_EVALUATION_REQUEST,
        request_2022=_EVALUATION_REQUEST_2022,
        located=True,
        errors=_EVALUATION_ERRORS,
        notes="It is run by a timer; read it until it is done.",
    ),
    "put_evaluation": Description(
        EVALUATE,
        answer=_EVALUATION,
        answer_2022=_EVALUATION_2022,
        request=_EVALUATION_REQUEST,
        request_2022=_EVALUATION_REQUEST_2022,
        errors=(*_EVALUATION_ERRORS, EvaluationAlreadyExists),
    ),
    "list_evaluations": Description(
        EVALUATE,
        answer=Content({"type": "array", "items": reference("EvaluationV1")}, "The newest first."),
        answer_2022=Content("EvaluationPage"),
        query_2022=(
            query(
                "filter",
                "Only those that it is true of: `evaluationType`, `status`, `name` or `id`, `eq` or"
                " `ne`, and a text; several joined by `and`.",
                examples=["evaluationType eq 'Manual'"],
            ),
            *_PAGE,
        ),
        errors=(BadRequest,),
    ),
    "get_evaluation": Description(
        EVALUATE,
        answer=_EVALUATION,
        answer_2022=_EVALUATION_2022,
        query_2022=(
            query("startTime", "From where on the time series go.", format="date-time"),
            query("endTime", "Until where.", format="date-time"),
            query(
                "intervalInMinutes",
                "Minutes to a point.",
                enum=[str(minutes) for minutes in INTERVALS],
                default=str(INTERVALS[0]),
            ),
            query(
                "window",
                "`Expanding`, for intervals of 5 minutes: a point sums up all until its end."
                " `Rolling`, for the others: its interval alone.",
                enum=[window.value for window in Window],
                default=Window.EXPANDING.value,
            ),
        ),
        errors=(EvaluationNotFound, BadRequest, InvalidStartDateEndDate),
    ),
    "delete_evaluation": Description(
        EVALUATE,
        errors=(EvaluationNotFound,),
        notes="One that runs is called off. What was applied from it stays.",
    ),
    "list_feature_importances": Description(
        EVALUATE, answer=Content("FeatureImportancePage"), query=_PAGE, errors=(BadRequest,)
    ),
    "put_feature_importance": Description(
        EVALUATE,
        answer=Content("FeatureImportance"),
        request=Content(
            "FeatureImportanceContract",
            example={
                "name": "January",
                "startTime": "2026-01-01T00:00:00Z",
                "endTime": "2026-02-01T00:00:00Z",
            },
        ),
        errors=(
            InvalidContract,
            FeatureImportanceAlreadyExists,
            NoLogsExistInDateRange,
            OperationConflict,
        ),
        notes="It is worked on by a timer; read it until it is done.",
    ),
    "get_feature_importance": Description(
        EVALUATE, answer=Content("FeatureImportance"), errors=(FeatureImportanceNotFound,)
    ),
    "delete_feature_importance": Description(
        EVALUATE,
        errors=(FeatureImportanceNotFound,),
        notes="One that is worked on is called off.",
    ),
}
