"""Evaluations that are done, written down as a job leaves them."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.jobs import (
    Evaluation,
    JudgedPolicy,
    Origin,
    Result,
    Source,
    Status,
    evaluations,
)
from evaluation.judging import Series
from loop.events import LoopKind, Micros
from loop.learning_settings import with_exploration
from loop.manifest import PublishedModel
from storage.documents import Version
from storage.factory import LoopStorage
from storage.models import keep
from tests.trainer.scene import ARGUMENTS, Scene, after, taught

EVENTS = 2_000
OTHER_ARGUMENTS = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q FT -l 0.5 --power_t 0.25"
BUILT = with_exploration(OTHER_ARGUMENTS, 0.2)


@dataclass(frozen=True, slots=True)
class Earned:
    """What a policy is said to earn: a mean reward of 0 and 1, over ``EVENTS`` events."""

    name: str
    source: Source
    mean: float
    arguments: str = ""

    def judged(self, model: PublishedModel | None) -> JudgedPolicy:
        """It as a result says it."""
        series = Series()
        for number in range(EVENTS):
            series.add("", after(number / 20), 1.0, float(number < self.mean * EVENTS))
        return JudgedPolicy(
            name=self.name,
            arguments=self.arguments,
            source=self.source,
            slots=series.judged(),
            model=model,
        )


BETTER = (
    Earned("online", Source.ONLINE, 0.4),
    Earned("baseline1", Source.BASELINE, 0.3),
    Earned("baselineRand", Source.RANDOM, 0.3),
    Earned("current", Source.CUSTOM, 0.4, ARGUMENTS),
    Earned("Hyper1", Source.FOUND, 0.7, OTHER_ARGUMENTS),
)
"""A found policy is clearly better than what is online."""

NO_BETTER = tuple(
    Earned("Hyper1", Source.FOUND, 0.4, OTHER_ARGUMENTS) if earned.name == "Hyper1" else earned
    for earned in BETTER
)


def asked(evaluation_id: str, reach: Micros, kind: LoopKind = LoopKind.SINGLE_SLOT) -> Evaluation:
    """An evaluation of everything before ``reach``, as it was asked for."""
    return Evaluation(
        id=evaluation_id,
        name="spring",
        origin=Origin.MANUAL,
        start=after(0),
        end=reach,
        optimises=True,
        kind=kind,
        exploration=0.2,
        created=reach,
    )


async def finish(
    scene: Scene, read: Version[Evaluation], earned: tuple[Earned, ...] = BETTER
) -> Evaluation:
    """Do what a job does: the contenders' models have learned the log so far as it reaches."""
    evaluation = read.value
    collection = evaluations(scene.storage.blobs)
    folder = collection.folder(evaluation.id)
    reach = (await scene.manifest()).position
    events = [
        event
        for event in await scene.logged()
        if evaluation.start <= event.decision.time < min(evaluation.end, reach)
    ]
    policies = []
    for one in earned:
        model = None
        if one.arguments:
            built = with_exploration(one.arguments, evaluation.exploration)
            data = taught(built, events)
            name = f"{folder}{one.name}.vw"
            model = await keep(scene.storage.blobs, name, one.name, built, data, scene.now)
        policies.append(one.judged(model))
    result = f"{folder}result.json"
    body = Result(policies=tuple(policies)).model_dump_json().encode()
    await scene.storage.blobs.write(result, body)
    done = evaluation.model_copy(
        update={"status": Status.SUCCEEDED, "reach": reach, "result": result, "progress": 1.0}
    )
    await collection.replace(evaluation.id, done, read)
    return done


async def finished(scene: Scene, evaluation_id: str, end: Micros) -> Evaluation:
    """An evaluation of all that is joined and was decided before ``end``."""
    read = await evaluations(scene.storage.blobs).create(evaluation_id, asked(evaluation_id, end))
    return await finish(scene, read)


async def model_of(storage: LoopStorage, evaluation: Evaluation, policy: str) -> PublishedModel:
    """The model that a policy of an evaluation has."""
    assert evaluation.result is not None
    blob = await storage.blobs.read(evaluation.result)
    assert blob is not None
    judged = Result.model_validate_json(blob.data).policies
    model = next(one.model for one in judged if one.name == policy)
    assert model is not None
    return model
