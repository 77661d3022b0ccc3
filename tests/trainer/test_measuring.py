"""What an operator is told of training: of what was committed, and of nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loop.errors import StorageUnavailable
from loop.events import (
    SECOND,
    Decision,
    LearningMode,
    Micros,
    MultiSlotDecision,
    SlotDecision,
)
from loop.manifest import Manifest, PublishedModel
from storage.factory import LoopStorage
from telemetry.subject import about_loop
from tests.measures import Distribution, Measures
from tests.simulation.faults import through
from tests.trainer.scene import CONFIGURATION, LIMITS, START, Scene, after, decision, reward, stream
from tests.trainer.test_commit import BeforeThe, Silence
from trainer.measuring import is_explored, periods_without_model
from trainer.report import Outcome
from trainer.run import train

MINUTE = 60 * SECOND


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    """A loop that waits 60 s for rewards, and makes a model every 15 s."""
    scene = Scene(storage)
    await scene.configure()
    return scene


def explored(event_id: str, seconds: float) -> Decision:
    """One that was given the least probable action."""
    shown = decision(event_id, seconds)
    return Decision(
        shown.event_id, shown.time, shown.features, shown.ranking, (0.1, 0.6, 0.3), "m", shown.mode
    )


async def test_what_a_run_has_committed_is_told_once(
    scene: Scene, measures: Measures, loop_name: str
) -> None:
    # GIVEN six events: three rewarded, one of them against the model's advice, one never shown
    await scene.happen(
        [
            *[decision(f"e{number}", number) for number in range(4)],
            explored("e4", 4),
            decision("e5", 5, deferred=True),
            # AND a repeat of one, a reward that is late, and one of an event that nobody knows
            decision("e0", 30),
            reward("e0", 10, -1.0),
            reward("e1", 10, 0.5),
            reward("e4", 10, 1.0),
            reward("e2", 65, 1.0),
            reward("who", 10, 1.0),
        ]
    )
    # WHEN all of them have been waited for
    with about_loop(loop_name):
        report = await scene.train(400)
        told = dict(measures.taken(loop_name))
        # THEN that is told, with the seconds that it took
        assert report.outcome is Outcome.COMMITTED
        assert told.pop("personalizer.learn.time") == Distribution(1, 0.0, 0.0, 0.0)
        assert told == {
            "personalizer.joined": 6,
            "personalizer.defaulted": 3,
            "personalizer.late": 1,
            "personalizer.orphaned": 1,
            "personalizer.duplicates": 1,
            "personalizer.not_activated": 1,
            "personalizer.explored": 1,
            # An event without a reward has the default one; that which was not shown has none.
            "personalizer.reward": Distribution(5, 0.5, -1.0, 1.0),
            "personalizer.model.age": 0.0,
            "personalizer.model.periods": 0.0,
        }
        # AND the next run has nothing to add but how the model stands
        await scene.train(430)
        assert measures.taken(loop_name) == {
            "personalizer.model.age": 30.0,
            "personalizer.model.periods": 0.0,
        }


async def test_a_run_that_fails_tells_nothing_of_its_events(
    scene: Scene, measures: Measures, loop_name: str
) -> None:
    # GIVEN a loop that has learned once, and new events
    await scene.happen(stream(10))
    await scene.train(100)
    await scene.happen(stream(10, start=110))
    scene.now = after(220)
    silent = through(scene.storage, Silence(9, done=False))
    # WHEN its next run can't commit
    with about_loop(loop_name):
        measures.taken(loop_name)
        with pytest.raises(StorageUnavailable):
            await train(silent, scene.clock, scene.limits)
        told = measures.taken(loop_name)
        # THEN nothing is told but that a model is waited for
        assert told.keys() == {"personalizer.model.age", "personalizer.model.periods"}
        # AND the run that can tells it all
        await scene.train(220)
        assert measures.taken(loop_name)["personalizer.joined"] == 10


async def test_of_two_runs_at_once_one_tells(
    scene: Scene, measures: Measures, loop_name: str
) -> None:
    await scene.happen(stream(10))
    scene.now = after(200)

    async def be_faster() -> None:
        assert (await scene.train(200)).outcome is Outcome.COMMITTED

    # WHEN a run is about to commit, and another one does it first
    with about_loop(loop_name):
        slower = through(scene.storage, BeforeThe("replace", be_faster))
        report = await train(slower, scene.clock, scene.limits)
    # THEN each event is told once
    assert report.outcome is Outcome.SUPERSEDED
    told = measures.taken(loop_name)
    assert told["personalizer.joined"] == 10
    assert isinstance(learned := told["personalizer.learn.time"], Distribution)
    assert learned.count == 1


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (LearningMode.ONLINE, True),
        (LearningMode.APPRENTICE, False),
        (LearningMode.LOGGING_ONLY, False),
    ],
)
def test_who_was_given_the_baseline_was_not_explored_with(mode: LearningMode, told: bool) -> None:
    unlikely = Decision("e", START, b"{}", (1, 0), (0.1, 0.9), "m", mode)
    assert is_explored(unlikely) is told


def test_before_a_first_model_nothing_is_less_probable() -> None:
    assert not is_explored(Decision("e", START, b"{}", (2, 0, 1), (1 / 3,) * 3))
    assert not is_explored(Decision("e", START, b"{}", (0,), (1.0,)))


@pytest.mark.parametrize(
    ("top", "side", "told"),
    [((0.9, 0.1), (1.0,), False), ((0.1, 0.9), (1.0,), True), ((0.9, 0.1), (0.4, 0.6), True)],
)
def test_a_page_is_explored_if_one_of_its_slots_is(
    top: tuple[float, ...], side: tuple[float, ...], told: bool
) -> None:
    slots = tuple(
        SlotDecision(name, tuple(range(len(chances))), chances, 0)
        for name, chances in (("top", top), ("side", side))
    )
    assert is_explored(MultiSlotDecision("e", START, b"{}", slots)) is told


# How long a model has been waited for


def published(seconds: float) -> PublishedModel:
    """A model that was published then."""
    return PublishedModel(id="m", blob="b", sha256="0", arguments="", created=after(seconds))


def periods(manifest: Manifest, seconds: float, failed: bool = False) -> float:
    """How many of 15 s a model has been waited for, 60 s of wait and 10 s of grace aside."""
    return periods_without_model(manifest, CONFIGURATION, LIMITS, after(seconds), failed)


def test_a_model_that_nothing_has_happened_since_is_not_waited_for() -> None:
    assert periods(Manifest(), 10_000) == 0
    quiet = Manifest(position=after(100), model=published(200))
    assert periods(quiet, 10_000) == 0


def test_one_is_waited_for_from_the_first_run_that_could_not_publish() -> None:
    learned = Manifest(position=after(100), model=published(50), unpublished=after(200))
    assert periods(learned, 200) == 0
    assert periods(learned, 260) == 4


def test_one_is_waited_for_while_runs_fail() -> None:
    # What was decided at 100 s could be learned at 170 s.
    behind = Manifest(position=after(100), model=published(50))
    assert periods(behind, 170, failed=True) == 0
    assert periods(behind, 215, failed=True) == 3
    assert periods(behind, 150, failed=True) == 0
    assert periods(Manifest(position=after(100)), 215, failed=True) == 3


def test_a_run_that_publishes_on_its_way_is_waited_for_no_more() -> None:
    catching_up = Manifest(position=after(100), model=published(5_000), backlog=True)
    assert periods(catching_up, 5_030) == 2
    assert periods(catching_up, 5_000) == 0


async def test_runs_that_publish_nothing_of_what_they_learn_are_noticed(
    scene: Scene, measures: Measures, loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN models that don't work any more
    monkeypatch.setattr("trainer.lineage.works", lambda *_: False)
    with about_loop(loop_name):
        for run in range(4):
            await scene.happen(stream(5, start=10 + run * 20))
            await scene.train(100 + run * 20)
        # THEN it is told how long that goes on: since the first of them
        assert measures.taken(loop_name)["personalizer.model.periods"] == 4.0
        # WHEN they work again THEN it is over
        monkeypatch.undo()
        await scene.happen(stream(5, start=90))
        await scene.train(180)
        assert measures.taken(loop_name)["personalizer.model.periods"] == 0.0
        assert (await scene.manifest()).unpublished == 0


async def test_an_owner_who_publishes_is_not_waited_for(
    scene: Scene, measures: Measures, loop_name: str
) -> None:
    await scene.configure(model_auto_publish=False)
    with about_loop(loop_name):
        for run in range(3):
            await scene.happen(stream(5, start=10 + run * 20))
            await scene.train(100 + run * 20)
        told = measures.taken(loop_name)
    assert told["personalizer.joined"] == 15
    assert told["personalizer.model.periods"] == 0.0
    assert "personalizer.model.age" not in told


def test_longer_periods_are_fewer() -> None:
    learned = Manifest(unpublished=Micros(START))
    rarely = timedelta(minutes=1)
    configuration = type(CONFIGURATION)(model_export_frequency=rarely)
    assert periods_without_model(learned, configuration, LIMITS, after(90), False) == 1.5
