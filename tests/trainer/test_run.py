from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from loop.configuration import RewardAggregation
from loop.events import SECOND, Activation, Dropped, LearningMode
from loop.learning_settings import with_exploration
from loop.manifest import Counts
from loop.metrics import LearningMetrics
from loop.model import Model
from loop.segments import LATE_LOG
from storage.factory import LoopStorage
from storage.joined_log import lines
from tests.trainer.scene import (
    ARGUMENTS,
    LIMITS,
    START,
    Scene,
    after,
    decision,
    reward,
    stream,
    taught,
    views,
)
from trainer.report import Outcome

BUILT = with_exploration(ARGUMENTS, 0.2)


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    made = Scene(storage)
    await made.configure()
    return made


async def test_events_are_learned_logged_and_published(scene: Scene) -> None:
    # GIVEN a hundred decisions and what came of them
    await scene.happen(stream(100))

    # WHEN the wait of all is over
    report = await scene.train(100 + 60 + 10 + 10)

    # THEN they are logged, in order, with their rewards
    events = await scene.logged()
    assert report.outcome is Outcome.COMMITTED
    assert [e.decision.event_id for e in events] == [f"e{i:09.2f}" for i in range(100)]
    assert [e.reward for e in events[:3]] == [1.0, 1.0, 1.0]
    assert {e.reward for e in events} == {0.0, 1.0}
    # AND the model that is published has learned them, in that order
    manifest = await scene.manifest()
    assert manifest.model is not None
    assert manifest.model.id == report.published
    assert manifest.model.arguments == BUILT
    assert await scene.model() == taught(BUILT, events)
    assert (manifest.counts.decisions, manifest.counts.learned) == (100, 100)


async def test_the_model_goes_on_where_it_was(scene: Scene) -> None:
    await scene.happen(stream(60))
    await scene.train(100)
    first = await scene.manifest()
    await scene.train(200)
    await scene.happen(stream(60, start=300))
    await scene.train(500)

    manifest, events = await scene.manifest(), await scene.logged()
    assert len(events) == 120
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))
    assert manifest.first_model_created == first.first_model_created
    assert manifest.counts.learned == 120


async def test_only_the_last_models_and_the_present_state_are_kept(scene: Scene) -> None:
    await scene.configure(staged_model_history_length=3)
    published = []
    for start in (0, 100, 200, 300, 400):
        await scene.happen(stream(10, start=start))
        report = await scene.train(start + 100)
        published.append(f"models/{report.run_id}.vw")
    assert await scene.names("models/") == published[-3:]
    assert await scene.names("state/") == [(await scene.manifest()).join_state]


class TestWhenARunIsDue:
    async def test_nothing_was_ever_logged(self, scene: Scene) -> None:
        report = await scene.train(1000)
        assert report.outcome is Outcome.IDLE
        assert await scene.names("") == ["settings.json"]

    async def test_not_before_the_export_frequency_is_over(self, scene: Scene) -> None:
        await scene.happen(stream(10))
        await scene.train(100)
        assert (await scene.train(114.9)).outcome is Outcome.NOT_DUE
        assert (await scene.train(115)).outcome is Outcome.IDLE

    async def test_an_empty_stretch_is_written_down_after_minutes_only(self, scene: Scene) -> None:
        await scene.happen(stream(10))
        await scene.train(100)
        before = await scene.manifest()
        assert [(await scene.train(t)).outcome for t in (200, 300, 390)] == [Outcome.IDLE] * 3
        assert await scene.manifest() == before
        assert (await scene.train(400)).outcome is Outcome.COMMITTED
        after_quiet = await scene.manifest()
        assert after_quiet.position == before.position + 300 * SECOND
        assert after_quiet.model == before.model


async def test_an_event_is_learned_as_soon_as_its_wait_and_the_grace_are_over(
    scene: Scene,
) -> None:
    # GIVEN a decision in the bucket from 0 to 10 s, a wait of 60 s and a grace of 10 s
    await scene.happen([decision("e", 3)])
    assert (await scene.train(79.9)).events == 0
    assert (await scene.train(95)).events == 1


async def test_rows_that_become_visible_inside_the_grace_are_not_missed(scene: Scene) -> None:
    # GIVEN runs that come as often as can be, and write down whatever they have read
    await scene.configure(model_export_frequency=timedelta(seconds=1))
    scene.limits = replace(LIMITS, quiet_seconds=0)
    await scene.happen([decision("e", 0), decision("f", 10)])
    # WHEN each reward shows up just inside the grace after it arrived
    await scene.train(69.8)
    await scene.happen([reward("e", 59.9, 0.5)])
    await scene.train(79.8)
    await scene.happen([reward("f", 69.9, 0.25)])
    for seconds in (80, 85, 90, 95):
        await scene.train(seconds)
    # THEN it counts
    assert [e.reward for e in await scene.logged()] == [0.5, 0.25]


async def test_everything_ends_in_exactly_one_class(scene: Scene) -> None:
    await scene.happen(
        [
            decision("online", 0),
            reward("online", 1, 0.5),
            reward("online", 61),
            decision("online", 70),
            decision("baseline", 1, mode=LearningMode.APPRENTICE, choice=0),
            reward("baseline", 2, 0.25),
            decision("other", 2, mode=LearningMode.APPRENTICE, choice=1),
            reward("other", 3, 0.75),
            decision("watched", 3, mode=LearningMode.LOGGING_ONLY),
            reward("watched", 4, 0.5),
            decision("deferred", 4, deferred=True),
            reward("deferred", 5, 0.5),
            decision("activated", 5, deferred=True),
            Activation("activated", after(6)),
            reward("nobody", 6),
            Activation("nobody", after(6)),
            Dropped(after(7), 3),
        ]
    )
    await scene.train(1000)

    # THEN the counts tell what has become of each row
    assert (await scene.manifest()).counts == Counts(
        decisions=7,
        learned=4,
        logged_only=1,
        not_activated=1,
        duplicates=1,
        defaulted=1,
        dropped=3,
        rewards=7,
        joined=5,
        late=1,
        orphaned=1,
        activations=2,
        activated=1,
        strayed=1,
    )
    # AND the log tells what was learned from, and what was observed
    events = {e.decision.event_id: e for e in await scene.logged()}
    assert {name: e.lesson and -e.lesson.cost for name, e in events.items()} == {
        "online": 0.5,
        "baseline": 1.0,
        "other": 0.0,
        "watched": None,
        "deferred": None,
        "activated": 0.0,
    }
    assert [events[name].reward for name in ("baseline", "other", "watched")] == [0.25, 0.75, 0.5]
    # AND what could not be joined is kept beside it
    [late] = await scene.names(f"{LATE_LOG.folder}/")
    kept = [orjson.loads(line) async for line in lines(scene.storage.blobs.stream(late))]
    assert {(row["EventId"], row.get("v"), row["late"]) for row in kept} == {
        ("nobody", None, False),
        ("nobody", 1.0, False),
        ("online", 1.0, True),
    }
    assert len(kept) == 3


@pytest.mark.parametrize(
    "features",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"_multi":7}',
        b'{"_multi":[7]}',
        b'{"FromUrl":[],"_multi":[]}',
        b'{"FromUrl":[{"x":["a"]}],"_multi":[{"j":[]}]}',
        b'{"FromUrl":[{"x":1e300}],"_multi":[{"j":[]}]}',
    ],
)
async def test_an_event_that_can_not_be_learned_stops_nothing(
    scene: Scene, features: bytes
) -> None:
    # GIVEN an event that no rank call could have made, between two others
    poison = replace(decision("poison", 1), features=features)
    await scene.happen([decision("before", 0), poison, decision("after", 2)])
    await scene.train(100)

    # THEN the others are learned, and it is logged, withheld
    events = await scene.logged()
    assert [(e.decision.event_id, e.withheld) for e in events] == [
        ("before", False),
        ("poison", True),
        ("after", False),
    ]
    counts = (await scene.manifest()).counts
    assert (counts.learned, counts.unlearnable) == (2, 1)
    assert await scene.model() == taught(BUILT, events)


async def test_features_over_several_lines_become_one_line(scene: Scene) -> None:
    made = decision("e", 0)
    spread = orjson.dumps(orjson.loads(made.features), option=orjson.OPT_INDENT_2)
    await scene.happen([replace(made, features=spread)])
    await scene.train(100)
    assert [e.decision for e in await scene.logged()] == [made]


async def test_a_reward_beyond_what_a_model_takes_is_kept_and_not_learned(scene: Scene) -> None:
    await scene.happen([decision("e", 0), reward("e", 1, 1e300), decision("f", 1)])
    await scene.train(100)
    events = await scene.logged()
    assert [(e.reward, e.withheld) for e in events] == [(1e300, True), (0.0, False)]


async def test_a_broken_model_is_set_aside_and_the_one_before_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a published model
    await scene.happen([decision("e", 0), reward("e", 1)])
    await scene.train(100)
    before = await scene.manifest()

    # WHEN the next one comes out of saving as something that VW can't load
    await scene.happen(stream(50, start=100))
    with monkeypatch.context() as patch:
        patch.setattr(Model, "save", lambda model: b"a disk that is full")
        report = await scene.train(300)

    # THEN it is kept aside, and the one before goes on serving
    manifest = await scene.manifest()
    assert report.published is None
    assert manifest.model == before.model
    assert await scene.names("models/broken/") == [f"models/broken/{report.run_id}.vw"]
    # AND what it had learned is logged, and counted as not learned
    assert len(await scene.logged()) == 51
    assert manifest.counts.broken_models == 1
    assert (manifest.counts.learned, manifest.counts.unlearnable) == (1, 50)

    # AND the next run learns on from there
    await scene.happen([decision("f", 400), reward("f", 401)])
    assert (await scene.train(500)).published is not None
    assert (await scene.manifest()).counts.learned == 2
    events = await scene.logged()
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, [events[0], events[-1]]))


async def test_the_time_limit_stops_a_run_at_a_bucket_and_the_next_one_goes_on(
    scene: Scene,
) -> None:
    # GIVEN a backlog, and a clock by which every bucket takes a second
    await scene.happen(stream(100))
    scene.limits = replace(LIMITS, seconds=4)
    scene.now, scene.tick = after(1000), SECOND

    # WHEN runs follow each other
    reports = [await scene.train(0)]
    while reports[-1].backlog:
        reports.append(await scene.train(0))

    # THEN each has done a part, and together they have done all of it once, in order
    assert len(reports) > 3
    assert [r.outcome for r in reports] == [Outcome.COMMITTED] * len(reports)
    assert sum(r.events for r in reports) == 100
    events = await scene.logged()
    assert [e.decision.event_id for e in events] == [f"e{i:09.2f}" for i in range(100)]
    assert {e.reward for e in events} == {0.0, 1.0}
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))
    counts = (await scene.manifest()).counts
    assert counts.joined == counts.rewards


class TestTheJoinedLog:
    async def test_lies_in_files_of_an_hour(self, scene: Scene) -> None:
        hour = 3600 - (START // SECOND) % 3600
        await scene.happen([decision("e", hour - 1), decision("f", hour), decision("g", hour + 1)])
        await scene.train(hour + 200)
        assert await scene.names("log/") == [
            "log/2023/11/14/22-000.dsjson.zst",
            "log/2023/11/14/23-000.dsjson.zst",
        ]
        assert [e.decision.event_id for e in await scene.logged()] == ["e", "f", "g"]

    async def test_goes_on_in_another_file_where_one_is_full(self, scene: Scene) -> None:
        scene.limits = replace(LIMITS, block_bytes=2_000, segment_bytes=1_000)
        for start in (0, 100, 200):
            await scene.happen(stream(20, start=start))
            await scene.train(start + 100)
        names = await scene.names("log/")
        assert len(names) > 3
        assert names == [f"log/2023/11/14/22-{i:03d}.dsjson.zst" for i in range(len(names))]
        assert len(await scene.logged()) == 60
        assert len({e.decision.event_id for e in await scene.logged()}) == 60


class TestSomethingIsGone:
    async def test_a_model_that_is_gone_is_rebuilt_from_the_log(self, scene: Scene) -> None:
        await scene.happen(stream(30))
        await scene.train(200)
        before = await scene.model()
        published = (await scene.manifest()).model
        assert published is not None
        await scene.storage.blobs.delete(published.blob)

        await scene.happen(stream(30, start=300))
        report = await scene.train(500)
        assert report.backlog
        await scene.train(500)

        events = await scene.logged()
        assert len(events) == 60
        assert await scene.model() == taught(BUILT, events) != before
        assert (await scene.manifest()).retrain is None

    async def test_a_join_state_that_is_gone_holds_up_nothing(self, scene: Scene) -> None:
        await scene.happen(stream(30))
        await scene.train(100)
        state = (await scene.manifest()).join_state
        assert state is not None
        await scene.storage.blobs.delete(state)
        await scene.train(200)
        assert len(await scene.logged()) == 30


async def test_metrics_are_those_of_the_events_that_are_logged(scene: Scene) -> None:
    # GIVEN runs of which one has nothing to join
    for start in (0, 100):
        await scene.happen(stream(30, start=start))
        await scene.train(start + 99)
    await scene.train(1000)
    # THEN what they have kept is what the log holds
    metrics = LearningMetrics()
    for event in await scene.logged():
        metrics.add(event)
    assert await scene.metrics() == metrics
    assert metrics.periods[0].events == 60
    # AND nothing else is left of them
    assert await scene.names("metrics/") == [(await scene.manifest()).metrics]


async def test_settings_of_the_wait_are_those_of_the_time_of_joining(scene: Scene) -> None:
    await scene.configure(
        default_reward=-0.5, reward_aggregation=RewardAggregation.SUM, exploration_percentage=0.3
    )
    await scene.happen([decision("e", 0), reward("e", 1), reward("e", 2), decision("f", 0)])
    await scene.train(100)
    assert sorted(e.reward for e in await scene.logged()) == [-0.5, 2.0]
    model = (await scene.manifest()).model
    assert model is not None
    assert model.arguments == with_exploration(ARGUMENTS, 0.3)
