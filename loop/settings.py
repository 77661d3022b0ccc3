"""Everything an owner can set for a loop, as one document."""

from __future__ import annotations

import orjson
from pydantic import BaseModel, ConfigDict

from loop.configuration import ServiceConfiguration
from loop.events import LearningMode, LoopKind, Micros
from loop.learning_settings import DEFAULT_ARGUMENTS, DEFAULT_MULTI_SLOT_ARGUMENTS, kind_of


class Policy(BaseModel):
    """Learning settings: a name (up to 256 characters) and VW arguments (up to 1024), verbatim."""

    model_config = ConfigDict(frozen=True)

    name: str
    arguments: str

    def to_json(self) -> bytes:
        """The body that the API answers with."""
        return orjson.dumps({"name": self.name, "arguments": self.arguments})


DEFAULT_POLICY = Policy(name="app1", arguments=DEFAULT_ARGUMENTS)
"""What a fresh loop learns with, by the name that the retired service gave it."""

DEFAULT_MULTI_SLOT_POLICY = Policy(name="app1", arguments=DEFAULT_MULTI_SLOT_ARGUMENTS)
"""What a multi-slot loop returns to."""


class LoopSettings(BaseModel):
    """Configuration and policy, and which training they ask for.

    Attributes:
        policy: None stands for the default of a single-slot loop.
        training_version: Grows whenever a change resets the model; a model learned under another
            version is rebuilt from the joined log.
        reconfigured: When a change of the configuration has last reset the model; 0 before one.
    """

    model_config = ConfigDict(frozen=True)

    configuration: ServiceConfiguration = ServiceConfiguration()
    policy: Policy | None = None
    training_version: int = 0
    reconfigured: Micros = Micros(0)

    def policy_in_force(self) -> Policy:
        """The policy that was put, or the default."""
        return self.policy or DEFAULT_POLICY

    @property
    def kind(self) -> LoopKind:
        """What the policy in force makes of the loop."""
        return kind_of(self.policy_in_force().arguments)

    @property
    def optimises_in_vain(self) -> bool:
        """Whether the loop is to optimise itself, and is of a kind that can't."""
        return self.kind is LoopKind.MULTI_SLOT and self.configuration.is_auto_optimization_enabled

    @property
    def optimization_hindrance(self) -> str | None:
        """Why the loop does not optimise itself as things stand, in words; None where it does."""
        mode = self.configuration.learning_mode
        if not self.configuration.is_auto_optimization_enabled:
            return "isAutoOptimizationEnabled is false"
        if self.kind is LoopKind.MULTI_SLOT:
            return "multi-slot loops can't optimise themselves"
        if mode is not LearningMode.ONLINE:
            return (
                f"learningMode is {mode.value}: only what the baseline earns can be seen in its"
                " events, nothing of other policies"
            )
        return None

    def with_policy(self, policy: Policy | None) -> LoopSettings:
        """As they are with another policy, or None for the default, and a training with it."""
        version = self.training_version + 1
        return self.model_copy(update={"policy": policy, "training_version": version})

    def default_policy(self) -> Policy | None:
        """What ``policy`` is to be for the default of the loop's kind."""
        return None if self.kind is LoopKind.SINGLE_SLOT else DEFAULT_MULTI_SLOT_POLICY
