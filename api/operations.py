"""The one table of operations: the functions, the catch-all and the API page all follow it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api import diagnosing, evaluation_handlers, handlers, importance_handlers, views
from api.calls import Call, Reply
from loop.signing import MAX_MODEL_BYTES

Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask for.

    An operation answers in every generation, also where the retired service had none for it.

    Attributes:
        name: What the platform's metrics call it.
        method: In capitals.
        template: The path after the version; ``{…}`` stands for a parameter.
        status: Answered when ``handler`` returns.
        handler: What does it.
        for_clients: Whether client keys open it, which browsers and devices are given.
        body_limit: The largest body in bytes; None stands for what the deployment allows.
    """

    name: str
    method: str
    template: str
    status: int
    handler: Handler
    for_clients: bool = False
    body_limit: int | None = None


OPERATIONS = (
    Operation("rank", "POST", "rank", 201, handlers.rank, for_clients=True),
    Operation("reward", "POST", "events/{eventId}/reward", 204, handlers.reward, for_clients=True),
    Operation(
        "activate", "POST", "events/{eventId}/activate", 204, handlers.activate, for_clients=True
    ),
    Operation(
        "multi_slot_rank", "POST", "multislot/rank", 201, handlers.multi_slot_rank, for_clients=True
    ),
    Operation(
        "multi_slot_reward",
        "POST",
        "multislot/events/{eventId}/reward",
        204,
        handlers.multi_slot_reward,
        for_clients=True,
    ),
    Operation(
        "multi_slot_activate",
        "POST",
        "multislot/events/{eventId}/activate",
        204,
        handlers.multi_slot_activate,
        for_clients=True,
    ),
    Operation("status", "GET", "status", 200, handlers.status),
    Operation(
        "get_configuration", "GET", "configurations/service", 200, handlers.get_configuration
    ),
    Operation(
        "put_configuration", "PUT", "configurations/service", 200, handlers.put_configuration
    ),
    Operation("get_policy", "GET", "configurations/policy", 200, handlers.get_policy),
    Operation("put_policy", "PUT", "configurations/policy", 200, handlers.put_policy),
    Operation("reset_policy", "DELETE", "configurations/policy", 200, handlers.reset_policy),
    Operation(
        "apply_from_evaluation",
        "POST",
        "configurations/applyFromEvaluation",
        204,
        handlers.apply_from_evaluation,
    ),
    Operation(
        "create_evaluation", "POST", "evaluations", 201, evaluation_handlers.create_evaluation
    ),
    Operation("list_evaluations", "GET", "evaluations", 200, evaluation_handlers.list_evaluations),
    Operation(
        "put_evaluation",
        "PUT",
        "evaluations/{evaluationId}",
        200,
        evaluation_handlers.put_evaluation,
    ),
    Operation(
        "get_evaluation",
        "GET",
        "evaluations/{evaluationId}",
        200,
        evaluation_handlers.get_evaluation,
    ),
    Operation(
        "delete_evaluation",
        "DELETE",
        "evaluations/{evaluationId}",
        204,
        evaluation_handlers.delete_evaluation,
    ),
    Operation(
        "list_feature_importances",
        "GET",
        "featureImportances",
        200,
        importance_handlers.list_feature_importances,
    ),
    Operation(
        "put_feature_importance",
        "PUT",
        "featureImportances/{featureImportanceId}",
        200,
        importance_handlers.put_feature_importance,
    ),
    Operation(
        "get_feature_importance",
        "GET",
        "featureImportances/{featureImportanceId}",
        200,
        importance_handlers.get_feature_importance,
    ),
    Operation(
        "delete_feature_importance",
        "DELETE",
        "featureImportances/{featureImportanceId}",
        204,
        importance_handlers.delete_feature_importance,
    ),
    Operation("get_model", "GET", "model", 200, handlers.get_model),
    Operation("put_model", "PUT", "model", 204, handlers.put_model, body_limit=MAX_MODEL_BYTES),
    Operation("reset_model", "DELETE", "model", 204, handlers.reset_model),
    Operation(
        "get_model_properties", "GET", "model/properties", 200, handlers.get_model_properties
    ),
    Operation("list_staged_models", "GET", "staged-model", 200, handlers.list_staged_models),
    Operation("get_staged_model", "GET", "staged-model/{modelId}", 200, handlers.get_staged_model),
    Operation(
        "describe_staged_model",
        "PUT",
        "staged-model/{modelId}",
        200,
        handlers.describe_staged_model,
    ),
    Operation(
        "delete_staged_model",
        "DELETE",
        "staged-model/{modelId}",
        204,
        handlers.delete_staged_model,
    ),
    Operation(
        "publish_staged_model",
        "PUT",
        "staged-model/{modelId}/publish",
        204,
        handlers.publish_staged_model,
    ),
    Operation("get_log_properties", "GET", "logs/properties", 200, handlers.get_log_properties),
    Operation("delete_logs", "DELETE", "logs", 204, handlers.delete_logs),
    Operation("log_interactions", "POST", "logs/interactions", 204, handlers.log_interactions),
    Operation("log_observations", "POST", "logs/observations", 204, handlers.log_observations),
    Operation(
        "get_learning_metrics", "GET", "metrics/learning", 200, handlers.get_learning_metrics
    ),
    Operation("get_diagnostics", "GET", "diagnostics", 200, diagnosing.get_diagnostics),
    Operation("view_overview", "GET", "views/overview", 200, views.view_overview),
    Operation("view_monitor", "GET", "views/monitor", 200, views.view_monitor),
    Operation("view_model", "GET", "views/model", 200, views.view_model),
    Operation("view_evaluations", "GET", "views/evaluations", 200, views.view_evaluations),
    Operation(
        "view_evaluation",
        "GET",
        "views/evaluations/{evaluationId}",
        200,
        views.view_evaluation,
    ),
)
