from __future__ import annotations

import orjson
import pytest

from evaluation.optimizing import DAY, FIRST_EVENTS, optimize
from evaluation.outlook import Outlook, outlook
from loop.events import Micros
from loop.iso import instant_of
from management.configuration import put_configuration
from storage.factory import LoopStorage
from tests.evaluation.test_optimizing import PERIOD, count, end, runs
from tests.trainer.scene import Scene, after


async def ahead(storage: LoopStorage) -> Outlook:
    settings, manifest = await storage.settings.read(), await storage.manifest.read()
    return await outlook(storage, settings.value, manifest.value)


async def run(scene: Scene, now: Micros, events: int) -> None:
    """A run that changes nothing."""
    await count(scene.storage, events)
    await optimize(scene.storage, now)
    await end(scene)
    await optimize(scene.storage, now)


async def begins(storage: LoopStorage, now: Micros) -> bool:
    """Whether a run begins."""
    before = len(await runs(storage))
    await optimize(storage, now)
    return len(await runs(storage)) > before


async def test_a_fresh_loop_waits_for_its_first_events(storage: LoopStorage) -> None:
    await count(storage, 10)
    found = await ahead(storage)
    assert (found.hindrance, found.running, found.due) == (None, None, None)
    assert (found.events, found.needed) == (10, FIRST_EVENTS)


@pytest.mark.parametrize("start", [None, after(0) + 5 * DAY, after(0) - 3 * DAY])
async def test_what_is_said_is_what_happens(storage: LoopStorage, start: int | None) -> None:
    # GIVEN a loop that has looked for better settings at 3,000 events
    scene = Scene(storage)
    began = Micros(max(after(0), start or 0) + DAY)
    if start is not None:
        body = {"autoOptimizationStartDate": instant_of(Micros(start)).isoformat()}
        await put_configuration(storage, orjson.dumps(body), after(0), ())
    await run(scene, began, 3_000)
    found = await ahead(storage)
    assert (found.events, found.needed) == (3_000, 6_000)
    # THEN the next run begins when the period is over, and not before
    assert found.due is not None
    assert found.due == Micros((start or began) + PERIOD)
    assert not await begins(storage, Micros(found.due - 1))
    # OR with as many events, and not with fewer
    await count(storage, found.needed - 1)
    assert not await begins(storage, Micros(found.due - 1))
    await count(storage, found.needed)
    assert await begins(storage, Micros(found.due - 1))
    # AND while it is under way, it is named
    [_, second] = await runs(storage)
    assert (await ahead(storage)).running == second.id


async def test_after_the_log_is_deleted_it_is_young_again(storage: LoopStorage) -> None:
    await run(Scene(storage), after(0), 50_000)
    await count(storage, 10)
    assert (await ahead(storage)).needed == FIRST_EVENTS


async def test_what_hinders_is_said(storage: LoopStorage) -> None:
    await put_configuration(storage, b'{"isAutoOptimizationEnabled": false}', after(0), ())
    found = await ahead(storage)
    assert found.hindrance == "isAutoOptimizationEnabled is false"
    assert found.members()["isEnabled"] is False
