"""Decide: the bytes of a rank call to the bytes of its answer, and what to log of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from loop.configuration import ServiceConfiguration
from loop.events import Decision, LearningMode, Micros
from loop.features import Action, compose, vw_lines
from loop.model import Model, Scores
from loop.sampling import draw
from rank.request import RankRequest


@dataclass(frozen=True, slots=True)
class Served:
    """What a rank is answered with.

    Attributes:
        model: None before a first one is published.
        model_id: Its name in the manifest; empty where there is no model.
    """

    configuration: ServiceConfiguration
    model: Model | None
    model_id: str


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
    scores = served.model.decide(lines) if served.model else _uniform(len(eligible))
    drawn = _with_drawn_first(scores, draw(request.event_id, scores.probabilities))
    mode = served.configuration.learning_mode
    decision = Decision(
        event_id=request.event_id,
        time=now,
        features=orjson.dumps(tree),
        ranking=drawn.ranking,
        probabilities=drawn.probabilities,
        model=served.model_id,
        mode=mode,
        deferred=request.defer_activation,
    )
    shown = drawn if mode is LearningMode.ONLINE else _in_request_order(drawn)
    return Answer(decision, _body(request, eligible, shown))


def _uniform(count: int) -> Scores:
    return Scores(tuple(range(count)), (1.0 / count,) * count)


def _with_drawn_first(scores: Scores, drawn: int) -> Scores:
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


def _body(request: RankRequest, eligible: Sequence[int], shown: Scores) -> bytes:
    """The answer: who is excluded stays where the request has it, the others fill what is free."""
    ids = [action.id for action in request.actions]
    ranking = [{"id": name, "probability": 0.0} for name in ids]
    for place, index, probability in zip(eligible, shown.ranking, shown.probabilities, strict=True):
        ranking[place] = {"id": ids[eligible[index]], "probability": probability}
    return orjson.dumps(
        {
            "ranking": ranking,
            "eventId": request.event_id,
            "rewardActionId": ids[eligible[shown.ranking[0]]],
        }
    )
