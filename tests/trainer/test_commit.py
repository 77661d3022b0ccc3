from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import pytest

from loop.errors import StorageUnavailable
from loop.learning_settings import with_exploration
from loop.manifest import Manifest
from storage.factory import LoopStorage
from tests.simulation.faults import Path, through
from tests.trainer.scene import ARGUMENTS, Scene, after, stream, taught, views
from trainer.commit import commit
from trainer.report import Outcome
from trainer.run import train

T = TypeVar("T")
BUILT = with_exploration(ARGUMENTS, 0.2)


class Silence(Path):
    """Storage does what it is asked for, and says nothing, to the first few guarded writes."""

    def __init__(self, lost: int, done: bool) -> None:
        self._lost = lost
        self._done = done

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        if called(operation) != "replace" or self._lost == 0:
            return await operation()
        self._lost -= 1
        if self._done:
            await operation()
        raise StorageUnavailable("no answer")


def called(operation: Callable[[], Awaitable[T]]) -> str:
    """The name of the method that a call is of."""
    return str(operation.func.__name__) if isinstance(operation, partial) else ""


@pytest.mark.parametrize("done", [True, False])
async def test_a_lost_answer_is_recognised(storage: LoopStorage, done: bool) -> None:
    document = through(storage, Silence(1, done)).manifest
    read = await document.read()
    assert await commit(document, read, Manifest(run_id="mine"))
    assert (await storage.manifest.read()).value.run_id == "mine"


async def test_a_run_that_was_slower_knows_it(storage: LoopStorage) -> None:
    read = await storage.manifest.read()
    assert await commit(storage.manifest, read, Manifest(run_id="faster"))
    assert not await commit(storage.manifest, read, Manifest(run_id="slower"))
    assert (await storage.manifest.read()).value.run_id == "faster"


async def test_storage_that_stays_silent_is_given_up(storage: LoopStorage) -> None:
    document = through(storage, Silence(9, done=False)).manifest
    with pytest.raises(StorageUnavailable):
        await commit(document, await document.read(), Manifest(run_id="mine"))
    assert (await storage.manifest.read()).etag is None


class BeforeThe(Path):
    """Something else happens before the first call of a name."""

    def __init__(self, name: str, first: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._first: Callable[[], Awaitable[object]] | None = first

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        if self._first is not None and called(operation) == self._name:
            first, self._first = self._first, None
            await first()
        return await operation()


async def test_a_run_that_tidies_up_late_takes_nothing_from_the_next(storage: LoopStorage) -> None:
    # GIVEN a run that stands still as soon as its manifest is written
    scene = Scene(storage)
    await scene.configure()
    await scene.happen(stream(20))
    await scene.train(100)
    await scene.happen(stream(20, start=110))
    stands, goes_on = asyncio.Event(), asyncio.Event()

    async def stand_still() -> None:
        stands.set()
        await goes_on.wait()

    scene.now = after(220)
    slow = asyncio.create_task(
        train(through(storage, BeforeThe("commit_blocks", stand_still)), scene.clock, scene.limits)
    )
    await stands.wait()

    # WHEN the next run has written everything but its manifest, and only then the first tidies up
    async def let_it_go_on() -> None:
        goes_on.set()
        assert (await slow).outcome is Outcome.COMMITTED

    await scene.happen(stream(20, start=230))
    scene.now = after(340)
    report = await train(
        through(storage, BeforeThe("replace", let_it_go_on)), scene.clock, scene.limits
    )

    # THEN the next run finds everything where it was put
    assert report.outcome is Outcome.COMMITTED
    assert await scene.names("state/") == [(await scene.manifest()).join_state]
    await scene.train(600)
    events = await scene.logged()
    assert len(events) == 60
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))
    counts = (await scene.manifest()).counts
    assert counts.joined == counts.rewards
