"""What a process of the service runs on: storage opened, and each loop's parts put together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from api.options import Options
from loop.events import Micros
from rank.recording import Recorder, RecordingOptions
from rank.serving import Serving
from reward.observe import Observer
from storage.factory import LoopStorage, open_storage
from storage.options import StorageOptions
from storage.punctual_sink import PunctualSink


@dataclass(frozen=True, slots=True)
class Loop:
    """One learning loop, as this process serves it.

    Attributes:
        longest_wait: What its reward wait time may be set to at most.
    """

    storage: LoopStorage
    serving: Serving
    recorder: Recorder
    observer: Observer
    longest_wait: timedelta


@asynccontextmanager
async def open_deployment(
    options: Options, storage: StorageOptions
) -> AsyncIterator[Mapping[str, Loop]]:
    """Every loop of the deployment by its name; they live on this event loop.

    On the way out decisions that wait to be logged are given their time, then all is closed.
    """
    async with AsyncExitStack() as stack:
        recording = RecordingOptions(
            budget=options.rank_log_budget,
            deadline=options.logging_deadline,
            strict=options.strict_logging,
        )
        opened = await stack.enter_async_context(open_storage(storage))
        loops = {}
        for keys in options.loops:
            kept = opened.loop(keys.name)
            serving = Serving(kept, options.model_refresh, options.rank_refresh_budget)
            stack.push_async_callback(serving.close)
            log = PunctualSink(kept.log, now, options.logging_deadline)
            recorder = Recorder(log, now, recording)
            stack.push_async_callback(recorder.close)
            observer = Observer(log, options.reward_time_limit)
            loops[keys.name] = Loop(kept, serving, recorder, observer, options.max_reward_wait)
        yield loops


def now() -> Micros:
    """The time of the server."""
    return Micros(time.time_ns() // 1000)
