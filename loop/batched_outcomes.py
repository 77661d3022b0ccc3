"""From a batch of observations to rewards and activations.

Time is when the batch arrives, as with rewards that come one by one.
"""

from __future__ import annotations

import math
from hashlib import blake2b

from loop.batches import (
    LONGEST_ID,
    Allowance,
    BatchedEvent,
    PayloadType,
    reading,
    refuse,
    unpack,
)
from loop.events import BATCHED, Activation, Micros, Report, Reward, SlotRewards
from loop.flatbuffer import Field, Table

_NONE, _NUMERIC, _LITERAL = 0, 1, 2
"""The types of a union in an ``OutcomeEvent``."""

_VALUE_TYPE = Field(0, "payload.value_type")
_VALUE = Field(1, "payload.value")
_NUMBER = Field(0, "payload.value")
_INDEX_TYPE = Field(2, "payload.index_type")
_INDEX = Field(3, "payload.index")
_ACTION_TAKEN = Field(4, "payload.action_taken")


def read_observations(body: bytes, now: Micros) -> list[Report]:
    """The rewards and activations of a batch, in their order.

    Args:
        body: As it was sent.
        now: When it arrived.

    Returns:
        Rewards whose nonces follow from the batch and from where they stand in it: the same batch
        sent again gives the same nonces, and those of one batch sort in its order.

    Raises:
        InvalidRequest: The batch is malformed, or an outcome is neither a number nor an
            activation, or is for a slot that is not named by its id; the target is the place,
            such as ``events[3].payload.value``.
        PayloadSizeExceeded: There are too many events or bytes.
    """
    digest = blake2b(body, digest_size=8).hexdigest()
    observations: list[Report] = []
    for index, event in enumerate(unpack(body, Allowance())):
        with reading(event.place):
            if event.type is PayloadType.OUTCOME:
                observations += _outcome(event, now, f"{BATCHED}{digest}{index:04d}")
            elif event.type is not PayloadType.DEDUP_INFO:
                # Clients that share actions prepend a list of them, an empty one, here as well.
                refuse(
                    f"{event.place}.meta.payload_type",
                    f"is {event.type.name}, which is not taken here",
                )
    return observations


def _outcome(event: BatchedEvent, now: Micros, nonce: str) -> list[Report]:
    outcome = Table.root(event.payload)
    slot = _slot(event, outcome)
    value = _value(event, outcome)
    found: list[Report] = []
    if value is not None and slot is not None:
        found.append(SlotRewards(event.id, now, ((slot, value),), nonce))
    elif value is not None:
        found.append(Reward(event.id, now, value, nonce))
    if outcome.truth(_ACTION_TAKEN):
        if slot is not None:
            refuse(f"{event.place}.{_INDEX.name}", "names a slot, where an event is activated")
        found.append(Activation(event.id, now))
    if not found:
        refuse(f"{event.place}.payload", "is neither a value nor an activation")
    return found


def _slot(event: BatchedEvent, outcome: Table) -> str | None:
    """The slot that a reward is for; None where it is for the event."""
    kind = outcome.byte(_INDEX_TYPE)
    if kind == _NONE:
        return None
    slot = (outcome.text(_INDEX) or "") if kind == _LITERAL else ""
    if not 0 < len(slot) <= LONGEST_ID:
        refuse(
            f"{event.place}.{_INDEX.name}", f"is no id of a slot, of 1 to {LONGEST_ID} characters"
        )
    return slot


def _value(event: BatchedEvent, outcome: Table) -> float | None:
    kind = outcome.byte(_VALUE_TYPE)
    if kind == _NONE:
        return None
    value = math.nan
    if kind == _NUMERIC:
        number = outcome.table(_VALUE)
        value = number.number(_NUMBER) if number else math.nan
    elif kind == _LITERAL:
        value = _parsed(outcome.text(_VALUE) or "")
    if not math.isfinite(value):
        refuse(f"{event.place}.{_VALUE.name}", "is no finite number")
    return value


def _parsed(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
