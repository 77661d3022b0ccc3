from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import TypeVar

import pytest

from loop.errors import StorageUnavailable
from loop.events import SECOND, Micros
from loop.manifest import Counts
from loop.segments import HOUR
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from tests.mirrors import OwnContainer
from tests.simulation.faults import Crash, CrashAt, Path, through
from tests.trainer.scene import START, Scene, decision
from tests.trainer.test_commit import called
from trainer.mirroring import REST, mirror_log
from trainer.report import Outcome
from trainer.run import train

TO_THE_HOUR = 3600 - START // SECOND % 3600
T = TypeVar("T")

FIRST, SECOND_FILE, THIRD = (
    f"log/2023/11/{hour}-000.dsjson.zst" for hour in ("14/22", "14/23", "15/00")
)


@pytest.fixture
async def own(options: StorageOptions, loop_name: str) -> OwnContainer:
    container = OwnContainer(options, f"m{loop_name}")
    await container.make()
    return container


@pytest.fixture
async def scene(storage: LoopStorage, own: OwnContainer) -> Scene:
    """A loop that mirrors its log, with an event in each of three hours."""
    made = Scene(storage)
    await made.configure(log_mirror_enabled=True, log_mirror_sas_uri=own.sas())
    for hour in range(3):
        await made.happen([decision(f"e{hour}", TO_THE_HOUR - 1000 + hour * 3600)])
    return made


class Away(Path):
    """Storage that does not answer."""

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        raise StorageUnavailable("no answer")


async def mirror(scene: Scene, opened: Storage) -> None:
    await mirror_log(scene.storage, opened.mirrors, "shop", scene.clock)


async def copies(scene: Scene, *names: str) -> dict[str, bytes]:
    """What the mirror ought to hold."""
    blobs = scene.storage.blobs
    expected = {}
    for name in names:
        expected[f"shop/{name}"] = b"".join([chunk async for chunk in blobs.stream(name)])
    return expected


async def test_a_file_is_copied_once_its_hour_is_joined(
    scene: Scene, own: OwnContainer, opened: Storage
) -> None:
    # GIVEN two hours of which one is over
    await scene.train(TO_THE_HOUR + 3600)
    assert await scene.names("log/") == [FIRST, SECOND_FILE]
    # WHEN the log is mirrored THEN that one is there
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST)
    # AND later the others, as they come
    await scene.train(TO_THE_HOUR + 4 * 3600)
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST, SECOND_FILE, THIRD)
    assert (await scene.manifest()).counts.mirror_failures == 0


async def test_what_is_mirrored_is_not_looked_at_again(
    scene: Scene, own: OwnContainer, opened: Storage
) -> None:
    await scene.train(TO_THE_HOUR + 3600)
    await mirror(scene, opened)
    before = await scene.manifest()
    await own.remove()
    await mirror(scene, opened)
    assert await scene.manifest() == before


async def test_a_log_that_is_not_to_be_mirrored_is_not(
    scene: Scene, own: OwnContainer, opened: Storage
) -> None:
    await scene.configure(log_mirror_enabled=False, log_mirror_sas_uri=own.sas())
    await scene.train(TO_THE_HOUR + 3600)
    await mirror(scene, opened)
    assert await own.files() == {}
    assert (await scene.manifest()).mirror is None


async def test_a_mirror_that_fails_holds_up_nothing_and_is_tried_again(
    scene: Scene, own: OwnContainer, opened: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a container that is gone
    await own.remove()
    await scene.train(TO_THE_HOUR + 3600)
    # WHEN the log is to be mirrored THEN that is counted and logged, without the signature
    with caplog.at_level(logging.INFO):
        await mirror(scene, opened)
    [line] = [r for r in caplog.records if r.message == "log_mirror_failed"]
    assert vars(line)["reason"] == "its storage answered 404 ContainerNotFound"
    signature = own.sas().partition("sig=")[2]
    assert all(signature not in f"{vars(record)}" for record in caplog.records)
    manifest = await scene.manifest()
    assert manifest.counts == Counts(decisions=2, learned=2, defaulted=2, mirror_failures=1)
    # AND it is left alone for a while
    scene.now = Micros(scene.now + REST - 1)
    await mirror(scene, opened)
    assert await scene.manifest() == manifest
    # AND learning goes on
    report = await scene.train(TO_THE_HOUR + 4 * 3600)
    assert (report.outcome, report.lessons) == (Outcome.COMMITTED, 1)
    # AND once it is there again, it gets all
    await own.make()
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST, SECOND_FILE, THIRD)
    assert (await scene.manifest()).counts.mirror_failures == 1


async def test_another_uri_is_tried_at_once_and_another_container_gets_all(
    scene: Scene, own: OwnContainer, opened: Storage
) -> None:
    # GIVEN a mirror that has a file, and whose URI has expired since
    await scene.train(TO_THE_HOUR + 3600)
    await mirror(scene, opened)
    old = own.sas(expiry=datetime(2023, 11, 14, tzinfo=timezone.utc))
    await scene.configure(log_mirror_enabled=True, log_mirror_sas_uri=old)
    await scene.train(TO_THE_HOUR + 2 * 3600)
    await mirror(scene, opened)
    assert (await scene.manifest()).counts.mirror_failures == 1
    # WHEN the owner puts another one THEN it goes on where it was
    await scene.configure(log_mirror_enabled=True, log_mirror_sas_uri=own.sas("w"))
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST, SECOND_FILE)
    # AND another container begins at the beginning
    other = OwnContainer(own.options, f"{own.name}b")
    await other.make()
    await scene.configure(log_mirror_enabled=True, log_mirror_sas_uri=other.sas())
    await mirror(scene, opened)
    assert await other.files() == await copies(scene, FIRST, SECOND_FILE)


async def test_a_pass_that_takes_long_leaves_the_rest_to_the_next(
    scene: Scene, own: OwnContainer, opened: Storage
) -> None:
    await scene.train(TO_THE_HOUR + 4 * 3600)
    scene.tick = 5 * SECOND
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST, SECOND_FILE)
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST, SECOND_FILE, THIRD)
    progress = (await scene.manifest()).mirror
    assert progress is not None
    assert progress.until % HOUR == 0
    assert (progress.copied, progress.resting) == (THIRD, 0)


@pytest.mark.parametrize("answered", [False, True])
async def test_a_crash_anywhere_leaves_no_file_out(
    scene: Scene, own: OwnContainer, opened: Storage, answered: bool
) -> None:
    await scene.train(TO_THE_HOUR + 4 * 3600)
    expected = await copies(scene, FIRST, SECOND_FILE, THIRD)
    for call in range(1, 20):
        path = CrashAt(call, answered)
        try:
            await mirror_log(through(scene.storage, path), opened.mirrors, "shop", scene.clock)
        except Crash:
            continue
        break
    await mirror(scene, opened)
    assert await own.files() == expected
    progress = (await scene.manifest()).mirror
    assert progress is not None
    assert progress.copied == THIRD


class DiesAtTheLog(Path):
    """The process dies when the lines that are committed are to be shown."""

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        if called(operation) == "commit_blocks":
            raise Crash
        return await operation()


async def test_what_a_run_has_committed_and_not_shown_is_not_left_out(
    scene: Scene, own: OwnContainer, opened: Storage
) -> None:
    scene.now = Micros(START + (TO_THE_HOUR + 4 * 3600) * SECOND)
    with pytest.raises(Crash):
        await train(through(scene.storage, DiesAtTheLog()), scene.clock, scene.limits)
    assert await scene.names("log/") == []
    await mirror(scene, opened)
    assert await own.files() == await copies(scene, FIRST, SECOND_FILE, THIRD)


async def test_storage_that_is_away_raises_nothing(
    scene: Scene, opened: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.train(TO_THE_HOUR + 3600)
    before = await scene.manifest()
    away = through(scene.storage, Away())
    await mirror_log(away, opened.mirrors, "shop", scene.clock)
    assert [r.message for r in caplog.records if r.name == "trainer.mirroring"] == [
        "log_not_mirrored"
    ]
    assert await scene.manifest() == before
