"""Observe: a reward or an activation comes in and is in the event log when it is answered."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, FiniteFloat

from loop.errors import InvalidEventIdToActivate, InvalidRewardRequest, StorageUnavailable
from loop.events import Activation, Micros, Observation, Reward, SlotRewards
from loop.validation import parse
from storage.event_log import EventSink

_LONGEST_ID = 256
_MOST_REWARDS = 50


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not a boolean")
    return value


_Value = Annotated[FiniteFloat, BeforeValidator(_no_boolean)]


class RewardRequest(BaseModel):
    """The body of a reward call; text that holds a number is taken as one."""

    model_config = ConfigDict(frozen=True)

    value: _Value


class _SlotReward(BaseModel):
    model_config = ConfigDict(frozen=True)

    slot_id: Annotated[
        str,
        Field(min_length=1, max_length=_LONGEST_ID, coerce_numbers_to_str=True, alias="slotId"),
    ]
    value: _Value


class MultiSlotRewardRequest(BaseModel):
    """The body of a multi-slot reward call; a slot may have several rewards in it, or none."""

    model_config = ConfigDict(frozen=True)

    reward: Annotated[list[_SlotReward], FailFast(), Field(min_length=1, max_length=_MOST_REWARDS)]


class Observer:
    """Keeps the rewards and activations of one loop.

    Args:
        time_limit: Seconds that a caller waits at most, both attempts together.
    """

    def __init__(self, log: EventSink, time_limit: float) -> None:
        self._log = log
        self._time_limit = time_limit

    async def reward(self, event_id: str, body: bytes, now: Micros) -> None:
        """Keep a reward for an event, whether or not anybody has ranked it.

        Raises:
            InvalidRewardRequest: The body holds no finite number, or the id is too long.
            StorageUnavailable: It could not be kept; the caller should send it again.
        """
        if not 0 < len(event_id) <= _LONGEST_ID:
            raise InvalidRewardRequest(_id_rule(event_id), "eventId")
        request = parse(RewardRequest, body, InvalidRewardRequest)
        await self._keep(Reward(event_id, now, request.value))

    async def reward_slots(self, event_id: str, body: bytes, now: Micros) -> None:
        """Keep rewards for the slots of an event, whether or not anybody has ranked it.

        Raises:
            InvalidRewardRequest: The body holds no list of ids and finite numbers, or the id of
                the event is too long.
            StorageUnavailable: They could not be kept; the caller should send them again.
        """
        if not 0 < len(event_id) <= _LONGEST_ID:
            raise InvalidRewardRequest(_id_rule(event_id), "eventId")
        request = parse(MultiSlotRewardRequest, body, InvalidRewardRequest)
        values = tuple([(each.slot_id, each.value) for each in request.reward])
        await self._keep(SlotRewards(event_id, now, values))

    async def activate(self, event_id: str, now: Micros) -> None:
        """Keep that a deferred event was shown.

        Raises:
            InvalidEventIdToActivate: The id is too long.
            StorageUnavailable: It could not be kept; the caller should send it again.
        """
        if not 0 < len(event_id) <= _LONGEST_ID:
            raise InvalidEventIdToActivate(_id_rule(event_id), "eventId")
        await self._keep(Activation(event_id, now))

    async def _keep(self, observation: Observation) -> None:
        try:
            await asyncio.wait_for(self._append_twice(observation), self._time_limit)
        except asyncio.TimeoutError:
            raise StorageUnavailable("The event log did not answer in time; try again.") from None

    async def _append_twice(self, observation: Observation) -> None:
        try:
            await self._log.append(observation)
        except StorageUnavailable:
            # The first attempt may have been kept. The same object is the same row.
            await self._log.append(observation)


def _id_rule(event_id: str) -> str:
    return f"An event id has 1 to {_LONGEST_ID} characters; this one has {len(event_id)}."
