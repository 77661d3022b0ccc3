"""Calls to a running service that outlast its bad moments."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from itertools import count
from random import Random
from types import TracebackType

import httpx
from pydantic import BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from cli.access import Access
from cli.world import PageVisit, Visit

TIMEOUT = 10.0  # seconds for one attempt
_JSON_OBJECT = TypeAdapter(dict[str, JsonValue])


class CallFailed(Exception):
    """Raised when a call was refused, or failed as often as it is tried.

    Attributes:
        kind: What happened, for counting: ``connection``, ``timeout``, ``503 RequestTimeout``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class KeyRefused(CallFailed):
    """Raised when the service does not take the key."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a call is tried, and how long to wait in between.

    The waits double from ``first`` up to ``longest`` seconds, each shortened by up to a half at
    random, so that callers who failed together don't come back together. What the service asks
    for in Retry-After counts where it is longer, up to ``asked`` seconds.
    """

    attempts: int = 8
    first: float = 0.25
    longest: float = 5.0
    asked: float = 60.0

    def pause(self, attempt: int, retry_after: str | None, random: Random) -> float:
        """Seconds to wait after the ``attempt``-th failure, counted from 1."""
        pause = min(self.longest, self.first * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)
        if retry_after is not None and retry_after.isdecimal():
            pause = max(pause, min(self.asked, float(retry_after)))
        return pause


@dataclass(frozen=True, slots=True)
class LoopSetup:
    """What of the service's configuration says how well a simulation can end."""

    exploration: float
    learning_mode: str


class _RankAnswer(BaseModel):
    reward_action_id: str = Field(alias="rewardActionId")


class _ChosenSlot(BaseModel):
    id: str
    reward_action_id: str = Field(alias="rewardActionId")


class _PageAnswer(BaseModel):
    slots: list[_ChosenSlot]


class _Configuration(BaseModel):
    exploration_percentage: float = Field(alias="explorationPercentage")
    learning_mode: str = Field(alias="learningMode", default="Online")


class _Error(BaseModel):
    code: str
    message: str


class _ErrorAnswer(BaseModel):
    error: _Error


class Service:
    """One service, called with at most ``connections`` calls at a time.

    Attributes:
        retries: How often a call had to be tried again, by kind of failure.
    """

    def __init__(self, access: Access, connections: int, patience: Patience) -> None:
        self.retries: Counter[str] = Counter()
        self._access = access
        self._patience = patience
        self._random = Random()
        self._http = httpx.AsyncClient(
            base_url=f"{access.endpoint}/personalizer/v1.0",
            headers={"Ocp-Apim-Subscription-Key": access.key},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=TIMEOUT,
        )

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def rank(self, event_id: str, visit: Visit) -> str:
        """The id of the action that the service chose.

        The event id is the same in every attempt, so that a retry of a call whose answer was lost
        is answered the same and counted once.

        Raises:
            CallFailed: There was no answer, or none that can be used.
        """
        body: dict[str, JsonValue] = {
            "eventId": event_id,
            "contextFeatures": list(visit.context),
            "actions": [
                {"id": action.id, "features": list(action.features)} for action in visit.actions
            ],
        }
        answer = await self._call("POST", "/rank", body, self._patience.attempts)
        try:
            chosen = _RankAnswer.model_validate_json(answer).reward_action_id
        except ValidationError:
            chosen = ""
        if all(action.id != chosen for action in visit.actions):
            raise CallFailed("unreadable answer", "the answer to a rank names no action of it")
        return chosen

    async def reward(self, event_id: str, value: float) -> None:
        """Report what the chosen action has earned.

        Raises:
            CallFailed: The service has not acknowledged it.
        """
        path = f"/events/{event_id}/reward"
        await self._call("POST", path, {"value": value}, self._patience.attempts)

    async def rank_page(self, event_id: str, visit: PageVisit) -> tuple[str, ...]:
        """The ids of the actions that the service chose, in the order of the slots.

        Raises:
            CallFailed: There was no answer, or none that can be used.
        """
        body: dict[str, JsonValue] = {
            "eventId": event_id,
            "contextFeatures": list(visit.context),
            "actions": [
                {"id": action.id, "features": list(action.features)} for action in visit.actions
            ],
            "slots": [
                {"id": slot.id, "features": list(slot.features), "baselineAction": slot.baseline}
                for slot in visit.slots
            ],
        }
        answer = await self._call("POST", "/multislot/rank", body, self._patience.attempts)
        try:
            slots = _PageAnswer.model_validate_json(answer).slots
        except ValidationError:
            slots = []
        chosen = tuple([slot.reward_action_id for slot in slots])
        known = {action.id for action in visit.actions}
        if [slot.id for slot in slots] != [slot.id for slot in visit.slots] or (
            len(known.intersection(chosen)) != len(slots)
        ):
            raise CallFailed("unreadable answer", "the answer names no action for each slot")
        return chosen

    async def reward_page(self, event_id: str, visit: PageVisit, earned: tuple[float, ...]) -> None:
        """Report what the chosen action of each slot has earned.

        Raises:
            CallFailed: The service has not acknowledged it.
        """
        rewards: list[JsonValue] = [
            {"slotId": slot.id, "value": value}
            for slot, value in zip(visit.slots, earned, strict=True)
        ]
        path = f"/multislot/events/{event_id}/reward"
        await self._call("POST", path, {"reward": rewards}, self._patience.attempts)

    async def read_setup(self) -> LoopSetup:
        """Ask for the configuration, once: what fails here would fail for long.

        Raises:
            CallFailed: The service is not there, or is no Personalizer.
        """
        return _setup(await self._call("GET", "/configurations/service"))

    async def configure(
        self, wait: str | None, update: str | None, exploration: float | None
    ) -> LoopSetup:
        """Set the reward wait time, the model's export frequency and the share of exploration.

        None leaves one as it is.

        Raises:
            CallFailed: The service refused them.
        """
        answer = await self._call("GET", "/configurations/service")
        configuration = _JSON_OBJECT.validate_json(answer)
        if wait is not None:
            configuration["rewardWaitTime"] = wait
        if update is not None:
            configuration["modelExportFrequency"] = update
        if exploration is not None:
            configuration["explorationPercentage"] = exploration
        return _setup(await self._call("PUT", "/configurations/service", configuration))

    async def stop_optimizing(self) -> bool:
        """Keep the loop from changing its learning settings by itself; whether it did.

        Raises:
            CallFailed: The service refused it.
        """
        answer = await self._call("GET", "/configurations/service")
        configuration = _JSON_OBJECT.validate_json(answer)
        if configuration.get("isAutoOptimizationEnabled") is not True:
            return False
        configuration["isAutoOptimizationEnabled"] = False
        await self._call("PUT", "/configurations/service", configuration)
        return True

    async def diagnostics(self) -> bytes:
        """What is known of the loop's health, as JSON; asked for once.

        Raises:
            CallFailed: There was no answer.
        """
        return await self._call("GET", "/diagnostics")

    async def change_policy(self, name: str, arguments: str) -> None:
        """Set the learning settings.

        Raises:
            CallFailed: The service refused them.
        """
        body: dict[str, JsonValue] = {"name": name, "arguments": arguments}
        await self._call("PUT", "/configurations/policy", body)

    async def _call(
        self, method: str, path: str, body: dict[str, JsonValue] | None = None, attempts: int = 1
    ) -> bytes:
        for attempt in count(1):
            retry_after = None
            try:
                response = await self._http.request(method, path, json=body)
            except httpx.TimeoutException:
                failure = CallFailed("timeout", f"no answer in {TIMEOUT:.0f} s")
            except httpx.TransportError as error:
                cause = str(error) or type(error).__name__
                message = f"can't reach {self._access.endpoint}; is it running? ({cause})"
                failure = CallFailed("connection", message)
            else:
                if response.is_success:
                    return response.content
                failure = self._refusal(response)
                if response.status_code != 429 and response.status_code < 500:
                    raise failure
                retry_after = response.headers.get("Retry-After")
            if attempt >= attempts:
                raise failure
            self.retries[failure.kind] += 1
            await asyncio.sleep(self._patience.pause(attempt, retry_after, self._random))
        raise AssertionError("unreachable")

    def _refusal(self, response: httpx.Response) -> CallFailed:
        if response.status_code == 401:
            return KeyRefused(
                "401",
                f"{self._access.endpoint} does not take the key from {self._access.key_source}",
            )
        try:
            error = _ErrorAnswer.model_validate_json(response.content).error
        except ValidationError:
            return CallFailed(
                str(response.status_code),
                f"{response.request.method} {response.url} answered {response.status_code}",
            )
        return CallFailed(f"{response.status_code} {error.code}", f"{error.code}: {error.message}")


def _setup(answer: bytes) -> LoopSetup:
    try:
        configuration = _Configuration.model_validate_json(answer)
    except ValidationError as error:
        raise CallFailed(
            "unreadable answer", "the service configuration can't be read: is it a Personalizer?"
        ) from error
    return LoopSetup(configuration.exploration_percentage, configuration.learning_mode)
