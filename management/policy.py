"""The policy (learning settings): read it, put another, return to the default."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loop.errors import InvalidPolicyContract, ProblemTypeIncompatibleWithAutoOptimization
from loop.learning_settings import check
from loop.settings import LoopSettings, Policy
from storage.factory import LoopStorage
from storage.revising import revise

logger = logging.getLogger(__name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: Annotated[str, Field(max_length=256)]
    arguments: Annotated[str, Field(max_length=1024)]


_EXPECTED = {
    "name": "a text of up to 256 characters",
    "arguments": "a text of up to 1024 characters",
}


def read_policy(body: bytes) -> Policy:
    """Read a policy from JSON; its arguments are kept to the letter, and not judged.

    Raises:
        InvalidPolicyContract: It is no object, or a member is missing, mistyped or too long.

    >>> read_policy(b'{"name": "mine", "arguments": " --cb_explore_adf"}').arguments
    ' --cb_explore_adf'
    """
    try:
        found = _Body.model_validate_json(body)
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False)[0]["loc"]
        if not place:
            raise InvalidPolicyContract(
                "The body should be a JSON object with name and arguments."
            ) from None
        member = str(place[0])
        raise InvalidPolicyContract(
            f"{member} should be {_EXPECTED[member]}.", target=member
        ) from None
    return Policy(name=found.name, arguments=found.arguments)


async def get_policy(storage: LoopStorage) -> Policy:
    """The policy in force; its ``to_json`` is the answer."""
    return (await storage.settings.read()).value.policy_in_force()


async def put_policy(storage: LoopStorage, body: bytes) -> Policy:
    """Put a policy, and have the model rebuilt with it from the log.

    Every PUT asks for a rebuild, also one of the policy that stands already: it is how an owner
    starts a model afresh from the last ``modelRetrainDays`` days. Until the new model is
    published, the former one serves, if it is of the same kind.

    A policy with ``--ccb_explore_adf`` makes the loop multi-slot, and one with
    ``--cb_explore_adf`` single-slot.

    Returns:
        The policy as it was put, which the next GET gives.

    Raises:
        InvalidPolicyContract: A member is missing, mistyped or too long.
        InvalidPolicyConfiguration: An option is not allowed, or VW rejects the arguments.
        ProblemTypeIncompatibleWithAutoOptimization: The loop optimises itself, and can't be
            multi-slot.
        StorageUnavailable: Storage is away, or others are changing the settings all the time.
    """
    policy = read_policy(body)
    await asyncio.to_thread(check, policy.arguments)
    await _set(storage, lambda settings: policy)
    return policy


async def reset_policy(storage: LoopStorage) -> Policy:
    """Return to the default policy of the loop's kind, and rebuild the model as by a PUT.

    Raises:
        StorageUnavailable: Storage is away, or others are changing the settings all the time.
    """
    return (await _set(storage, LoopSettings.default_policy)).policy_in_force()


async def _set(
    storage: LoopStorage, choose: Callable[[LoopSettings], Policy | None]
) -> LoopSettings:
    def change(settings: LoopSettings) -> LoopSettings:
        changed = settings.with_policy(choose(settings))
        if changed.optimises_in_vain:
            raise ProblemTypeIncompatibleWithAutoOptimization(
                "A loop that optimises itself can't be multi-slot: set isAutoOptimizationEnabled"
                " to false first.",
                target="arguments",
            )
        return changed

    _, settings = await revise(storage.settings, change)
    logger.info(
        "policy_set",
        extra={"training_version": settings.training_version, "kind": settings.kind.value},
    )
    return settings
