from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from loop.configuration import RewardAggregation, ServiceConfiguration
from loop.events import LearningMode, Micros
from loop.joined import JoinedEvent
from loop.learning_settings import with_exploration
from loop.manifest import Manifest
from storage.factory import LoopStorage
from tests.trainer.scene import (
    ARGUMENTS,
    CONFIGURATION,
    LIMITS,
    START,
    Event,
    Scene,
    after,
    decision,
    reward,
    stream,
    taught,
    views,
)
from trainer.rebuilding import DAY
from trainer.report import Outcome

BUILT = with_exploration(ARGUMENTS, 0.2)
SUM = RewardAggregation.SUM


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    made = Scene(storage)
    await made.configure()
    return made


def twice_rewarded(count: int, start: float = 0) -> list[Event]:
    """Events whose first reward says something else than the sum of both."""
    events: list[Event] = []
    for i in range(count):
        at = start + i
        events.append(decision(f"s{at:09.2f}", at, user=f"u{i % 3}", choice=i % 2))
        events += [reward(f"s{at:09.2f}", at + 1, 0.25), reward(f"s{at:09.2f}", at + 9, i % 3 - 1)]
    return events


def again(events: list[JoinedEvent], configuration: ServiceConfiguration) -> list[JoinedEvent]:
    return [event.again(configuration) for event in events]


async def test_another_aggregation_makes_the_model_that_would_have_been_learned_with_it(
    scene: Scene,
) -> None:
    # GIVEN a model of the earliest rewards
    await scene.happen(twice_rewarded(60))
    await scene.train(200)
    before = await scene.model()

    # WHEN the aggregation changes, while further events wait to be joined
    await scene.happen(twice_rewarded(30, start=210))
    await scene.configure(version=1, reward_aggregation=SUM)
    report = await scene.train(400)

    # THEN the model is that of the sums, from scratch, of all events
    events = await scene.logged()
    assert len(events) == 90
    summed = again(events, replace(CONFIGURATION, reward_aggregation=SUM))
    assert await scene.model() == taught(BUILT, summed) != before
    assert report.lessons == 90
    manifest = await scene.manifest()
    assert (manifest.training_version, manifest.retrain) == (1, None)
    assert manifest.counts.learned == 90
    # AND it goes on from there
    await scene.happen(twice_rewarded(10, start=500))
    await scene.train(600)
    events = again(await scene.logged(), replace(CONFIGURATION, reward_aggregation=SUM))
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({"default_reward": 0.5}, ARGUMENTS),
        ({"reward_wait_time": timedelta(seconds=5)}, ARGUMENTS),
        ({"exploration_percentage": 0.4}, ARGUMENTS),
        ({}, "--cb_explore_adf --cb_type ips -l 0.01 -q FT"),
        ({}, None),
    ],
)
async def test_whatever_resets_the_model_rebuilds_it(
    scene: Scene, changes: dict[str, object], arguments: str | None
) -> None:
    await scene.happen(stream(50))
    await scene.train(200)
    settings = await scene.configure(arguments, version=1, **changes)

    await scene.train(201)

    manifest = await scene.manifest()
    assert manifest.model is not None
    events = again(await scene.logged(), settings.configuration)
    assert await scene.model() == taught(manifest.model.arguments, events)
    assert f"epsilon={settings.configuration.exploration_percentage}" in manifest.model.arguments


async def test_a_rebuild_reads_no_further_back_than_it_should(scene: Scene) -> None:
    # GIVEN events three days old, and some of today
    day = 86_400
    await scene.happen(stream(20) + stream(20, start=3 * day))
    await scene.train(3 * day + 200)

    await scene.configure(version=1, model_retrain_days=1)
    await scene.train(3 * day + 300)

    events = await scene.logged()
    assert len(events) == 40
    assert await scene.model() == taught(BUILT, events[20:])


async def test_without_any_days_to_read_the_model_is_gone_until_there_are_new_events(
    scene: Scene,
) -> None:
    await scene.happen(stream(20))
    await scene.train(200)
    await scene.configure(version=1, model_retrain_days=0)
    report = await scene.train(300)
    assert report.outcome is Outcome.COMMITTED
    assert (await scene.manifest()).model is None
    await scene.happen(stream(20, start=310))
    await scene.train(500)
    assert await scene.model() == taught(BUILT, (await scene.logged())[20:])


class TestARebuildThatTakesSeveralRuns:
    @pytest.fixture
    async def ticking(self, scene: Scene) -> Scene:
        """A loop with a log, whose settings have changed, and where every bucket takes time."""
        await scene.happen(stream(200))
        await scene.train(300)
        scene.limits = replace(LIMITS, seconds=8)
        scene.tick = 1_000_000
        await scene.configure(version=1, default_reward=0.5)
        return scene

    async def test_learns_each_event_once_while_others_are_joined(self, ticking: Scene) -> None:
        # GIVEN events that go on while it runs
        before = (await ticking.manifest()).model
        runs = 0
        while (await ticking.manifest()).training_version != 1:
            await ticking.happen(stream(5, every=0.1, start=310 + 30 * runs))
            report = await ticking.train(400 + 30 * runs)
            runs += 1
            # THEN the model before serves until it is through, and joining goes on
            manifest = await ticking.manifest()
            if manifest.training_version != 1:
                assert manifest.model == before
                assert manifest.retrain is not None
                assert report.backlog
        assert runs > 3
        ticking.tick = 0
        ticking.limits = LIMITS
        while (await ticking.train(1000)).backlog:
            pass

        # AND in the end it has learned all of them
        events = await ticking.logged()
        assert len(events) == 200 + 5 * runs
        configuration = replace(CONFIGURATION, default_reward=0.5)
        expected = taught(BUILT, again(events, configuration))
        assert views(BUILT, await ticking.model()) == views(BUILT, expected)
        # AND leaves no blob behind
        assert len(await ticking.names("state/")) == 1

    async def test_begins_anew_when_the_settings_change_meanwhile(self, ticking: Scene) -> None:
        await ticking.train(400)
        retrain = (await ticking.manifest()).retrain
        assert retrain is not None
        assert retrain.candidate is not None
        settings = await ticking.configure(version=2, reward_aggregation=SUM, default_reward=-1.0)

        ticking.tick = 0
        await ticking.train(401)

        manifest = await ticking.manifest()
        assert (manifest.training_version, manifest.retrain) == (2, None)
        events = again(await ticking.logged(), settings.configuration)
        assert await ticking.model() == taught(BUILT, events)

    async def test_begins_anew_when_its_checkpoint_is_gone(self, ticking: Scene) -> None:
        await ticking.train(400)
        retrain = (await ticking.manifest()).retrain
        assert retrain is not None
        assert retrain.candidate is not None
        await ticking.storage.blobs.delete(retrain.candidate.blob)
        ticking.tick = 0
        await ticking.train(500)
        events = again(await ticking.logged(), replace(CONFIGURATION, default_reward=0.5))
        assert await ticking.model() == taught(BUILT, events)


async def test_switching_from_apprentice_to_online_keeps_the_model(scene: Scene) -> None:
    await scene.configure(learning_mode=LearningMode.APPRENTICE)
    apprentice = LearningMode.APPRENTICE
    await scene.happen([decision(f"a{i}", i, choice=i % 3, mode=apprentice) for i in range(30)])
    await scene.train(200)
    before = (await scene.manifest()).model
    await scene.configure(learning_mode=LearningMode.ONLINE)
    await scene.train(300)
    assert (await scene.manifest()).model == before
    assert await scene.model() == taught(BUILT, await scene.logged())


async def test_settings_that_change_before_a_first_event_cost_nothing(scene: Scene) -> None:
    await scene.configure(version=3)
    assert (await scene.train(10)).outcome is Outcome.IDLE
    await scene.happen(stream(20))
    await scene.train(200)
    assert (await scene.manifest()).training_version == 3
    assert await scene.model() == taught(BUILT, await scene.logged())


async def test_settings_that_no_model_can_be_built_with_hold_up_only_learning(
    scene: Scene,
) -> None:
    # GIVEN a policy that this release refuses, though it was accepted once
    await scene.configure("--cb_explore_adf --no_such_option")
    await scene.happen(stream(20))
    report = await scene.train(200)
    assert (report.outcome, report.events) == (Outcome.COMMITTED, 20)
    # THEN runs come as often as ever, and no more often
    while (report := await scene.train(200)).backlog:
        pass
    assert (await scene.train(201)).outcome is Outcome.NOT_DUE
    # AND all is learned once there is another policy
    await scene.configure(version=1)
    await scene.train(202)
    assert await scene.model() == taught(BUILT, await scene.logged())


async def change(scene: Scene, changed: Manifest) -> None:
    read = await scene.storage.manifest.read()
    await scene.storage.manifest.replace(changed, read)


async def test_a_reset_model_begins_anew_without_a_rebuild(scene: Scene) -> None:
    # GIVEN a model, and settings that ask for a rebuild
    await scene.happen(stream(30))
    await scene.train(200)
    await scene.configure(version=1, default_reward=0.5)

    # WHEN the owner resets the model
    await change(scene, (await scene.manifest()).without_model(1))
    await scene.train(300)
    assert (await scene.manifest()).model is None

    # THEN the next one knows only what came after
    await scene.happen(stream(30, start=310))
    await scene.train(500)
    assert await scene.model() == taught(BUILT, (await scene.logged())[30:])


async def test_after_its_log_is_deleted_a_loop_goes_on_with_its_model(scene: Scene) -> None:
    # GIVEN a loop with a log, and events that wait
    await scene.happen(stream(30))
    await scene.train(200)
    before = await scene.manifest()
    first = await scene.logged()
    await scene.happen(stream(30, start=210))

    # WHEN the owner deletes the log
    await change(scene, before.without_log(after(240)))
    for name in await scene.names("log/"):
        await scene.storage.blobs.delete(name)
    await scene.storage.log.drop_all()
    await scene.happen(stream(30, start=300))
    await scene.train(500)

    # THEN what is there is only what came after, and the model knows both
    events = await scene.logged()
    assert [e.decision.time for e in events] == [after(300 + i) for i in range(30)]
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, first + events))
    assert (await scene.manifest()).counts.decisions == 30


class TestRetention:
    async def old_and_new(self, scene: Scene) -> None:
        """Three days of events, all joined."""
        for day in range(3):
            start = day * 86_400
            await scene.happen([*stream(3, start=start), reward("nobody", start)])
            await scene.train(start + 1000)

    async def test_removes_what_is_older_than_it_should_be(self, scene: Scene) -> None:
        await scene.configure(log_retention_days=2)
        await self.old_and_new(scene)
        assert len(await scene.names("log/")) == len(await scene.names("late/")) == 3

        # WHEN the first day is two days old and more
        await scene.train(3 * 86_400)
        log, late = await scene.names("log/"), await scene.names("late/")

        # THEN its tables and its files are gone, and only those
        assert [name[:14] for name in log] == ["log/2023/11/15", "log/2023/11/16"]
        assert [name[:15] for name in late] == ["late/2023/11/15", "late/2023/11/16"]
        assert await scene.storage.log.earliest() == (START // DAY + 1) * DAY

    async def test_is_for_ever_if_so_asked(self, scene: Scene) -> None:
        await scene.configure(log_retention_days=-1)
        await self.old_and_new(scene)
        await scene.train(400 * 86_400)
        assert len(await scene.names("log/")) == 3
        assert await scene.storage.log.earliest() == START // DAY * DAY

    async def test_never_removes_what_is_not_joined_yet(self, scene: Scene) -> None:
        # GIVEN a trainer that has stood still for longer than the log is kept
        await scene.configure(log_retention_days=2)
        await scene.happen(stream(100))
        scene.limits = replace(LIMITS, seconds=2)
        scene.tick = 1_000_000
        await scene.train(10 * 86_400)
        while (await scene.train(0)).backlog:
            pass
        # THEN everything is joined before it goes
        assert (await scene.manifest()).counts.learned == 100
        assert (await scene.manifest()).counts.joined == (await scene.manifest()).counts.rewards

    async def test_is_looked_after_once_an_hour(self, scene: Scene) -> None:
        await scene.happen(stream(3))
        await scene.train(100)
        first = (await scene.manifest()).swept
        await scene.train(3600)
        assert (await scene.manifest()).swept == first == after(100)
        await scene.train(7200)
        assert (await scene.manifest()).swept == after(7200)

    async def test_removes_what_dead_runs_have_left_behind_after_a_day(self, scene: Scene) -> None:
        # GIVEN blobs that no manifest names, written now, by the clock of the storage
        await scene.happen(stream(3))
        await scene.train(100)
        for name in ("models/dead.vw", "state/dead", "models/broken/seen.vw"):
            await scene.storage.blobs.write(name, b"x")
        kept = await scene.names("models/") + await scene.names("state/")
        entries = [entry async for entry in scene.storage.blobs.list("state/")]
        written = Micros(int(entries[0].modified.timestamp()) * 1_000_000)

        async def sweep_at(time: int) -> list[str]:
            scene.now = Micros(time)
            await scene.happen([replace(decision("x", 0), time=Micros(time - 400_000_000))])
            await scene.train(0)
            return await scene.names("models/") + await scene.names("state/")

        await scene.configure(log_retention_days=-1)
        names = await sweep_at(written + DAY - 3_600_000_000)
        assert {"models/dead.vw", "state/dead"} <= set(names) & set(kept)
        names = await sweep_at(written + DAY + 3_600_000_000)
        assert not {"models/dead.vw", "state/dead"} & set(names)
        assert "models/broken/seen.vw" in names
