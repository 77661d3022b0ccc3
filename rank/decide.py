"""Decide: the bytes of a rank call to the bytes of its answer, and what to log of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from loop.configuration import ServiceConfiguration
from loop.events import Decision, LearningMode, LoopKind, Micros
from loop.explanation import explain
from loop.features import Action, FeatureTree, JsonObject, JsonValue, compose
from loop.model import Model, Scores
from loop.models import AnyModel
from loop.sampling import draw
from loop.vw_lines import vw_lines
from rank.request import RankRequest


@dataclass(frozen=True, slots=True)
class Served:
    """What a rank is answered with.

    Attributes:
        model: None before a first one is published. After the loop has changed its kind it is one
            of the other kind, and of no use, until a first one of its own is published.
        model_id: Its name in the manifest; empty where there is no model.
        kind: That of the loop; None as long as nobody could look.
    """

    configuration: ServiceConfiguration
    model: AnyModel | None
    model_id: str
    kind: LoopKind | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision, to be logged, and the JSON that the caller gets."""

    decision: Decision
    body: bytes


def decide(body: bytes, now: Micros, served: Served) -> Answer:
    """Choose one of the actions of a rank call.

    The same event id, request and model give the same answer, byte for byte. An event id is made
    up where the call has none, and is the one thing here that is random.

    Raises:
        InvalidRankRequest: The call breaks a rule, at the place that the error names.
        PayloadSizeExceeded: It holds too many features.
        ModelError: The model gives no probabilities.
    """
    request = RankRequest.parse(body)
    tree = compose(
        request.context_features, [Action(action.id, action.features) for action in request.actions]
    )
    lines = vw_lines(tree)
    eligible: Sequence[int] = range(len(request.actions))
    if request.excluded_actions:
        eligible = [i for i in eligible if request.actions[i].id not in request.excluded_actions]
        tree["_multi"] = [tree["_multi"][i] for i in eligible]
        lines = [lines[0], *[lines[1 + i] for i in eligible]]
    model = served.model if isinstance(served.model, Model) else None
    scores = model.decide(lines) if model else uniform(len(eligible))
    drawn = drawn_first(scores, draw(request.event_id, scores.probabilities))
    mode = served.configuration.learning_mode
    decision = Decision(
        event_id=request.event_id,
        time=now,
        features=orjson.dumps(tree),
        ranking=drawn.ranking,
        probabilities=drawn.probabilities,
        model=served.model_id if model else "",
        mode=mode,
        deferred=request.defer_activation,
    )
    shown = drawn if mode is LearningMode.ONLINE else _in_request_order(drawn)
    answer = _answer(request, eligible, shown)
    if served.configuration.is_inference_explainability_enabled:
        answer["inferenceExplanation"] = (
            _explanation(model, tree, lines, scores.ranking[0]) if model else []
        )
    return Answer(decision, orjson.dumps(answer))


def uniform(count: int) -> Scores:
    """What is drawn by without a model: all of ``count`` actions are equally likely."""
    return Scores(tuple(range(count)), (1.0 / count,) * count)


def drawn_first(scores: Scores, drawn: int) -> Scores:
    """The drawn action and the leader in each other's place."""
    ranking, probabilities = list(scores.ranking), list(scores.probabilities)
    ranking[0], ranking[drawn] = ranking[drawn], ranking[0]
    probabilities[0], probabilities[drawn] = probabilities[drawn], probabilities[0]
    return Scores(tuple(ranking), tuple(probabilities))


def _in_request_order(scores: Scores) -> Scores:
    """As an application sees it that is given the baseline: its own order."""
    by_action = sorted(zip(scores.ranking, scores.probabilities, strict=True))
    return Scores(
        tuple([action for action, _ in by_action]), tuple([share for _, share in by_action])
    )


def _answer(request: RankRequest, eligible: Sequence[int], shown: Scores) -> JsonObject:
    """Who is excluded stays where the request has it, the others fill what is free."""
    ids = [action.id for action in request.actions]
    ranking: list[JsonValue] = [{"id": name, "probability": 0.0} for name in ids]
    for place, index, probability in zip(eligible, shown.ranking, shown.probabilities, strict=True):
        ranking[place] = {"id": ids[eligible[index]], "probability": probability}
    return {
        "ranking": ranking,
        "eventId": request.event_id,
        "rewardActionId": ids[eligible[shown.ranking[0]]],
    }


def _explanation(
    model: Model, tree: FeatureTree, lines: Sequence[str], leader: int
) -> list[JsonValue]:
    """What the model weighs for the action that it thinks best, whichever was drawn."""
    scores = explain(model, tree, lines, leader)
    features: list[JsonValue] = [{"name": each.name, "score": each.score} for each in scores]
    return [{"id": tree["_multi"][leader]["_tag"], "features": features}]
