"""What each operation does with a call: the rooms below do the work, here they meet HTTP."""

from __future__ import annotations

import logging
from dataclasses import replace

import orjson

from api.calls import Call, Generation, Reply
from loop.configuration import REQUIRED_IN_V1
from loop.model import ModelError
from management import configuration, logs, model, policy
from rank.decide import decide

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
    served = await call.loop.serving.current()
    try:
        answer = decide(call.body, call.arrived, served)
    except ModelError:
        # The application gets its answer, and the log the true propensities: those of no model.
        logger.error("model_failed", extra={"model": served.model_id})
        answer = decide(call.body, call.arrived, replace(served, model=None, model_id=""))
    await call.loop.recorder.record(answer.decision)
    return Reply(answer.body)


async def reward(call: Call) -> Reply:
    """Take how well a decision went."""
    await call.loop.observer.reward(call.parameters["eventId"], call.body, call.arrived)
    return Reply()


async def activate(call: Call) -> Reply:
    """Take that a deferred decision was shown."""
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
        call.loop.storage, call.body, call.arrived, required, call.loop.longest_wait
    )
    await call.loop.serving.refresh()
    return Reply(put.to_json())


async def get_policy(call: Call) -> Reply:
    """Read the policy in force."""
    return Reply((await policy.get_policy(call.loop.storage)).to_json())


async def put_policy(call: Call) -> Reply:
    """Put a policy."""
    return Reply((await policy.put_policy(call.loop.storage, call.body)).to_json())


async def reset_policy(call: Call) -> Reply:
    """Return to the default policy."""
    return Reply((await policy.reset_policy(call.loop.storage)).to_json())


async def get_model(call: Call) -> Reply:
    """Fetch the model that serves."""
    data = await model.get_model(call.loop.storage)
    return Reply(data, "application/octet-stream", "model.vw")


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
