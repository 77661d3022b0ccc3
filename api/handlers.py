"""What each operation does with a call: the rooms below do the work, here they meet HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import orjson

from api.calls import Call, Generation, Reply
from evaluation import applying
from loop.configuration import REQUIRED_IN_V1
from loop.errors import BadRequest
from loop.events import LoopKind, Micros
from loop.model import ModelError
from management import configuration, logs, metrics, model, model_transfer, policy, staged_models
from rank.decide import Answer, Served, decide
from rank.multi_slot import MultiSlotAnswer, decide_slots

logger = logging.getLogger(__name__)

_STATUS = orjson.dumps(
    {
        "service": "Personalizer",
        "apiStatus": "Valid",
        "apiStatusMessage": "The key is valid and the service answers.",
    }
)


async def rank(call: Call) -> Reply:
    """Choose an action for a context."""
    return await _rank(call, LoopKind.SINGLE_SLOT, decide)


async def multi_slot_rank(call: Call) -> Reply:
    """Choose an action for each slot of a page."""
    return await _rank(call, LoopKind.MULTI_SLOT, decide_slots)


async def _rank(
    call: Call,
    kind: LoopKind,
    choose: Callable[[bytes, Micros, Served], Answer | MultiSlotAnswer],
) -> Reply:
    served = await call.loop.serving.answering(kind)
    try:
        answer = choose(call.body, call.arrived, served)
    except ModelError:
        # The application gets its answer, and the log the true propensities: those of no model.
        logger.error("model_failed", extra={"model": served.model_id})
        answer = choose(call.body, call.arrived, replace(served, model=None, model_id=""))
    await call.loop.recorder.record(answer.decision)
    return Reply(answer.body)


async def reward(call: Call) -> Reply:
    """Take how well a decision went."""
    await call.loop.serving.answering(LoopKind.SINGLE_SLOT)
    await call.loop.observer.reward(call.parameters["eventId"], call.body, call.arrived)
    return Reply()


async def activate(call: Call) -> Reply:
    """Take that a deferred decision was shown."""
    await call.loop.serving.answering(LoopKind.SINGLE_SLOT)
    await call.loop.observer.activate(call.parameters["eventId"], call.arrived)
    return Reply()


async def multi_slot_reward(call: Call) -> Reply:
    """Take how well the slots of a page went."""
    await call.loop.serving.answering(LoopKind.MULTI_SLOT)
    await call.loop.observer.reward_slots(call.parameters["eventId"], call.body, call.arrived)
    return Reply()


async def multi_slot_activate(call: Call) -> Reply:
    """Take that a deferred page was shown."""
    await call.loop.serving.answering(LoopKind.MULTI_SLOT)
    await call.loop.observer.activate(call.parameters["eventId"], call.arrived)
    return Reply()


async def status(call: Call) -> Reply:
    """Tell a client that its address and its key are right."""
    return Reply(_STATUS)


async def get_configuration(call: Call) -> Reply:
    """Read the service configuration."""
    return Reply((await configuration.get_configuration(call.loop.storage)).to_json())


async def put_configuration(call: Call) -> Reply:
    """Put a service configuration."""
    required = () if call.generation is Generation.V2022 else REQUIRED_IN_V1
    put = await configuration.put_configuration(
        call.loop.storage,
        call.body,
        call.arrived,
        required,
        call.loop.longest_wait,
        call.loop.mirroring,
    )
    await call.loop.serving.refresh()
    return Reply(put.to_json())


async def get_policy(call: Call) -> Reply:
    """Read the policy in force."""
    return Reply((await policy.get_policy(call.loop.storage)).to_json())


async def put_policy(call: Call) -> Reply:
    """Put a policy."""
    put = await policy.put_policy(call.loop.storage, call.body)
    await call.loop.serving.refresh()
    return Reply(put.to_json())


async def reset_policy(call: Call) -> Reply:
    """Return to the default policy."""
    return Reply((await policy.reset_policy(call.loop.storage)).to_json())


async def apply_from_evaluation(call: Call) -> Reply:
    """Take over a policy of an evaluation, and the model trained with it."""
    await applying.apply_from_evaluation(call.loop.storage, call.body, call.arrived)
    await call.loop.serving.refresh()
    return Reply()


async def get_model(call: Call) -> Reply:
    """Fetch the model that serves, signed where the call asks for that."""
    signed = call.query.get("signed", "false").lower()
    if signed not in ("true", "false"):
        raise BadRequest("'signed' should be true or false.", "signed")
    if signed == "true":
        data = await model_transfer.export_signed_model(
            call.loop.storage, call.loop.signers, call.arrived
        )
        return Reply(data, "application/octet-stream", "model.vw.zip")
    data = await model.get_model(call.loop.storage)
    return Reply(data, "application/octet-stream", "model.vw")


async def put_model(call: Call) -> Reply:
    """Take a signed model in the place of the one that serves."""
    await model_transfer.import_model(call.loop.storage, call.body, call.loop.signers, call.arrived)
    await call.loop.serving.refresh()
    return Reply()


async def list_staged_models(call: Call) -> Reply:
    """List the history of models."""
    return Reply(
        staged_models.list_to_json(await staged_models.list_staged_models(call.loop.storage))
    )


async def get_staged_model(call: Call) -> Reply:
    """Read about one model of the history."""
    model_id = call.parameters["modelId"]
    return Reply((await staged_models.get_staged_model(call.loop.storage, model_id)).to_json())


async def describe_staged_model(call: Call) -> Reply:
    """Describe a model of the history, or pin it there."""
    described = await staged_models.describe_staged_model(
        call.loop.storage, call.parameters["modelId"], call.body
    )
    return Reply(described.to_json())


async def delete_staged_model(call: Call) -> Reply:
    """Take a model out of the history."""
    await staged_models.delete_staged_model(call.loop.storage, call.parameters["modelId"])
    return Reply()


async def publish_staged_model(call: Call) -> Reply:
    """Let a model of the history serve."""
    model_id = call.parameters["modelId"]
    await staged_models.publish_staged_model(call.loop.storage, model_id, call.arrived)
    await call.loop.serving.refresh()
    return Reply()


async def reset_model(call: Call) -> Reply:
    """Forget the model."""
    await model.reset_model(call.loop.storage)
    await call.loop.serving.refresh()
    return Reply()


async def get_model_properties(call: Call) -> Reply:
    """Read when the model was made."""
    return Reply((await model.get_model_properties(call.loop.storage)).to_json())


async def get_log_properties(call: Call) -> Reply:
    """Read from when to when the log reaches."""
    return Reply((await logs.get_log_properties(call.loop.storage, call.arrived)).to_json())


async def delete_logs(call: Call) -> Reply:
    """Delete the log."""
    await logs.delete_logs(call.loop.storage, call.arrived)
    return Reply()


async def get_learning_metrics(call: Call) -> Reply:
    """Read how many events the loop has had, and what rewards."""
    return Reply(metrics.to_json(await metrics.get_learning_metrics(call.loop.storage, call.query)))


async def log_interactions(call: Call) -> Reply:
    """Take a batch of what a client has decided by itself."""
    await call.loop.batches.interactions(call.body, call.arrived)
    return Reply()


async def log_observations(call: Call) -> Reply:
    """Take a batch of what came of decisions."""
    await call.loop.batches.observations(call.body, call.arrived)
    return Reply()
