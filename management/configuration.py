"""The service configuration: read it, and put another."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from loop.configuration import LONGEST_WAIT, ServiceConfiguration, configure
from loop.errors import ProblemTypeIncompatibleWithAutoOptimization
from loop.events import Micros
from loop.iso import instant_of
from loop.settings import LoopSettings
from management.mirroring import Mirroring, new_mirror
from storage.factory import LoopStorage
from storage.revising import revise

logger = logging.getLogger(__name__)


async def get_configuration(storage: LoopStorage) -> ServiceConfiguration:
    """The configuration that stands; its ``to_json`` is the answer."""
    return (await storage.settings.read()).value.configuration


async def put_configuration(
    storage: LoopStorage,
    body: bytes,
    now: Micros,
    required: Collection[str],
    longest_wait: timedelta = LONGEST_WAIT,
    mirroring: Mirroring | None = None,
) -> ServiceConfiguration:
    """Put a configuration, and ask for a new model where the old one no longer fits it.

    Args:
        body: A JSON object; see ``loop.configuration.configure`` for its rules.
        required: Members that may not be missing: ``REQUIRED_IN_V1``, or none in 2022-09-01.
        longest_wait: The upper end of ``rewardWaitTime`` in this deployment.
        mirroring: Tries out a mirror that is new; without it one is only looked at.

    Returns:
        The configuration that the next GET gives.

    Raises:
        InvalidServiceConfiguration: Or a subclass: a member or a rule between members is broken.
        InvalidSasUri: The log can't be mirrored to where it asks for.
        ProblemTypeIncompatibleWithAutoOptimization: A multi-slot loop is to optimise itself.
        StorageUnavailable: Storage is away, or others are changing the settings all the time.
    """

    def change(settings: LoopSettings) -> LoopSettings:
        wanted = configure(settings.configuration, body, required, instant_of(now), longest_wait)
        new_mirror(wanted, settings.configuration, now)
        resets = wanted.resets_model(settings.configuration)
        changed = settings.model_copy(
            update={
                "configuration": wanted,
                "training_version": settings.training_version + int(resets),
                "reconfigured": now if resets else settings.reconfigured,
            }
        )
        if changed.optimises_in_vain:
            raise ProblemTypeIncompatibleWithAutoOptimization(
                "A multi-slot loop can't optimise itself: isAutoOptimizationEnabled has to be"
                " false.",
                target="isAutoOptimizationEnabled",
            )
        return changed

    standing = (await storage.settings.read()).value
    mirror = new_mirror(change(standing).configuration, standing.configuration, now)
    if mirror is not None and mirroring is not None:
        await mirroring.try_out(mirror)
    _, settings = await revise(storage.settings, change)
    logger.info("configuration_put", extra={"training_version": settings.training_version})
    return settings.configuration
