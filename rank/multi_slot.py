"""Decide for a page: the bytes of a multi-slot rank call to its answer, and what to log of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from loop.events import LearningMode, Micros, MultiSlotDecision, SlotDecision
from loop.features import Action, Slot, compose, with_slots
from loop.model import Scores
from loop.multi_slot_model import AskedSlot, MultiSlotModel
from loop.sampling import draw, slot_seed
from loop.vw_lines import vw_lines
from rank.decide import Served, drawn_first, uniform
from rank.multi_slot_request import MultiSlotRankRequest


@dataclass(frozen=True, slots=True)
class MultiSlotAnswer:
    """A decision, to be logged, and the JSON that the caller gets."""

    decision: MultiSlotDecision
    body: bytes


def decide_slots(body: bytes, now: Micros, served: Served) -> MultiSlotAnswer:
    """Choose an action for each slot of a multi-slot rank call, none for two of them.

    The same event id, request and model give the same answer, byte for byte. An event id is made
    up where the call has none, and is the one thing here that is random.

    Raises:
        InvalidRankRequest: The call breaks a rule, at the place that the error names.
        PayloadSizeExceeded: It holds too many features.
        ModelError: The model gives no probabilities.
    """
    request = MultiSlotRankRequest.parse(body)
    ids = [action.id for action in request.actions]
    included = request.included()
    tree = with_slots(
        compose(
            request.context_features,
            [Action(action.id, action.features) for action in request.actions],
        ),
        [
            Slot(slot.id, slot.features, choice if len(choice) < len(ids) else None)
            for slot, choice in zip(request.slots, included, strict=True)
        ],
    )
    lines = vw_lines(tree)
    asked = [
        AskedSlot(choice, slot_seed(request.event_id, slot.id))
        for slot, choice in zip(request.slots, included, strict=True)
    ]
    model = served.model if isinstance(served.model, MultiSlotModel) else None
    drawn = model.decide(lines, asked) if model else _without_model(asked)
    slots = tuple(
        [
            SlotDecision(
                slot.id, choice.ranking, choice.probabilities, ids.index(slot.baseline_action)
            )
            for slot, choice in zip(request.slots, drawn, strict=True)
        ]
    )
    mode = served.configuration.learning_mode
    decision = MultiSlotDecision(
        event_id=request.event_id,
        time=now,
        features=orjson.dumps(tree),
        slots=slots,
        model=served.model_id if model else "",
        mode=mode,
        deferred=request.defer_activation,
    )
    online = mode is LearningMode.ONLINE
    answer = {
        "slots": [
            {"id": slot.id, "rewardActionId": ids[slot.ranking[0] if online else slot.baseline]}
            for slot in slots
        ],
        "eventId": request.event_id,
    }
    return MultiSlotAnswer(decision, orjson.dumps(answer))


def _without_model(slots: Sequence[AskedSlot]) -> list[Scores]:
    """Even draws of what the slots before have left, by the seeds that a model would draw by."""
    taken: set[int] = set()
    drawn = []
    for slot in slots:
        left = [action for action in slot.included if action not in taken]
        even = uniform(len(left))
        scores = drawn_first(even, draw(slot.seed, even.probabilities))
        ranking = tuple([left[place] for place in scores.ranking])
        taken.add(ranking[0])
        drawn.append(Scores(ranking, scores.probabilities))
    return drawn
