"""What a process of the service runs on: storage opened, and each loop's parts put together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from api.admission import Admission
from api.entra import Entra
from api.entra_keys import PublishedKeys
from api.keys import Keyring
from api.options import Options
from api.rate_limits import RateLimits
from api.readiness import Readiness
from loop.events import Micros
from loop.register import DEFAULT_LOOP, Register
from management.mirroring import Mirroring
from management.model_transfer import Signers
from rank.recording import Recorder, RecordingOptions
from rank.serving import Serving
from reward.batches import Batches
from reward.observe import Observer
from storage.counted_sink import CountedSink
from storage.factory import LoopStorage, Storage, open_storage
from storage.options import StorageOptions
from storage.punctual_sink import PunctualSink
from telemetry.subject import about_loop, leave_request

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """One learning loop, as this process serves it.

    Attributes:
        name: That of the register.
        longest_wait: What its reward wait time may be set to at most.
        trainer_grace: How late a row may become visible and still count, in seconds.
    """

    name: str
    storage: LoopStorage
    serving: Serving
    recorder: Recorder
    observer: Observer
    batches: Batches
    longest_wait: timedelta
    trainer_grace: float
    signers: Signers
    mirroring: Mirroring

    async def close(self) -> None:
        """Give decisions that wait to be logged their time, then let go of everything."""
        await self.recorder.close()
        await self.serving.close()


class Deployment:
    """The loops that this process serves, each from its first request on.

    Attributes:
        admission: Says who sends a request, and which loop it goes to.
        rate_limits: How many calls each of them may make.
        readiness: Says whether storage can be reached.
    """

    def __init__(self, options: Options, storage: Storage) -> None:
        self._options = options
        self._storage = storage
        self._loops: dict[str, Loop] = {}
        self._closing: set[asyncio.Task[None]] = set()
        entra = options.entra
        self.admission = Admission(
            Keyring(
                {DEFAULT_LOOP: options.default_keys}, {DEFAULT_LOOP: options.default_client_keys}
            ),
            Entra(entra, PublishedKeys(entra.key_urls)) if entra is not None else None,
            storage.register,
            options.loops_refresh,
            self._follow,
        )
        self.rate_limits = RateLimits(options.rate_limit, options.client_rate_limit)
        self.readiness = Readiness(storage)

    def loop(self, name: str) -> Loop:
        """The loop of that name, whose parts live on this event loop."""
        if name not in self._loops:
            self._loops[name] = self._opened(name)
        return self._loops[name]

    async def close(self) -> None:
        """Close all loops."""
        await self.admission.close()
        await self.readiness.close()
        for name in list(self._loops):
            self._close(name)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _opened(self, name: str) -> Loop:
        options = self._options
        recording = RecordingOptions(
            budget=options.rank_log_budget,
            deadline=options.logging_deadline,
            strict=options.strict_logging,
        )
        kept = self._storage.loop(name)
        log = CountedSink(PunctualSink(kept.log, now, options.logging_deadline), now)
        return Loop(
            name=name,
            storage=kept,
            serving=Serving(kept, options.model_refresh, options.rank_refresh_budget),
            recorder=Recorder(log, now, recording),
            observer=Observer(log, options.reward_time_limit),
            batches=Batches(log, options.batch_time_limit),
            longest_wait=options.max_reward_wait,
            trainer_grace=options.trainer_grace,
            signers=Signers(options.model_signing_key, options.trusted_model_signers),
            mirroring=Mirroring(self._storage.mirrors, name),
        )

    def _follow(self, register: Register) -> None:
        for name in self._loops.keys() - set(register.names):
            self._close(name)

    def _close(self, name: str) -> None:
        with about_loop(name):
            closing = asyncio.create_task(_closed_in_background(self._loops.pop(name)))
        self._closing.add(closing)
        closing.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("loop_not_closed", exc_info=error)


async def _closed_in_background(loop: Loop) -> None:
    leave_request()
    await loop.close()


@asynccontextmanager
async def open_deployment(options: Options, storage: StorageOptions) -> AsyncIterator[Deployment]:
    """The deployment of these settings; it lives on this event loop."""
    async with open_storage(storage) as opened:
        deployment = Deployment(options, opened)
        try:
            yield deployment
        finally:
            await deployment.close()


def now() -> Micros:
    """The time of the server."""
    return Micros(time.time_ns() // 1000)
