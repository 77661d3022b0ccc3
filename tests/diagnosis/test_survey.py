"""When the survey is made anew, and what it remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnosis.survey import (
    RECENT_EVENTS,
    ProfilingFailed,
    Survey,
    refresh,
    standing_of,
    survey_document,
)
from loop.events import SECOND, LearningMode, Micros
from loop.manifest import Counts
from loop.metrics import Period, Sums
from loop.segments import HOUR
from management.logs import delete_logs
from storage.factory import LoopStorage
from tests.diagnosis.made import PROFILE
from tests.diagnosis.played import in_this_process
from tests.trainer.scene import Scene, after, stream


async def survey(storage: LoopStorage) -> Survey:
    return (await survey_document(storage.blobs).read()).value


async def with_events(storage: LoopStorage, count: int) -> Scene:
    """A loop that has joined so many events."""
    scene = Scene(storage)
    await scene.configure()
    await scene.happen(stream(count, every=0.1))
    await scene.train(count * 0.1 + 100)
    return scene


async def more(scene: Scene, count: int, seconds: float) -> None:
    """Join so many more events, from then on."""
    await scene.happen(stream(count, every=0.1, start=seconds))
    await scene.train(seconds + count * 0.1 + 100)


async def failing(module: str, folder: Path, seconds: float) -> None:
    raise ProfilingFailed("its process was ended by SIGKILL")


async def test_it_is_made_with_the_first_events_and_not_before(storage: LoopStorage) -> None:
    # GIVEN a loop without events
    scene = Scene(storage)
    assert not await refresh(storage, scene.now, in_this_process)
    # WHEN some are joined
    await with_events(storage, 50)
    # THEN it is made
    assert await refresh(storage, after(200), in_this_process)
    found = await survey(storage)
    assert found.profile is not None
    assert found.profile.events == 50
    assert found.standing is not None
    assert (found.standing.mode, found.standing.events) == (LearningMode.ONLINE, 50)
    assert found.generated == after(200)
    # AND not again
    assert not await refresh(storage, after(9000), in_this_process)


@pytest.mark.parametrize(
    ("count", "later", "due"),
    [(9, 60, False), (10, 60, True), (1, 3600, True)],
)
async def test_it_is_made_anew_with_a_fifth_more_events_or_after_an_hour(
    storage: LoopStorage, count: int, later: float, due: bool
) -> None:
    scene = await with_events(storage, 50)
    await refresh(storage, scene.now, in_this_process)
    made = scene.now
    await more(scene, count, 200)
    now = Micros(made + round(later * SECOND))
    assert await refresh(storage, now, in_this_process) is due


async def test_a_profile_that_can_t_be_made_leaves_the_former_one(storage: LoopStorage) -> None:
    # GIVEN a survey, and half as many events more
    scene = await with_events(storage, 50)
    await refresh(storage, scene.now, in_this_process)
    before = await survey(storage)
    await more(scene, 25, 200)
    # WHEN the process that is to read them is killed
    assert await refresh(storage, scene.now, failing)
    # THEN counts are fresh, the profile is the one before, and it is not tried at every tick
    found = await survey(storage)
    assert found.profile == before.profile
    assert found.counts.decisions == 75
    assert not await refresh(storage, scene.now, failing)


async def test_with_the_log_goes_what_is_known_of_it(storage: LoopStorage) -> None:
    scene = await with_events(storage, 50)
    await refresh(storage, scene.now, in_this_process)
    # WHEN the owner deletes the log
    await delete_logs(storage, scene.now)
    # THEN nothing of it stays
    assert await refresh(storage, scene.now, in_this_process)
    found = await survey(storage)
    assert (found.profile, found.standing) == (None, None)
    assert [each.counts.decisions for each in found.checkpoints] == [0]
    assert not await refresh(storage, scene.now, in_this_process)


async def test_counts_of_a_day_ago_are_remembered(storage: LoopStorage) -> None:
    # GIVEN surveys of two days, every three hours, of twelve more events each
    for number in range(16):
        read = await storage.manifest.read()
        counts = Counts(decisions=12 * (number + 1))
        await storage.manifest.replace(read.value.model_copy(update={"counts": counts}), read)
        now = after(number * 3 * 3600)
        assert await refresh(storage, now, in_this_process)
    found = await survey(storage)
    # THEN there is one of a day ago or longer, and those since
    ages = [(now - each.time) // HOUR for each in found.checkpoints]
    assert ages == [24, 21, 18, 15, 12, 9, 6, 3, 0]
    before = found.counts_before(now)
    assert before is not None
    assert before.counts.decisions == 12 * 8
    assert found.counts_before(Micros(now - HOUR)) is None


async def test_of_large_events_fewer_are_looked_at(storage: LoopStorage) -> None:
    # GIVEN a loop whose events were a megabyte each at the last survey
    await with_events(storage, 50)
    document = survey_document(storage.blobs)
    profile = PROFILE.model_copy(update={"bytes": 1_000_000.0})
    await document.replace(Survey(profile=profile), await document.read())
    # WHEN it is surveyed again
    assert await refresh(storage, after(200), in_this_process)
    # THEN no more of them than 24 are looked at, in whose place it knows how small they are now
    found = (await survey(storage)).profile
    assert found is not None
    assert found.events == 24
    assert found.bytes < 1000


def test_the_recent_part_of_a_period_is_its_last_thousand_events_or_more() -> None:
    period = Period(LearningMode.APPRENTICE, Micros(0))
    for hour in range(5):
        for _ in range(400):
            period.add(Micros(hour * HOUR), Sums(1, 0.5, int(hour > 2), 0.0))
    found = standing_of(period)
    assert (found.events, found.matched, found.reward) == (2000, 800, 0.5)
    assert found.recent_events == 1200 >= RECENT_EVENTS
    assert found.recent_matched == 800
