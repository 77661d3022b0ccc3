"""What the trainer's timer does: one run for every loop of the deployment."""

from __future__ import annotations

import asyncio
import logging

from pydantic import ValidationError

from api.deployment import now
from api.options import Options
from loop.errors import StorageUnavailable
from storage.factory import Storage, open_storage
from storage.options import StorageOptions
from telemetry.metrics import TRAINER_FAILURES
from telemetry.subject import about_loop, attributes
from trainer.limits import Limits
from trainer.mirroring import mirror_log
from trainer.run import train

logger = logging.getLogger(__name__)


async def train_every_loop(options: Options, storage: StorageOptions) -> None:
    """Run the trainer for all loops at once; one that fails does not hold up the others.

    Raises:
        Exception: What the first of the failed runs raised, so that the platform counts the call
            as failed.
    """
    limits = Limits(seconds=options.trainer_time_limit, grace_seconds=options.trainer_grace)
    async with open_storage(storage) as opened:
        try:
            names = (await opened.register.read()).value.names
        except (StorageUnavailable, ValidationError):
            TRAINER_FAILURES.add(1)  # of no loop in particular: nobody knows which there are
            raise
        runs = [_train_and_mirror(opened, name, limits) for name in names]
        results = await asyncio.gather(*runs, return_exceptions=True)
    failures = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, BaseException):
            with about_loop(name):
                TRAINER_FAILURES.add(1, attributes())
                said = {"error": type(result).__name__}
                logger.error("training_failed", extra=said, exc_info=result)
            failures.append(result)
    if failures:
        raise failures[0]


async def _train_and_mirror(storage: Storage, name: str, limits: Limits) -> None:
    loop = storage.loop(name)
    with about_loop(name):
        await train(loop, now, limits)
        await mirror_log(loop, storage.mirrors, name, now)
