"""Taking over what an evaluation has found: a policy, and the model that was trained with it.

Two documents change, one after the other: the settings say which policy is in force and ask for a
training of its own, and the manifest names the model, which is taught what has been joined since by
a rebuild that is nearly done. In between, and after a crash there, the settings alone have changed,
and the trainer rebuilds the whole model from the log as after any policy that is put.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from evaluation.jobs import Evaluation, JudgedPolicy, Result, Source
from evaluation.management import get_evaluation, read_result
from loop.errors import (
    BadRequest,
    EvaluationModelNotFound,
    InvalidContract,
    LearningSettingsNotFound,
    OperationConflict,
)
from loop.events import Micros
from loop.iso import instant_of, micros_of
from loop.manifest import Manifest, PublishedModel, Retrain, StagedModel
from loop.model import ModelError
from loop.settings import LoopSettings, Policy
from loop.validation import parse
from storage.blobs import Blobs
from storage.factory import LoopStorage
from storage.models import MODELS, STATE, keep, load, works
from storage.revising import revise

logger = logging.getLogger(__name__)


class _Reference(BaseModel):
    """Which policy of which evaluation is asked for."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)

    evaluation_id: str
    policy_name: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A policy of an evaluation with the model that was trained with it.

    Attributes:
        evaluated: When the evaluation was asked for.
        arguments: What the model was learned with, exploration included.
        data: The model, which works.
        position: Every event of the evaluation that was decided before it is learned, and none
            that was decided later.
        description: Where the model comes from, for its history.
    """

    policy: Policy
    evaluated: Micros
    arguments: str
    data: bytes
    position: Micros
    description: str


@dataclass(frozen=True, slots=True)
class Changeover:
    """How a policy and its model come into force.

    Attributes:
        settings: Puts the policy; what it raises ends all.
        fits: Whether learning is to go on from the model, given the manifest that stands; if not,
            the trainer is left to make one.
        publishes: Whether the model serves at once.
    """

    settings: Callable[[LoopSettings], LoopSettings]
    fits: Callable[[Manifest], bool] = lambda manifest: True
    publishes: bool = True


async def apply_from_evaluation(storage: LoopStorage, body: bytes, now: Micros) -> None:
    """Make a policy of an evaluation the online one, and its model the one that serves.

    While the model serves, it learns what has been joined since the evaluation. Where the
    configuration has been changed since in a way that resets models, this model is out of date as
    well: the policy is put, and a model is rebuilt with it from the log.

    Args:
        body: ``{"evaluationId": …, "policyName": …}``.

    Raises:
        InvalidContract: A member is missing or mistyped.
        EvaluationNotFound: There is no such evaluation.
        LearningSettingsNotFound: It has judged no policy of this name.
        BadRequest: The name is that of online, baseline or random, which nothing was learned for.
        EvaluationModelNotFound: The model is gone, or does not work any more.
        OperationConflict: The evaluation is not done, or was made for a loop of the other kind.
        StorageUnavailable: Storage is away, or others are changing the loop all the time.
    """
    asked = parse(_Reference, body, InvalidContract)
    evaluation = await get_evaluation(storage, asked.evaluation_id)
    result = await found_by(storage, evaluation)
    trained = await load_trained(storage.blobs, evaluation, _find(result, asked.policy_name))

    def change(settings: LoopSettings) -> LoopSettings:
        if settings.kind is not evaluation.kind:
            raise OperationConflict(
                f"The loop is {settings.kind.value} by now, and the evaluation is not."
            )
        return settings.with_policy(trained.policy)

    settings = await take_over(storage, trained, Changeover(change), now)
    logger.info("evaluation_applied", extra={"training_version": settings.training_version})


async def found_by(storage: LoopStorage, evaluation: Evaluation) -> Result:
    """What an evaluation has found.

    Raises:
        OperationConflict: Nothing yet, or it never will.
        EvaluationNotFound: It was deleted just now.
    """
    found = await read_result(storage, evaluation)
    if found is None:
        state = "has found nothing" if evaluation.status.is_final else "is not done yet"
        raise OperationConflict(f"The evaluation {evaluation.id!r} {state}.")
    return Result.model_validate_json(found)


async def load_trained(blobs: Blobs, evaluation: Evaluation, judged: JudgedPolicy) -> Trained:
    """A policy of an evaluation with its model, which has been tried out.

    Raises:
        EvaluationModelNotFound: The model is gone, or does not work any more.
    """
    if judged.model is None or evaluation.reach is None:
        raise _unusable(evaluation, judged, "it was not kept")
    try:
        with await load(blobs, judged.model) as model:
            data = model.save()
    except ModelError as error:
        raise _unusable(evaluation, judged, error.reason) from error
    if not await asyncio.to_thread(works, judged.model.arguments, data, []):
        raise _unusable(evaluation, judged, "it can't decide")
    return Trained(
        policy=Policy(name=judged.name, arguments=judged.arguments),
        evaluated=evaluation.created,
        arguments=judged.model.arguments,
        data=data,
        position=min(evaluation.end, evaluation.reach),
        description=f"{judged.name} of the evaluation {evaluation.name}",
    )


async def take_over(
    storage: LoopStorage, trained: Trained, how: Changeover, now: Micros
) -> LoopSettings:
    """Put a policy in force, and let learning go on from its model; returns what stands now."""
    model_id = f"{instant_of(now):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    candidate = await _kept(storage.blobs, STATE, model_id, trained, now)
    published = await _kept(storage.blobs, MODELS, model_id, trained, now)
    _, settings = await revise(storage.settings, how.settings)
    if settings.reconfigured > trained.evaluated:
        return settings
    configuration = settings.configuration
    model = StagedModel(
        **published.model_dump(),
        description=trained.description,
        configured=micros_of(configuration.last_configuration_edit_date),
    )
    rebuild = Retrain(
        version=settings.training_version,
        start=trained.position,
        position=trained.position,
        candidate=candidate,
    )

    def change(found: Manifest) -> Manifest:
        if not how.fits(found):
            return found
        applied = found.with_applied(model, rebuild, configuration.staged_model_history_length)
        return applied.with_published(model, now) if how.publishes else applied

    await revise(storage.manifest, change)
    return settings


def _find(result: Result, name: str) -> JudgedPolicy:
    for judged in result.policies:
        if judged.name == name:
            if judged.source in (Source.ONLINE, Source.BASELINE, Source.RANDOM):
                raise BadRequest(
                    f"{name!r} stands for what was logged, and has no settings to apply; apply one"
                    " of the other policies.",
                    "policyName",
                )
            return judged
    raise LearningSettingsNotFound(f"The evaluation has judged no policy {name!r}.", "policyName")


def _unusable(evaluation: Evaluation, judged: JudgedPolicy, reason: str) -> EvaluationModelNotFound:
    return EvaluationModelNotFound(
        f"The model of {judged.name!r} in the evaluation {evaluation.id!r} can't be used: {reason}."
        " Evaluate again, or put the policy by itself.",
        "policyName",
    )


async def _kept(
    blobs: Blobs, folder: str, model_id: str, trained: Trained, now: Micros
) -> PublishedModel:
    name = f"{folder}{model_id}.vw"
    return await keep(blobs, name, model_id, trained.arguments, trained.data, now)
