"""Storage that fails: every call of a run goes through something that may get in its way."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from loop.errors import StorageUnavailable
from loop.events import Micros, Observation, Ranked
from storage.blobs import Blob, BlobEntry, Blobs, Conflict
from storage.documents import manifest_document, settings_document
from storage.event_log import EventLog
from storage.factory import LoopStorage

T = TypeVar("T")


class Crash(Exception):
    """The process is gone."""


class Path(ABC):
    """What a call goes through on its way to storage and back."""

    @abstractmethod
    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        """Perform ``operation``, or what is left of it."""


def through(storage: LoopStorage, path: Path) -> LoopStorage:
    """The same storage at the end of ``path``."""
    blobs = _Blobs(storage.blobs, path)
    log = _Log(storage.log, path)
    return LoopStorage(log, blobs, settings_document(blobs), manifest_document(blobs))


class CrashAt(Path):
    """The process dies at the n-th call: before it reaches storage, or before its answer does."""

    def __init__(self, n: int, answered: bool) -> None:
        self._left = n
        self._answered = answered

    @property
    def reached(self) -> bool:
        return self._left <= 0

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        self._left -= 1
        if self._left == 0:
            if self._answered:
                await operation()
            raise Crash
        return await operation()


class Turns:
    """Lets one call at a time happen, whose it is being left to the dice.

    What happens depends on the dice only: nobody's call begins before everybody waits for theirs.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._players = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def play(self, work: Awaitable[T]) -> T:
        """Do ``work`` as one of the players."""
        self._players += 1
        # nobody moves before everybody is there
        await asyncio.sleep(0)
        try:
            return await work
        finally:
            self._players -= 1
            self._next()

    async def turn(self) -> None:
        """Wait until it is this player's turn."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._next()
        await mine

    def _next(self) -> None:
        if self._waiting and len(self._waiting) == self._players:
            self._waiting.pop(self._dice.randrange(len(self._waiting))).set_result(None)


class Unruly(Path):
    """Takes turns with others, and now and then a call fails.

    It dies before or behind a call; or storage does not answer though it has done what it was
    asked for; or it does not answer, and does it later, when others have been there.
    """

    def __init__(self, turns: Turns, dice: random.Random, faults: float) -> None:
        self._turns = turns
        self._dice = dice
        self._faults = faults
        self._ghosts: set[asyncio.Task[None]] = set()

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        await self._turns.turn()
        if self._dice.random() >= self._faults:
            return await operation()
        fault = self._dice.choice(["die", "die answered", "lost", "slow"])
        if fault == "die":
            raise Crash
        if fault == "die answered":
            await operation()
            raise Crash
        if fault == "lost":
            await operation()
        elif writes:
            ghost = asyncio.create_task(self._turns.play(self._late(operation)))
            self._ghosts.add(ghost)
        raise StorageUnavailable("no answer")

    async def _late(self, operation: Callable[[], Awaitable[object]]) -> None:
        for _ in range(self._dice.randrange(20)):
            await self._turns.turn()
        await self._turns.turn()
        with suppress(Conflict):
            await operation()

    async def settled(self) -> None:
        """Wait for what is still to come."""
        await asyncio.gather(*self._ghosts)


async def _nothing() -> None:
    pass


class _Blobs(Blobs):
    def __init__(self, blobs: Blobs, path: Path) -> None:
        self._blobs = blobs
        self._read = partial(path.call, writes=False)
        self._write = partial(path.call, writes=True)

    async def read(self, name: str) -> Blob | None:
        return await self._read(partial(self._blobs.read, name))

    async def read_if_changed(self, name: str, etag: str) -> Blob | None:
        return await self._read(partial(self._blobs.read_if_changed, name, etag))

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        await self._read(_nothing)
        async for chunk in self._blobs.stream(name):
            yield chunk

    async def write(self, name: str, data: bytes) -> str:
        return await self._write(partial(self._blobs.write, name, data))

    async def replace(self, name: str, data: bytes, etag: str | None) -> str:
        return await self._write(partial(self._blobs.replace, name, data, etag))

    async def stage_block(self, name: str, block_id: str, data: bytes) -> None:
        await self._write(partial(self._blobs.stage_block, name, block_id, data))

    async def blocks(self, name: str) -> tuple[tuple[str, ...], str | None]:
        return await self._read(partial(self._blobs.blocks, name))

    async def commit_blocks(self, name: str, block_ids: Sequence[str], etag: str | None) -> None:
        await self._write(partial(self._blobs.commit_blocks, name, block_ids, etag))

    async def list(self, prefix: str) -> AsyncIterator[BlobEntry]:
        await self._read(_nothing)
        async for entry in self._blobs.list(prefix):
            yield entry

    async def delete(self, name: str) -> None:
        await self._write(partial(self._blobs.delete, name))


class _Log(EventLog):
    def __init__(self, log: EventLog, path: Path) -> None:
        self._log = log
        self._read = partial(path.call, writes=False)
        self._write = partial(path.call, writes=True)

    async def append(self, event: Ranked | Observation) -> None:
        await self._write(partial(self._log.append, event))

    async def decisions(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Ranked]]]:
        await self._read(_nothing)
        async for bucket in self._log.decisions(start, end):
            yield bucket
            await self._read(_nothing)

    async def observations(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Observation]]]:
        await self._read(_nothing)
        async for bucket in self._log.observations(start, end):
            yield bucket
            await self._read(_nothing)

    async def earliest(self) -> Micros | None:
        return await self._read(self._log.earliest)

    async def drop_before(self, time: Micros) -> None:
        await self._write(partial(self._log.drop_before, time))

    async def drop_all(self) -> None:
        await self._write(self._log.drop_all)
