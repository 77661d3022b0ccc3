"""Whether a process can do its work: storage answers, and how old the newest model is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pydantic import ValidationError

from loop.errors import StorageUnavailable
from loop.events import Micros
from loop.register import DEFAULT_LOOP
from storage.factory import Storage
from telemetry.subject import leave_request

EVERY_SECONDS = 5.0
"""However often anybody asks, storage is looked at once in this time."""

_PATIENCE_SECONDS = 3.0
_PARALLEL = 8


class Readiness:
    """Looks at storage for those who ask, one look for all of them.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._clock = clock
        self._looked = float("-inf")
        self._look: asyncio.Task[Micros | None] | None = None

    async def newest_model(self) -> Micros | None:
        """When the newest model was made that serves a loop; None before there is any.

        Raises:
            StorageUnavailable: Tables or blobs can't be read, or not in time.
        """
        look = self._look
        if look is None or (look.done() and self._clock() - self._looked >= EVERY_SECONDS):
            self._looked = self._clock()
            self._look = look = asyncio.create_task(self._look_at_storage())
            look.add_done_callback(_retrieve)
        await asyncio.wait({look}, timeout=_PATIENCE_SECONDS)
        if not look.done() or look.cancelled():
            raise _unreachable()
        try:
            return look.result()
        except (StorageUnavailable, asyncio.TimeoutError):
            raise _unreachable() from None

    async def close(self) -> None:
        """Stop looking."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait({self._look})

    async def _look_at_storage(self) -> Micros | None:
        leave_request()
        return await asyncio.wait_for(self._looked_at(), 2 * _PATIENCE_SECONDS)

    async def _looked_at(self) -> Micros | None:
        register, _ = await asyncio.gather(
            self._storage.register.read(), self._storage.loop(DEFAULT_LOOP).log.earliest()
        )
        gate = asyncio.Semaphore(_PARALLEL)

        async def made(name: str) -> Micros | None:
            async with gate:
                try:
                    manifest = (await self._storage.loop(name).manifest.read()).value
                except ValidationError:
                    return None  # one loop that is broken takes nothing from the others
            return None if manifest.model is None else manifest.model.created

        found = await asyncio.gather(*map(made, register.value.names))
        return max((each for each in found if each is not None), default=None)


def _unreachable() -> StorageUnavailable:
    return StorageUnavailable("Storage can't be reached right now.")


def _retrieve(look: asyncio.Task[Micros | None]) -> None:
    # Whoever has asked may have gone: asyncio would complain of an error that nobody has seen.
    if not look.cancelled():
        look.exception()
