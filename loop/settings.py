"""Everything an owner can set for a loop, as one document."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from loop.configuration import ServiceConfiguration


class Policy(BaseModel):
    """Learning settings: a name (up to 256 characters) and VW arguments (up to 1024), verbatim."""

    model_config = ConfigDict(frozen=True)

    name: str
    arguments: str


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
