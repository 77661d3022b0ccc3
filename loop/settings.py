"""Everything an owner can set for a loop, as one document."""

from __future__ import annotations

import orjson
from pydantic import BaseModel, ConfigDict

from loop.configuration import ServiceConfiguration
from loop.learning_settings import DEFAULT_ARGUMENTS


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


class LoopSettings(BaseModel):
    """Configuration and policy, and which training they ask for.

    Attributes:
        policy: None stands for the default of the loop's kind.
        training_version: Grows whenever a change resets the model; a model learned under another
            version is rebuilt from the joined log.
    """

    model_config = ConfigDict(frozen=True)

    configuration: ServiceConfiguration = ServiceConfiguration()
    policy: Policy | None = None
    training_version: int = 0

    def policy_in_force(self) -> Policy:
        """The policy that was put, or the default."""
        return self.policy or DEFAULT_POLICY
