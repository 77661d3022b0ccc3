from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

import orjson
import pytest

from evaluation.jobs import Evaluation, Origin, Status, evaluations
from evaluation.optimizing import (
    DAY,
    ENOUGH_BYTES,
    FIRST_EVENTS,
    KEPT_RUNS,
    WINDOW,
    Optimization,
    Stage,
    optimization_document,
    optimize,
)
from loop.events import LearningMode, Micros
from loop.iso import instant_of
from loop.learning_settings import DEFAULT_MULTI_SLOT_ARGUMENTS
from loop.metrics import LearningMetrics, Period, Sums
from loop.segments import JOINED_LOG
from loop.settings import Policy
from management.configuration import put_configuration
from management.logs import delete_logs
from management.model import reset_model
from management.policy import put_policy
from storage.factory import LoopStorage, Storage
from tests.evaluation.finished import (
    BETTER,
    BUILT,
    NO_BETTER,
    OTHER_ARGUMENTS,
    Earned,
    asked,
    finish,
    model_of,
)
from tests.simulation.faults import Crash, CrashAt, Path, through
from tests.trainer.scene import START, Scene, after, stream, taught, views

T = TypeVar("T")

PERIOD = 28 * DAY
POLICY = Policy(name="Hyper1", arguments=OTHER_ARGUMENTS)


async def count(
    storage: LoopStorage, events: int, mode: LearningMode = LearningMode.ONLINE
) -> None:
    """Let the trainer have joined so many events in all."""
    period = Period(mode, after(0))
    period.add(after(0), Sums(events))
    await storage.blobs.write(f"metrics/{events}", LearningMetrics([period]).encode())
    read = await storage.manifest.read()
    counts = read.value.counts
    counts.learned = events
    changed = read.value.model_copy(update={"metrics": f"metrics/{events}", "counts": counts})
    await storage.manifest.replace(changed, read)


async def runs(storage: LoopStorage) -> list[Evaluation]:
    """All that there are, the oldest first."""
    found = [e async for e in evaluations(storage.blobs).read_all() if e.origin is Origin.AUTO]
    return sorted(found, key=lambda run: run.created)


async def state(storage: LoopStorage) -> Optimization:
    return (await optimization_document(storage.blobs).read()).value


async def end(scene: Scene, earned: tuple[Earned, ...] = NO_BETTER) -> Evaluation:
    """Let the evaluation of the last run come to its end."""
    run = (await state(scene.storage)).run
    assert run is not None
    read = await evaluations(scene.storage.blobs).read(run.evaluation.id)
    assert read is not None
    return await finish(scene, read, earned)


async def stage(storage: LoopStorage) -> Stage:
    run = (await state(storage)).run
    assert run is not None
    return run.stage


async def put_other_policy(storage: LoopStorage) -> None:
    await put_policy(storage, b'{"name": "own", "arguments": "--cb_explore_adf"}')


async def explore_more(storage: LoopStorage) -> None:
    await put_configuration(storage, b'{"explorationPercentage": 0.3}', after(320), ())


async def switch_off(storage: LoopStorage) -> None:
    await put_configuration(storage, b'{"isAutoOptimizationEnabled": false}', after(320), ())


async def be_an_apprentice(storage: LoopStorage) -> None:
    await put_configuration(storage, b'{"learningMode": "Apprentice"}', after(320), ())


async def forget_the_log(storage: LoopStorage) -> None:
    await delete_logs(storage, after(320))


async def forget_the_model(storage: LoopStorage) -> None:
    await reset_model(storage)


class TestWhenARunIsDue:
    @pytest.fixture
    async def scene(self, storage: LoopStorage) -> Scene:
        """A fresh loop, nothing set."""
        return Scene(storage)

    async def test_a_fresh_loop_waits_for_its_first_events(self, scene: Scene) -> None:
        await optimize(scene.storage, after(0))
        await count(scene.storage, FIRST_EVENTS - 1)
        await optimize(scene.storage, after(1))
        assert await runs(scene.storage) == []
        # WHEN there are enough THEN it looks for something better, once
        await count(scene.storage, FIRST_EVENTS)
        for second in (2, 3):
            await optimize(scene.storage, after(second))
        [run] = await runs(scene.storage)
        assert (run.created, run.end, run.status) == (after(2), after(2), Status.WAITING)
        assert run.optimises
        assert run.name == "Auto-optimization 2023-11-14T22:13:22Z"

    async def test_then_each_time_that_the_log_has_doubled(self, scene: Scene) -> None:
        begun: list[int] = []
        for events in range(0, 20_000, 500):
            await count(scene.storage, events)
            await optimize(scene.storage, after(events))
            if len(await runs(scene.storage)) > len(begun):
                begun.append(events)
                await end(scene)
                await optimize(scene.storage, after(events + 1))
        assert begun == [1_000, 2_000, 4_000, 8_000, 16_000]

    async def test_and_when_the_period_is_over(self, scene: Scene) -> None:
        await self.first_run(scene, after(0))
        last = Micros(after(0) + PERIOD - 1)
        await optimize(scene.storage, last)
        assert len(await runs(scene.storage)) == 1
        await optimize(scene.storage, Micros(last + 1))
        assert len(await runs(scene.storage)) == 2

    async def test_not_before_the_date_to_start_at_and_then_at_its_turns(
        self, scene: Scene
    ) -> None:
        # GIVEN a date to start at, and a period of a day
        start = Micros(after(0) + 5 * DAY)
        body = {
            "autoOptimizationStartDate": instant_of(start).isoformat(),
            "autoOptimizationFrequency": "P1D",
        }
        await put_configuration(scene.storage, orjson.dumps(body), after(0), ())
        await count(scene.storage, 5_000)
        await optimize(scene.storage, Micros(start - 1))
        assert await runs(scene.storage) == []
        # WHEN a run is late THEN the next one is not
        await self.first_run(scene, Micros(start + DAY // 2), 5_000)
        for time, expected in ((start + DAY - 1, 1), (start + DAY, 2)):
            await optimize(scene.storage, Micros(time))
            assert len(await runs(scene.storage)) == expected

    async def test_after_the_log_is_deleted_it_is_young_again(self, scene: Scene) -> None:
        await self.first_run(scene, after(0), 50_000)
        await count(scene.storage, FIRST_EVENTS - 1)
        await optimize(scene.storage, after(10))
        assert len(await runs(scene.storage)) == 1
        await count(scene.storage, FIRST_EVENTS)
        await optimize(scene.storage, after(20))
        assert len(await runs(scene.storage)) == 2

    async def test_events_of_an_apprentice_do_not_count(self, scene: Scene) -> None:
        await count(scene.storage, 5_000, LearningMode.APPRENTICE)
        await optimize(scene.storage, after(0))
        assert await runs(scene.storage) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"isAutoOptimizationEnabled": False},
            {"learningMode": "Apprentice"},
            {"learningMode": "LoggingOnly"},
        ],
    )
    async def test_never_where_it_is_off_or_nothing_could_be_seen(
        self, scene: Scene, change: dict[str, str | bool]
    ) -> None:
        await put_configuration(scene.storage, orjson.dumps(change), after(0), ())
        await count(scene.storage, 5_000)
        await optimize(scene.storage, after(1))
        assert await runs(scene.storage) == []

    async def test_never_for_a_multi_slot_loop(self, scene: Scene) -> None:
        await scene.configure(DEFAULT_MULTI_SLOT_ARGUMENTS)
        await count(scene.storage, 5_000)
        await optimize(scene.storage, after(1))
        assert await runs(scene.storage) == []

    async def test_two_processes_begin_one_run(self, scene: Scene) -> None:
        # GIVEN another process that comes first at some write
        for write in range(1, 6):
            await count(scene.storage, FIRST_EVENTS * 2**write)
            at = after(100 * write)

            async def other(at: Micros = at) -> None:
                await optimize(scene.storage, at)

            ahead = through(scene.storage, BeforeWrite(write, other))
            # WHEN both find that a run is due
            await optimize(ahead, Micros(at + 1))
            # THEN there is one
            await optimize(scene.storage, Micros(at + 2))
            assert len(await runs(scene.storage)) == write
            await end(scene)
            await optimize(scene.storage, Micros(at + 3))

    @staticmethod
    async def first_run(scene: Scene, now: Micros, events: int = FIRST_EVENTS) -> None:
        """A run that changes nothing."""
        await count(scene.storage, events)
        await optimize(scene.storage, now)
        await end(scene)
        await optimize(scene.storage, now)


class BeforeWrite(Path):
    """Something else happens before the n-th write."""

    def __init__(self, n: int, first: Callable[[], Awaitable[None]]) -> None:
        self._left = n
        self._first = first

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        self._left -= writes
        if writes and self._left == 0:
            await self._first()
        return await operation()


class TestWhatARunLooksAt:
    NOW = Micros(START // DAY * DAY + 100 * DAY)

    async def window(self, storage: LoopStorage, sizes: Mapping[int, int]) -> Evaluation:
        """The run that begins at ``NOW`` with so much log, by how many days ago it was logged."""
        await count(storage, FIRST_EVENTS)
        for days, size in sizes.items():
            name = JOINED_LOG.name(Micros(self.NOW - days * DAY), 0)
            await storage.blobs.write(name, bytes(size))
        await optimize(storage, self.NOW)
        [run] = await runs(storage)
        assert run.end == self.NOW
        return run

    async def test_is_two_weeks_where_that_is_enough(self, storage: LoopStorage) -> None:
        run = await self.window(storage, {1: ENOUGH_BYTES // 2, 13: ENOUGH_BYTES // 2, 20: 1})
        assert run.start == self.NOW - WINDOW

    async def test_is_so_many_days_more_as_make_it_enough(self, storage: LoopStorage) -> None:
        half = ENOUGH_BYTES // 2
        run = await self.window(storage, {1: half, 20: 1, 30: half, 31: half, 40: half})
        assert run.start == self.NOW - 30 * DAY

    async def test_is_all_where_there_is_too_little(self, storage: LoopStorage) -> None:
        run = await self.window(storage, {1: 10, 80: 10})
        assert run.start == self.NOW - 80 * DAY

    async def test_does_not_begin_before_the_log_does(self, storage: LoopStorage) -> None:
        run = await self.window(storage, {2: ENOUGH_BYTES})
        assert run.start == self.NOW - 2 * DAY


class TestWhatARunComesTo:
    @pytest.fixture
    async def scene(self, storage: LoopStorage) -> Scene:
        """A loop that has learned 60 events, with a run under way, and others that wait."""
        scene = Scene(storage)
        await scene.configure()
        await scene.happen(stream(60))
        await scene.train(200)
        await count(storage, FIRST_EVENTS)
        await optimize(storage, after(300))
        await scene.happen(stream(60, start=310))
        return scene

    async def test_a_better_policy_goes_online_with_its_model(self, scene: Scene) -> None:
        # GIVEN a policy that is clearly better
        evaluation = await end(scene, BETTER)
        # WHEN the loop looks at it, often
        for second in (320, 321):
            await optimize(scene.storage, after(second))
        # THEN it is in force, and its model serves
        settings = (await scene.storage.settings.read()).value
        assert (settings.policy, settings.training_version) == (POLICY, 1)
        model = await model_of(scene.storage, evaluation, "Hyper1")
        published = (await scene.manifest()).model
        assert published is not None and published.sha256 == model.sha256
        # AND the run says so, with the figures
        [run] = await runs(scene.storage)
        assert run.status is Status.OPTIMAL_POLICY_APPLIED
        assert "0.7" in run.description and "0.4" in run.description
        assert run.description.endswith("It was put online in the place of p.")
        # AND the trainer goes on from there
        await scene.train(500)
        events = await scene.logged()
        assert len(events) == 120
        assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))

    async def test_one_that_is_no_better_does_not(self, scene: Scene) -> None:
        await end(scene, NO_BETTER)
        before = (await scene.storage.settings.read(), await scene.manifest())
        await optimize(scene.storage, after(320))
        [run] = await runs(scene.storage)
        assert run.status is Status.ONLINE_POLICY_RETAINED
        assert "0.4" in run.description
        assert (await scene.storage.settings.read(), await scene.manifest()) == before

    async def test_an_evaluation_that_fails_changes_nothing(self, scene: Scene) -> None:
        [waiting] = await runs(scene.storage)
        collection = evaluations(scene.storage.blobs)
        read = await collection.read(waiting.id)
        assert read is not None
        failed = waiting.model_copy(update={"status": Status.FAILED, "description": "No."})
        await collection.replace(waiting.id, failed, read)
        await optimize(scene.storage, after(320))
        assert await runs(scene.storage) == [failed]
        assert await stage(scene.storage) is Stage.OVER

    async def test_one_that_the_owner_deletes_is_over(self, scene: Scene) -> None:
        [run] = await runs(scene.storage)
        await evaluations(scene.storage.blobs).delete(run.id)
        for second in (320, 321):
            await optimize(scene.storage, after(second))
        assert await runs(scene.storage) == []
        assert await stage(scene.storage) is Stage.OVER

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (put_other_policy, "the policy was changed"),
            (explore_more, "the policy was changed"),
            (switch_off, "isAutoOptimizationEnabled is false"),
            (be_an_apprentice, "learningMode is Apprentice"),
            (forget_the_log, "the log deleted"),
            (forget_the_model, "a model was reset"),
        ],
    )
    async def test_what_the_owner_has_changed_meanwhile_stands(
        self, scene: Scene, change: Callable[[LoopStorage], Awaitable[None]], says: str
    ) -> None:
        await end(scene, BETTER)
        await change(scene.storage)
        before = (await scene.storage.settings.read(), await scene.manifest())
        await optimize(scene.storage, after(330))
        [run] = await runs(scene.storage)
        assert run.status is Status.ONLINE_POLICY_RETAINED
        assert "It was not put online" in run.description and says in run.description
        assert (await scene.storage.settings.read(), await scene.manifest()) == before

    async def test_a_model_that_does_not_work_is_not_put_online(self, scene: Scene) -> None:
        evaluation = await end(scene, BETTER)
        await scene.storage.blobs.delete((await model_of(scene.storage, evaluation, "Hyper1")).blob)
        before = await scene.storage.settings.read()
        await optimize(scene.storage, after(320))
        [run] = await runs(scene.storage)
        assert run.status is Status.ONLINE_POLICY_RETAINED
        assert "its blob is gone" in run.description
        assert await scene.storage.settings.read() == before

    async def test_an_owner_who_publishes_himself_finds_the_model_in_the_history(
        self, scene: Scene
    ) -> None:
        await put_configuration(scene.storage, b'{"modelAutoPublish": false}', after(310), ())
        served = (await scene.manifest()).model
        await end(scene, BETTER)
        await optimize(scene.storage, after(320))
        manifest = await scene.manifest()
        assert manifest.model == served
        assert manifest.trained is not None
        assert manifest.trained.id == manifest.staged[0].id
        assert manifest.trained.arguments == BUILT

    async def test_24_are_kept_and_those_of_the_owner_with_them(self, scene: Scene) -> None:
        collection = evaluations(scene.storage.blobs)
        for number in range(30):
            manual = asked(f"manual{number}", after(number))
            auto = asked(f"auto{number}", after(number))
            await collection.create(manual.id, manual)
            await collection.create(auto.id, auto.model_copy(update={"origin": Origin.AUTO}))
            await scene.storage.blobs.write(f"{collection.folder(auto.id)}r.json", b"{}")
        await end(scene)
        await optimize(scene.storage, after(320))
        kept = [run.id for run in await runs(scene.storage)]
        assert len(kept) == KEPT_RUNS
        assert kept[:-1] == [f"auto{number}" for number in range(7, 30)]
        assert len([e async for e in collection.read_all()]) == KEPT_RUNS + 30
        assert await scene.names(collection.folder("auto6")) == []
        assert await scene.names(collection.folder("auto7")) != []


class TestACrash:
    """The process dies at some call to storage: before it reaches storage, or before its answer."""

    @pytest.fixture
    def fresh(self, opened: Storage, loop_name: str) -> Iterator[Scene]:
        """Loops, one after the other."""
        return (Scene(opened.loop(f"{loop_name}x{number}")) for number in itertools.count())

    @staticmethod
    async def dies(storage: LoopStorage, call: int, answered: bool) -> bool:
        """Whether it comes to the n-th call."""
        crash = CrashAt(call, answered)
        with suppress(Crash):
            await optimize(through(storage, crash), after(300))
        return crash.reached

    @pytest.mark.parametrize("answered", [False, True])
    async def test_while_a_run_begins(self, fresh: Iterator[Scene], answered: bool) -> None:
        for call, scene in enumerate(fresh, start=1):
            await count(scene.storage, FIRST_EVENTS)
            died = await self.dies(scene.storage, call, answered)
            # WHEN it is started again THEN there is one run, and it will be worked on
            for second in (310, 320):
                await optimize(scene.storage, after(second))
            [run] = await runs(scene.storage)
            agenda = await evaluations(scene.storage.blobs).agenda()
            assert agenda.value.ids == (run.id,)
            assert await stage(scene.storage) is Stage.UNDER_WAY
            if not died:
                break
        assert call > 10

    @pytest.mark.parametrize("answered", [False, pytest.param(True, marks=pytest.mark.acceptance)])
    async def test_while_a_run_is_concluded(self, fresh: Iterator[Scene], answered: bool) -> None:
        for call, scene in enumerate(fresh, start=1):
            await scene.configure()
            await scene.happen(stream(12))
            await scene.train(100)
            await count(scene.storage, FIRST_EVENTS)
            await optimize(scene.storage, after(110))
            evaluation = await end(scene, BETTER)
            died = await self.dies(scene.storage, call, answered)
            # WHEN the trainer runs before it is started again
            await scene.train(310)
            for second in (320, 321):
                await optimize(scene.storage, after(second))
            # THEN what was found is in force, once
            settings = (await scene.storage.settings.read()).value
            assert (settings.policy, settings.training_version) == (POLICY, 1)
            [run] = await runs(scene.storage)
            assert (run.id, run.status) == (evaluation.id, Status.OPTIMAL_POLICY_APPLIED)
            assert run.description.endswith("in the place of p.")
            assert await stage(scene.storage) is Stage.OVER
            # AND learned on from, be it from the evaluation's model or from the log
            await scene.happen(stream(12, start=330))
            while (await scene.train(500)).backlog:
                pass
            manifest = await scene.manifest()
            assert (manifest.training_version, manifest.retrain) == (1, None)
            events = await scene.logged()
            assert len(events) == 24
            assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))
            if not died:
                break
        assert call > 15
