"""From a batch of interactions to the decisions that a client has made by itself.

Time is when the batch arrives: decisions and rewards are joined by the clock of the server, and
what a client says of its own clock is not read.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from loop.batched_contexts import Contexts, multi_slot_tree, single_slot_tree
from loop.batches import (
    LONGEST_ID,
    Allowance,
    BatchedEvent,
    PayloadType,
    reading,
    refuse,
    unpack,
)
from loop.events import Decision, LearningMode, Micros, MultiSlotDecision, Ranked, SlotDecision
from loop.features import JsonValue
from loop.flatbuffer import Field, Table

_TOLERANCE = 1e-3
"""By how much the probabilities, of single precision, may miss a sum of 1."""

_MODES = (LearningMode.ONLINE, LearningMode.APPRENTICE, LearningMode.LOGGING_ONLY)


class _Single:
    """A ``CbEvent``. It counts actions from 1."""

    DEFERRED_ACTION = Field(0, "payload.deferred_action")
    ACTION_IDS = Field(1, "payload.action_ids")
    CONTEXT = Field(2, "payload.context")
    PROBABILITIES = Field(3, "payload.probabilities")
    MODEL_ID = Field(4, "payload.model_id")
    LEARNING_MODE = Field(5, "payload.learning_mode")


class _Multi:
    """A ``MultiSlotEvent``. It counts actions from 0."""

    CONTEXT = Field(0, "payload.context")
    SLOTS = Field(1, "payload.slots")
    MODEL_ID = Field(2, "payload.model_id")
    DEFERRED_ACTION = Field(3, "payload.deferred_action")
    BASELINE_ACTIONS = Field(4, "payload.baseline_actions")
    LEARNING_MODE = Field(5, "payload.learning_mode")


class _Slot:
    """A ``SlotEvent``."""

    ACTION_IDS = Field(0, "action_ids")
    PROBABILITIES = Field(1, "probabilities")
    ID = Field(2, "id")


def read_interactions(body: bytes, now: Micros) -> list[Ranked]:
    """The decisions of a batch, in their order.

    Args:
        body: As it was sent.
        now: When it arrived.

    Raises:
        InvalidRequest: The batch is malformed, or holds what can't be learned from; the target is
            the place, such as ``events[3].payload.action_ids``.
        PayloadSizeExceeded: There are too many events, bytes or features.
    """
    allowance = Allowance()
    contexts = Contexts(allowance)
    decisions: list[Ranked] = []
    for event in unpack(body, allowance):
        with reading(event.place):
            if event.type is PayloadType.DEDUP_INFO:
                contexts.share(event)
            elif event.type is PayloadType.CB:
                decisions.append(_single_slot(event, now, contexts))
            elif event.type is PayloadType.CCB:
                decisions.append(_multi_slot(event, now, contexts))
            else:
                refuse(
                    f"{event.place}.meta.payload_type",
                    f"is {event.type.name}, which is not taken here",
                )
    return decisions


def _single_slot(event: BatchedEvent, now: Micros, contexts: Contexts) -> Decision:
    cb = Table.root(event.payload)
    place = f"{event.place}.{_Single.CONTEXT.name}"
    context = contexts.read(cb.octets(_Single.CONTEXT) or b"", place)
    count = len(context.actions)
    ids, probabilities = cb.uint64s(_Single.ACTION_IDS), cb.floats(_Single.PROBABILITIES)
    if sorted(ids) != list(range(1, count + 1)):
        refuse(f"{event.place}.{_Single.ACTION_IDS.name}", f"are not 1 to {count}, each once")
    _check_shares(probabilities, count, f"{event.place}.{_Single.PROBABILITIES.name}")
    return Decision(
        event_id=event.id,
        time=now,
        features=orjson.dumps(single_slot_tree(context, place)),
        ranking=tuple([action - 1 for action in ids]),
        probabilities=probabilities,
        model=_model(event, cb, _Single.MODEL_ID),
        mode=_mode(event, cb, _Single.LEARNING_MODE),
        deferred=cb.truth(_Single.DEFERRED_ACTION),
    )


def _multi_slot(event: BatchedEvent, now: Micros, contexts: Contexts) -> MultiSlotDecision:
    page = Table.root(event.payload)
    place = f"{event.place}.{_Multi.CONTEXT.name}"
    context = contexts.read(page.octets(_Multi.CONTEXT) or b"", place)
    count = len(context.slots)
    if not 0 < count <= len(context.actions):
        refuse(f"{place}._slots", "has no slot, or more than there are actions")
    if page.count(_Multi.SLOTS) != count:
        refuse(f"{event.place}.{_Multi.SLOTS.name}", f"are not {count}, as in the context")
    mode = _mode(event, page, _Multi.LEARNING_MODE)
    baselines = page.int32s(_Multi.BASELINE_ACTIONS)
    if not baselines and mode is not LearningMode.APPRENTICE:
        baselines = tuple(range(count))  # of no use but for metrics; the order of the request
    if len(baselines) != count or not all(0 <= b < len(context.actions) for b in baselines):
        refuse(f"{event.place}.{_Multi.BASELINE_ACTIONS.name}", "are not an action for each slot")
    slots = _slots(event, page, baselines, len(context.actions))
    for taken, (slot, logged) in enumerate(zip(slots, context.slots, strict=True)):
        logged["_id"] = slot.id
        if len(slot.ranking) < len(context.actions) - taken:
            logged["_inc"] = list[JsonValue](sorted(slot.ranking))
    return MultiSlotDecision(
        event_id=event.id,
        time=now,
        features=orjson.dumps(multi_slot_tree(context, place)),
        slots=slots,
        model=_model(event, page, _Multi.MODEL_ID),
        mode=mode,
        deferred=page.truth(_Multi.DEFERRED_ACTION),
    )


def _slots(
    event: BatchedEvent, page: Table, baselines: Sequence[int], actions: int
) -> tuple[SlotDecision, ...]:
    left = set(range(actions))
    known: set[str] = set()
    slots = []
    for index, (slot, baseline) in enumerate(
        zip(page.tables(_Multi.SLOTS), baselines, strict=True)
    ):
        place = f"{event.place}.{_Multi.SLOTS.name}[{index}]"
        with reading(place):
            name = slot.text(_Slot.ID) or ""
            ranking = slot.uint32s(_Slot.ACTION_IDS)
            probabilities = slot.floats(_Slot.PROBABILITIES)
        if not 0 < len(name) <= LONGEST_ID or name in known:
            refuse(f"{place}.id", f"has not 1 to {LONGEST_ID} characters, or is that of another")
        if not ranking or len(set(ranking)) != len(ranking) or not left.issuperset(ranking):
            refuse(f"{place}.action_ids", "are not actions that are left, each once")
        _check_shares(probabilities, len(ranking), f"{place}.probabilities")
        known.add(name)
        left.remove(ranking[0])
        slots.append(SlotDecision(name, ranking, probabilities, baseline))
    return tuple(slots)


def _check_shares(probabilities: Sequence[float], count: int, place: str) -> None:
    if not (
        len(probabilities) == count
        and all(0.0 <= p <= 1.0 for p in probabilities)
        and probabilities[0] > 0.0
        and abs(sum(probabilities) - 1.0) < _TOLERANCE
    ):
        refuse(place, f"are not {count} shares of 1, the first above 0")


def _model(event: BatchedEvent, table: Table, field: Field) -> str:
    model = table.text(field) or ""
    if len(model) > LONGEST_ID:
        refuse(f"{event.place}.{field.name}", f"has more than {LONGEST_ID} characters")
    return model


def _mode(event: BatchedEvent, table: Table, field: Field) -> LearningMode:
    mode = table.byte(field)
    if mode >= len(_MODES):
        refuse(f"{event.place}.{field.name}", "is not known")
    return _MODES[mode]
