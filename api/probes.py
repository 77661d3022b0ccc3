"""What front ends and monitors ask of a process, without a key: does it live, can it serve?

The answers say that much and nothing else: no loop, version or host, and no reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from api.calls import Reply
from api.deployment import Deployment, now
from loop.errors import PersonalizerError, StorageUnavailable
from loop.events import SECOND

Open = Callable[[], Awaitable[Deployment]]
"""Gives what the process runs on; opens it where nobody has yet."""

_HEALTHY = Reply(orjson.dumps({"status": "healthy"}))


@dataclass(frozen=True, slots=True)
class Probe:
    """A question that anybody may ask.

    Attributes:
        name: What the platform's metrics call it; also its path.
        answer: Answers it; the first line of its docstring sums it up.
        shape: The name of the answer's shape in ``SCHEMAS``.
        errors: How it may be answered instead, beside what a defect is answered with.
    """

    name: str
    answer: Callable[[Open], Awaitable[Reply]]
    shape: str
    errors: tuple[type[PersonalizerError], ...] = ()


async def health(_: Open) -> Reply:
    """Tell that the process lives."""
    return _HEALTHY


async def ready(opened: Open) -> Reply:
    """Tell whether storage can be reached, and how old the newest model is."""
    deployment = await opened()
    made = await deployment.readiness.newest_model()
    age = None if made is None else max(0, now() - made) // SECOND
    return Reply(orjson.dumps({"status": "ready", "modelAgeSeconds": age}))


PROBES = (
    Probe("health", health, "Liveness"),
    Probe("ready", ready, "Readiness", (StorageUnavailable,)),
)
