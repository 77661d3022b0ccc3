from __future__ import annotations

import pytest

from loop.events import Micros
from loop.manifest import Manifest
from loop.settings import LoopSettings, Policy
from storage.blobs import Conflict
from storage.factory import LoopStorage


async def test_a_fresh_loop_has_the_defaults(storage: LoopStorage) -> None:
    settings = await storage.settings.read()
    assert (settings.value, settings.etag) == (LoopSettings(), None)
    assert await storage.settings.read_if_changed(None) is None
    assert (await storage.manifest.read()).value == Manifest()


async def test_what_was_written_is_read_back(storage: LoopStorage) -> None:
    fresh = await storage.settings.read()
    value = LoopSettings(policy=Policy(name="p", arguments=" --cb_explore_adf"), training_version=2)
    written = await storage.settings.replace(value, fresh)
    assert await storage.settings.read() == written
    assert written.value == value


async def test_a_change_is_seen_once(storage: LoopStorage) -> None:
    first = await storage.manifest.replace(Manifest(run_id="1"), await storage.manifest.read())
    assert await storage.manifest.read_if_changed(None) == first
    assert await storage.manifest.read_if_changed(first.etag) is None
    second = await storage.manifest.replace(Manifest(run_id="2", position=Micros(10)), first)
    assert await storage.manifest.read_if_changed(first.etag) == second


async def test_two_writers_of_one_version_do_not_both_win(storage: LoopStorage) -> None:
    fresh = await storage.manifest.read()
    await storage.manifest.replace(Manifest(run_id="1"), fresh)
    with pytest.raises(Conflict):
        await storage.manifest.replace(Manifest(run_id="2"), fresh)
    assert (await storage.manifest.read()).value.run_id == "1"
