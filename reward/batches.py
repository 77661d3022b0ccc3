"""Observe by the batch: what clients have decided and observed by themselves is kept, all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from loop.batched_decisions import read_interactions
from loop.batched_outcomes import read_observations
from loop.errors import StorageUnavailable
from loop.events import Micros, Observation, Ranked
from storage.event_log import EventSink

_Event = Ranked | Observation

PARALLEL = 16
"""Events that are appended at a time, of all batches together."""


class Batches:
    """Keeps the batches of one loop.

    A batch is kept as a whole or answered with an error, and then may be kept in part. Sending it
    again does no harm: an event id is decided once, and rewards are told by the batch they were in.

    Args:
        time_limit: Seconds that a batch waits for storage.
    """

    def __init__(self, log: EventSink, time_limit: float) -> None:
        self._log = log
        self._time_limit = time_limit
        self._reading = asyncio.Lock()
        self._appending = asyncio.Semaphore(PARALLEL)

    async def interactions(self, body: bytes, now: Micros) -> None:
        """Keep decisions.

        Raises:
            InvalidRequest: The batch can't be read; nothing of it is kept.
            PayloadSizeExceeded: There is too much in it; nothing of it is kept.
            StorageUnavailable: Not all could be kept; the caller should send it again.
        """
        await self._keep(await self._read(read_interactions, body, now))

    async def observations(self, body: bytes, now: Micros) -> None:
        """Keep rewards and activations.

        Raises:
            InvalidRequest: The batch can't be read; nothing of it is kept.
            PayloadSizeExceeded: There is too much in it; nothing of it is kept.
            StorageUnavailable: Not all could be kept; the caller should send it again.
        """
        await self._keep(await self._read(read_observations, body, now))

    async def _read(
        self, read: Callable[[bytes, Micros], Sequence[_Event]], body: bytes, now: Micros
    ) -> Sequence[_Event]:
        # A large batch takes seconds, so calls are answered beside it; and memory, so one by one.
        async with self._reading:
            return await asyncio.to_thread(read, body, now)

    async def _keep(self, events: Sequence[_Event]) -> None:
        waiting = iter(events)
        workers = [
            asyncio.create_task(self._append_each(waiting))
            for _ in range(min(PARALLEL, len(events)))
        ]
        if not workers:
            return
        try:
            done, pending = await asyncio.wait(
                workers, timeout=self._time_limit, return_when=asyncio.FIRST_EXCEPTION
            )
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for worker in done:
            worker.result()
        if pending:
            raise StorageUnavailable("The event log did not take the batch in time; try again.")

    async def _append_each(self, events: Iterable[_Event]) -> None:
        for event in events:
            async with self._appending:
                await self._append_twice(event)

    async def _append_twice(self, event: _Event) -> None:
        try:
            await self._log.append(event)
        except StorageUnavailable:
            # The first attempt may have been kept. The same object is the same row.
            await self._log.append(event)
