"""Feature importances are worked on to their end, whatever gets in between."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evaluation import examining
from evaluation.examining import describe, examine, important_features
from evaluation.importance import Importance, ScoredFeature, importance
from evaluation.importances import FeatureImportance, feature_importances
from evaluation.jobs import Status
from evaluation.limits import Limits
from evaluation.processes import TaskFailed
from loop.events import Micros
from storage.factory import LoopStorage
from tests.evaluation.measured import CUSTOMERS, customers
from tests.evaluation.past import END, log
from tests.simulation.faults import Crash, CrashAt, through
from tests.trainer.scene import START, after

LIMITS = Limits()
NOW = after(500_000)

Run = Callable[..., Awaitable[None]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Does the work of children in this process, which is faster."""

    async def run_here(
        module: str,
        folder: Path,
        seconds: float,
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        monkeypatch.setattr("sys.argv", [module, str(folder)])
        importlib.import_module(module).main()
        if on_progress is not None:
            on_progress(1.0)

    def patch(run: Run) -> None:
        monkeypatch.setattr("evaluation.importance_task.run_module", run)

    patch(run_here)
    return patch


async def ask(
    storage: LoopStorage,
    importance_id: str = "f1",
    start: Micros = START,
    end: Micros = END,
    arguments: str = CUSTOMERS.policy,
) -> None:
    asked = FeatureImportance(
        id=importance_id,
        name="the features",
        start=start,
        end=end,
        arguments=arguments,
        created=after(0),
    )
    await feature_importances(storage.blobs).create(importance_id, asked)


async def found(storage: LoopStorage, importance_id: str = "f1") -> FeatureImportance:
    version = await feature_importances(storage.blobs).read(importance_id)
    assert version is not None
    return version.value


async def work(storage: LoopStorage, limits: Limits = LIMITS) -> bool:
    return await examine(storage, lambda: NOW, limits)


async def agenda(storage: LoopStorage) -> tuple[str, ...]:
    return (await feature_importances(storage.blobs).agenda()).value.ids


async def test_a_child_does_it(storage: LoopStorage) -> None:
    # GIVEN a log, and two feature importances of it
    events = customers(300)
    await log(storage, events, per_file=500)
    await ask(storage)
    await ask(storage, "f2", end=events[100].decision.time)
    # WHEN they are worked on THEN it is one at a time, the oldest first
    assert await work(storage)
    first, second = await found(storage), await found(storage, "f2")
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.WAITING)
    expected = importance(events, CUSTOMERS.policy)
    assert first.scores == expected.scores
    assert first.description == describe(expected)
    assert (first.progress, first.finished, first.reach) == (1.0, NOW, END)
    assert await work(storage)
    assert (await found(storage, "f2")).status is Status.SUCCEEDED
    # AND then there is nothing to do
    assert not await work(storage)
    assert await agenda(storage) == ()


async def test_only_what_was_joined_when_it_began_counts(
    storage: LoopStorage, here: Callable[[Run], None]
) -> None:
    # GIVEN a log of which the last events are not all joined
    events = customers(300)
    reach = events[200].decision.time
    await log(storage, events, reach, per_file=500)
    await ask(storage)
    # THEN these don't count
    await work(storage)
    assert (await found(storage)).scores == importance(events[:200], CUSTOMERS.policy).scores


async def test_a_crash_anywhere_costs_time_alone(
    storage: LoopStorage, here: Callable[[Run], None]
) -> None:
    # GIVEN a feature importance
    events = customers(100)
    await log(storage, events, per_file=500)
    await ask(storage)
    expected = importance(events, CUSTOMERS.policy).scores
    # WHEN the process crashes at each of its calls to storage in turn, before it or after
    for call in range(1, 100):
        crash = CrashAt(call, answered=call % 2 == 0)
        try:
            await examine(through(storage, crash), lambda: NOW, Limits(attempts=100))
        except Crash:
            continue
        break
    assert 5 < call < 100
    # THEN it comes to its end all the same, with the same scores
    while await work(storage):
        pass
    ended = await found(storage)
    assert (ended.status, ended.scores) == (Status.SUCCEEDED, expected)


async def test_it_says_why_it_has_failed(storage: LoopStorage, here: Callable[[Run], None]) -> None:
    # GIVEN a range with too few events
    events = customers(100)
    await log(storage, events, per_file=500)
    await ask(storage, end=events[10].decision.time)
    # THEN it fails, and says so
    await work(storage)
    failed = await found(storage)
    assert failed.status is Status.FAILED
    assert failed.description == (
        "It could not be measured: the sample holds 10 choices that were made in learning mode"
        " Online and can be learned from, and 30 is the least."
    )
    assert failed.finished == NOW


async def test_a_child_that_crashes_fails_it(
    storage: LoopStorage, here: Callable[[Run], None]
) -> None:
    async def crash(*_: object) -> None:
        raise TaskFailed("its process was ended by SIGSEGV")

    here(crash)
    await log(storage, customers(100))
    await ask(storage)
    await work(storage)
    assert (await found(storage)).description == (
        "It could not be measured: its process was ended by SIGSEGV."
    )


async def test_a_child_that_has_no_end_times_it_out(storage: LoopStorage) -> None:
    await log(storage, customers(100))
    await ask(storage)
    await work(storage, Limits(importance_seconds=0.001, late_seconds=0.0))
    ended = await found(storage)
    assert ended.status is Status.TIMED_OUT
    assert ended.description == "It could not be measured: it was not done within 0 s."


async def test_what_takes_the_service_with_it_is_given_up(
    storage: LoopStorage, here: Callable[[Run], None]
) -> None:
    # GIVEN one whose work takes the process that serves with it
    async def kill(*_: object) -> None:
        raise Crash

    here(kill)
    await log(storage, customers(100))
    await ask(storage)
    for _ in range(3):
        with pytest.raises(Crash):
            await work(storage, Limits(attempts=3))
    # THEN after some attempts it is not begun again
    assert await work(storage, Limits(attempts=3))
    failed = await found(storage)
    assert failed.status is Status.FAILED
    assert "broken off 3 times" in failed.description
    assert not await work(storage)


async def test_one_that_is_deleted_is_called_off(
    storage: LoopStorage, here: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN one that is worked on, and that its owner deletes meanwhile
    monkeypatch.setattr(examining, "TELL_SECONDS", 0.01)
    ended = asyncio.Event()

    async def endless(
        module: str, folder: Path, seconds: float, on_progress: Callable[[float], None]
    ) -> None:
        await feature_importances(storage.blobs).delete("f1")
        on_progress(0.5)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    here(endless)
    await log(storage, customers(100))
    await ask(storage)
    # WHEN it is to be written how far it is
    assert not await work(storage)
    # THEN its child is ended, and nothing of it is left
    assert ended.is_set()
    assert await feature_importances(storage.blobs).read("f1") is None
    assert await work(storage)
    assert not await work(storage)


async def test_it_is_written_how_far_it_is(
    storage: LoopStorage, here: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "TELL_SECONDS", 0.01)
    seen: list[tuple[Status, float]] = []

    async def slow(
        module: str, folder: Path, seconds: float, on_progress: Callable[[float], None]
    ) -> None:
        on_progress(0.5)
        while True:
            now = await found(storage)
            seen.append((now.status, now.progress))
            if now.progress == 0.5:
                raise TaskFailed("that is far enough")

    here(slow)
    await log(storage, customers(100))
    await ask(storage)
    await work(storage)
    assert seen[0] == (Status.RUNNING, 0.0)
    assert seen[-1] == (Status.RUNNING, 0.5)


async def test_an_unreadable_one_stops_nothing(
    storage: LoopStorage, here: Callable[[Run], None]
) -> None:
    await log(storage, customers(100), per_file=500)
    await ask(storage)
    await ask(storage, "f2")
    folder = feature_importances(storage.blobs).folder("f1")
    await storage.blobs.write(f"{folder}document.json", b"{}")
    assert await work(storage)
    assert (await found(storage, "f2")).status is Status.SUCCEEDED


async def test_an_evaluation_has_features_in_groups(
    storage: LoopStorage, here: Callable[[Run], None]
) -> None:
    # GIVEN a log
    events = customers(1_000)
    await log(storage, events, per_file=500)
    # WHEN an evaluation asks for what matters
    groups = await important_features(storage.blobs, START, END, CUSTOMERS.policy, LIMITS)
    # THEN it has all features, the most important first
    assert groups == importance(events, CUSTOMERS.policy).groups()
    assert "FromUrl.segment" in groups[0]
    assert "FromUrl.noise" in groups[-1]
    # AND none where that can't be said
    none = await important_features(storage.blobs, START, START, CUSTOMERS.policy, LIMITS)
    assert none == ()


def test_the_description_says_what_the_scores_are_worth() -> None:
    scores = (ScoredFeature(namespace="F", name="a", score=1.0),)
    found = Importance(scores=scores, loss=0.1234, learned=500, judged=90, features=1)
    assert describe(found) == (
        "Learned from a sample of 500 choices made in learning mode Online; losses were measured on"
        " 90. A score of 1 stands for a loss of 0.12 of reward per choice. What scores below 0.05"
        " is hard to tell from noise."
    )
    # WHEN nothing stands out, and there are more features than were examined
    nothing = found.model_copy(update={"loss": 0.0, "features": 300})
    assert describe(nothing).endswith(
        "No feature makes a difference that can be told from chance. The log has 300 features; the"
        " 200 that are there most often were examined."
    )
