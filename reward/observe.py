"""Observe: a reward or an activation comes in and is in the event log when it is answered."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FiniteFloat

from loop.errors import InvalidEventIdToActivate, InvalidRewardRequest, StorageUnavailable
from loop.events import Activation, Micros, Observation, Reward
from loop.validation import parse
from storage.event_log import EventSink

_LONGEST_ID = 256


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not a boolean")
    return value


class RewardRequest(BaseModel):
    """The body of a reward call; text that holds a number is taken as one."""

    model_config = ConfigDict(frozen=True)

    value: Annotated[FiniteFloat, BeforeValidator(_no_boolean)]


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
