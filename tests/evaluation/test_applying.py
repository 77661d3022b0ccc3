from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import orjson
import pytest

from evaluation.applying import apply_from_evaluation
from evaluation.jobs import Evaluation, Status, evaluations
from loop.errors import (
    BadRequest,
    EvaluationModelNotFound,
    EvaluationNotFound,
    InvalidContract,
    LearningSettingsNotFound,
    OperationConflict,
    PersonalizerError,
)
from loop.events import LoopKind
from loop.learning_settings import with_exploration
from loop.model import Model
from loop.settings import Policy
from management.configuration import put_configuration
from management.logs import delete_logs
from storage.factory import LoopStorage
from tests.evaluation.finished import BUILT, OTHER_ARGUMENTS, asked, finish, finished, model_of
from tests.simulation.faults import Crash, CrashAt, Path, through
from tests.trainer.scene import (
    ARGUMENTS,
    LIMITS,
    Scene,
    after,
    lines_of,
    stream,
    taught,
    views,
)
from trainer.report import Outcome
from trainer.run import train

T = TypeVar("T")

POLICY = Policy(name="Hyper1", arguments=OTHER_ARGUMENTS)
FORMER = Policy(name="p", arguments=ARGUMENTS)
NOW = after(310)


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    """A loop that has learned 60 events, and 60 further ones that wait to be joined."""
    scene = Scene(storage)
    await scene.configure()
    await scene.happen(stream(60))
    await scene.train(200)
    await scene.happen(stream(60, start=210))
    return scene


@pytest.fixture
async def evaluation(scene: Scene) -> Evaluation:
    """What was found in the first 60 events."""
    return await finished(scene, "e1", after(205))


class BeforeWrites(Path):
    """Something else happens before the first write."""

    def __init__(self, first: Callable[[], Awaitable[None]]) -> None:
        self._first: Callable[[], Awaitable[None]] | None = first

    async def call(self, operation: Callable[[], Awaitable[T]], writes: bool) -> T:
        if writes and self._first is not None:
            first, self._first = self._first, None
            await first()
        return await operation()


def reference(evaluation_id: str = "e1", policy_name: str = "Hyper1") -> bytes:
    return orjson.dumps({"evaluationId": evaluation_id, "policyName": policy_name})


async def assert_all_was_learned_once(scene: Scene, first: int, count: int) -> None:
    """The model is one that has learned every event of the log in turn, with the new policy.

    Args:
        first: How many of them the evaluation has taught; the model was kept then.
        count: How many there are.
    """
    events = await scene.logged()
    assert len(events) == count
    with Model(BUILT, taught(BUILT, events[:first])) as model:
        for event in events[first:]:
            lesson = event.lesson
            assert lesson is not None
            model.learn(lines_of(event), lesson.action, lesson.cost, lesson.probability)
        assert await scene.model() == model.save()
    manifest = await scene.manifest()
    assert manifest.retrain is None
    assert manifest.counts.learned == count


async def test_policy_and_model_go_online_together(scene: Scene, evaluation: Evaluation) -> None:
    # WHEN a policy is applied
    before = (await scene.storage.settings.read()).value
    await apply_from_evaluation(scene.storage, reference(), NOW)

    # THEN it is in force, and the model that serves is the one of the evaluation
    settings = (await scene.storage.settings.read()).value
    assert settings.policy == POLICY
    assert settings.training_version == before.training_version + 1
    assert settings.configuration == before.configuration
    model = await model_of(scene.storage, evaluation, "Hyper1")
    published = (await scene.manifest()).model
    assert published is not None
    assert (published.sha256, published.arguments) == (model.sha256, model.arguments)
    assert published.created == NOW
    # AND the history says where it comes from
    newest = (await scene.manifest()).staged[0]
    assert (newest.id, newest.description) == (published.id, "Hyper1 of the evaluation spring")


@pytest.mark.usefixtures("evaluation")
async def test_what_was_joined_since_is_learned_once(scene: Scene) -> None:
    # GIVEN an evaluation after which further events were joined, and others that wait
    await scene.train(400)
    await scene.happen(stream(20, start=410))
    # WHEN a policy of it is applied, and the trainer runs
    await apply_from_evaluation(scene.storage, reference(), after(450))
    report = await scene.train(600)
    # THEN the model of the evaluation has learned the 60 after it from the log, and the 20 others
    assert report.lessons == 80
    await assert_all_was_learned_once(scene, 60, 140)
    # AND goes on from there
    await scene.happen(stream(10, start=700))
    assert (await scene.train(900)).lessons == 10
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, await scene.logged()))
    assert await scene.names("state/") == [(await scene.manifest()).join_state]


async def test_an_evaluation_that_ended_earlier_is_learned_on_from_its_end(scene: Scene) -> None:
    # GIVEN an evaluation of a part of what was joined, which ends in the middle of a bucket
    await finished(scene, "half", after(33.5))
    await scene.train(400)
    await apply_from_evaluation(scene.storage, reference("half"), after(450))
    report = await scene.train(600)
    assert report.lessons == 120 - 34
    await assert_all_was_learned_once(scene, 34, 120)


@pytest.mark.usefixtures("evaluation")
async def test_it_catches_up_in_several_runs_while_it_serves(scene: Scene) -> None:
    # GIVEN much that was joined since, and runs that have little time
    await scene.happen(stream(200, start=300))
    await scene.train(700)
    await apply_from_evaluation(scene.storage, reference(), after(710))
    served = (await scene.manifest()).model
    scene.limits = replace(LIMITS, seconds=8)
    scene.tick = 1_000_000
    # WHEN they run THEN the model of the evaluation serves until it has caught up
    lessons, runs = 0, 0
    while (await scene.manifest()).retrain is not None:
        assert (await scene.manifest()).model == served
        lessons += (await scene.train(800 + 30 * runs)).lessons
        runs += 1
    assert runs > 3
    assert lessons == 260
    events = await scene.logged()
    assert len(events) == 320
    assert views(BUILT, await scene.model()) == views(BUILT, taught(BUILT, events))


@pytest.mark.usefixtures("evaluation")
async def test_a_run_of_the_trainer_under_way_loses_its_commit(scene: Scene) -> None:
    # GIVEN a run that is about to write when a policy is applied
    async def apply() -> None:
        await apply_from_evaluation(scene.storage, reference(), after(350))

    scene.now = after(400)
    slow = through(scene.storage, BeforeWrites(apply))
    report = await train(slow, scene.clock, scene.limits)
    assert report.outcome is Outcome.SUPERSEDED
    # THEN its events are learned by the next one, once
    await scene.train(500)
    await assert_all_was_learned_once(scene, 60, 120)


@pytest.mark.usefixtures("evaluation")
async def test_after_a_crash_anywhere_the_loop_is_sane_and_a_repeat_heals_it(
    scene: Scene,
) -> None:
    crashes = 0
    for answered in (False, True):
        for call in range(1, 40):
            # WHEN the process dies at some call to storage
            crash = CrashAt(call, answered)
            try:
                await apply_from_evaluation(through(scene.storage, crash), reference(), NOW)
            except Crash:
                crashes += 1
            else:
                break
            # THEN the model that serves is one that works, and the trainer can go on
            settings = (await scene.storage.settings.read()).value
            assert settings.policy == POLICY or settings.policy == FORMER
            await scene.train(400 + call)
            assert (await scene.manifest()).retrain is None
            assert (await scene.manifest()).training_version == settings.training_version
            arguments = with_exploration(settings.policy.arguments, 0.2)
            expected = taught(arguments, await scene.logged())
            assert views(arguments, await scene.model()) == views(arguments, expected)
    assert crashes >= 16
    # AND once it is applied without one, all is as it should be
    assert (await scene.storage.settings.read()).value.policy == POLICY
    await scene.train(500)
    await assert_all_was_learned_once(scene, 60, 120)


async def test_a_model_of_other_rewards_or_another_exploration_is_not_used(scene: Scene) -> None:
    # GIVEN an evaluation, and a setting that resets models which is changed after it
    evaluation = await finished(scene, "e1", after(205))
    body = orjson.dumps({"explorationPercentage": 0.3})
    await put_configuration(scene.storage, body, NOW, ())
    # WHEN a policy of it is applied
    await apply_from_evaluation(scene.storage, reference(), after(350))
    # THEN it is in force, and a model is rebuilt with it from the whole log, as the setting says
    assert (await scene.storage.settings.read()).value.policy == POLICY
    await scene.train(500)
    manifest = await scene.manifest()
    built = with_exploration(OTHER_ARGUMENTS, 0.3)
    assert manifest.model is not None and manifest.model.arguments == built
    assert await scene.model() == taught(built, await scene.logged())
    # AND an evaluation that comes after it is applied with its model
    later = evaluation.model_copy(update={"created": after(510), "exploration": 0.3, "id": "e2"})
    read = await evaluations(scene.storage.blobs).create("e2", later)
    await finish(scene, read)
    await apply_from_evaluation(scene.storage, reference("e2"), after(520))
    assert (await scene.manifest()).staged[0].description == "Hyper1 of the evaluation spring"


@pytest.mark.usefixtures("evaluation")
async def test_other_settings_may_have_changed_since(scene: Scene) -> None:
    await put_configuration(scene.storage, b'{"modelExportFrequency": "PT16S"}', NOW, ())
    await apply_from_evaluation(scene.storage, reference(), after(350))
    assert (await scene.manifest()).staged[0].description == "Hyper1 of the evaluation spring"


@pytest.mark.usefixtures("evaluation")
async def test_the_model_stays_when_the_log_is_deleted_before_it_has_caught_up(
    scene: Scene,
) -> None:
    await apply_from_evaluation(scene.storage, reference(), NOW)
    served = (await scene.manifest()).model
    await delete_logs(scene.storage, after(320))
    await scene.train(500)
    assert (await scene.manifest()).model == served
    # AND it is learned on from
    first = taught(BUILT, [])
    await scene.happen(stream(20, start=510))
    await scene.train(700)
    assert len(await scene.logged()) == 20
    assert views(BUILT, await scene.model()) != views(BUILT, first)
    assert (await scene.manifest()).counts.learned == 20


@pytest.mark.usefixtures("evaluation")
async def test_an_owner_who_publishes_himself_gets_what_he_asks_for(scene: Scene) -> None:
    # GIVEN a loop whose models are published by hand
    await put_configuration(scene.storage, b'{"modelAutoPublish": false}', NOW, ())
    # WHEN a policy is applied THEN its model serves at once
    await apply_from_evaluation(scene.storage, reference(), after(350))
    served = (await scene.manifest()).model
    assert served is not None and served.arguments == BUILT
    # AND what it learns then waits for him
    await scene.train(500)
    manifest = await scene.manifest()
    assert manifest.model == served
    assert manifest.trained is not None
    assert [model.id for model in manifest.staged[:2]] == [manifest.trained.id, served.id]


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (b"", InvalidContract, "JSON"),
        (b"[]", InvalidContract, "object"),
        (b"{}", InvalidContract, "evaluationId"),
        (b'{"evaluationId": "e1"}', InvalidContract, "policyName"),
        (b'{"evaluationId": "e1", "policyName": 1}', InvalidContract, "policyName"),
        (reference("e2"), EvaluationNotFound, "'e2'"),
        (reference("../e1"), EvaluationNotFound, "e1"),
        (reference("e1", "Hyper9"), LearningSettingsNotFound, "'Hyper9'"),
        (reference("e1", "online"), BadRequest, "online"),
        (reference("e1", "baseline1"), BadRequest, "baseline1"),
        (reference("e1", "baselineRand"), BadRequest, "baselineRand"),
    ],
)
@pytest.mark.usefixtures("evaluation")
async def test_what_can_not_be_applied_is_refused(
    scene: Scene, body: bytes, error: type[PersonalizerError], says: str
) -> None:
    before = (await scene.storage.settings.read(), await scene.manifest())
    with pytest.raises(error, match=says):
        await apply_from_evaluation(scene.storage, body, NOW)
    assert (await scene.storage.settings.read(), await scene.manifest()) == before


@pytest.mark.parametrize("status", [Status.WAITING, Status.RUNNING, Status.FAILED])
async def test_an_evaluation_without_a_result_is_a_conflict(scene: Scene, status: Status) -> None:
    waiting = asked("e1", NOW).model_copy(update={"status": status})
    await evaluations(scene.storage.blobs).create("e1", waiting)
    with pytest.raises(OperationConflict, match="nothing" if status.is_final else "not done"):
        await apply_from_evaluation(scene.storage, reference(), NOW)


@pytest.mark.parametrize("data", [None, b"", b"no model of VW"])
async def test_a_model_that_does_not_work_is_not_put_online(
    scene: Scene, evaluation: Evaluation, data: bytes | None
) -> None:
    # GIVEN a model that is gone, or was written over
    blob = (await model_of(scene.storage, evaluation, "Hyper1")).blob
    await scene.storage.blobs.delete(blob)
    if data is not None:
        await scene.storage.blobs.write(blob, data)
    before = (await scene.storage.settings.read(), await scene.manifest())
    # WHEN its policy is applied THEN nothing changes
    with pytest.raises(EvaluationModelNotFound, match="Hyper1"):
        await apply_from_evaluation(scene.storage, reference(), NOW)
    assert (await scene.storage.settings.read(), await scene.manifest()) == before


async def test_an_evaluation_of_the_other_kind_is_a_conflict(scene: Scene) -> None:
    other = asked("e1", after(205), LoopKind.MULTI_SLOT)
    await finish(scene, await evaluations(scene.storage.blobs).create("e1", other))
    with pytest.raises(OperationConflict, match="single-slot"):
        await apply_from_evaluation(scene.storage, reference(), NOW)
