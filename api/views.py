"""What the web page shows, each view in one answer: aggregates, put together over the rooms."""

from __future__ import annotations

import asyncio

import orjson

from api.calls import Call, Reply
from api.diagnosing import diagnosed
from api.paging import parameter, whole_number
from evaluation import answers_views
from evaluation import management as evaluations
from evaluation.jobs import Origin, Result
from evaluation.outlook import outlook
from loop.errors import BadRequest
from loop.features import JsonObject
from loop.iso import format_duration, format_micros
from loop.settings import DEFAULT_POLICY, LoopSettings
from loop.windows import window
from management import activity, model, staged_models

EVALUATIONS = 50
"""How many evaluations an answer lists."""


async def view_overview(call: Call) -> Reply:
    """Read how well the loop does, over time and now."""
    asked = activity.checked_range(parameter(call, "range"))
    found, report = await asyncio.gather(activity.read_activity(call.loop.storage), diagnosed(call))
    facts = report.facts

    def written() -> bytes:
        shown = window(found, call.arrived, asked)
        configuration = facts.configuration
        body: JsonObject = {
            **_head(call, facts.settings),
            **activity.axis(shown),
            **activity.rewards(shown),
            "rewardWaitTime": format_duration(configuration.reward_wait_time),
            "updateFrequency": format_duration(configuration.model_export_frequency),
            "diagnosis": orjson.loads(report.to_json()),
        }
        return orjson.dumps(body)

    # Hundreds of intervals take some milliseconds, and ranks wait for whoever computes.
    return Reply(await asyncio.to_thread(written))


async def view_monitor(call: Call) -> Reply:
    """Read what becomes of what is sent, how long rewards take, and what is chosen."""
    asked = activity.checked_range(parameter(call, "range"))
    storage = call.loop.storage
    found, settings, manifest = await asyncio.gather(
        activity.read_activity(storage), storage.settings.read(), storage.manifest.read()
    )

    def written() -> bytes:
        shown = window(found, call.arrived, asked)
        wait = settings.value.configuration.reward_wait_time
        body: JsonObject = {
            **_head(call, settings.value),
            **activity.axis(shown),
            "fates": activity.fates(shown),
            "totals": activity.totals(manifest.value.counts),
            "delays": activity.delays(shown),
            "rewardWaitSeconds": wait.total_seconds(),
            **activity.actions(shown),
            "apprentice": activity.apprentice(found),
        }
        return orjson.dumps(body)

    return Reply(await asyncio.to_thread(written))


async def view_model(call: Call) -> Reply:
    """Read which models and which learning settings the loop has."""
    storage = call.loop.storage
    settings, manifest, properties, history = await asyncio.gather(
        storage.settings.read(),
        storage.manifest.read(),
        model.get_model_properties(storage),
        staged_models.list_staged_models(storage),
    )
    default = settings.value.default_policy() or DEFAULT_POLICY
    body: JsonObject = {
        **_head(call, settings.value),
        "properties": orjson.loads(properties.to_json()),
        "policy": orjson.loads(settings.value.policy_in_force().to_json()),
        "defaultPolicy": orjson.loads(default.to_json()),
        "history": [{**listed.members()} for listed in history],
        "isRebuilding": manifest.value.retrain is not None,
    }
    return Reply(orjson.dumps(body))


async def view_evaluations(call: Call) -> Reply:
    """Read which evaluations there are, and when the loop makes the next one by itself."""
    asked = _origin(call)
    skip = whole_number(call, "skip", 0, 0)
    storage = call.loop.storage
    settings, manifest, found = await asyncio.gather(
        storage.settings.read(), storage.manifest.read(), evaluations.list_evaluations(storage)
    )
    ahead = await outlook(storage, settings.value, manifest.value)
    wanted = [one for one in found if asked is None or one.origin is asked]
    body: JsonObject = {
        **_head(call, settings.value),
        "decisions": manifest.value.counts.decisions,
        "policy": orjson.loads(settings.value.policy_in_force().to_json()),
        "autoOptimization": ahead.members(),
        "count": len(wanted),
        "unfinished": sum(not one.status.is_final for one in found),
        "evaluations": [answers_views.listed(one) for one in wanted[skip : skip + EVALUATIONS]],
    }
    return Reply(orjson.dumps(body))


async def view_evaluation(call: Call) -> Reply:
    """Read what an evaluation has found, policy by policy."""
    slot = parameter(call, "slot")
    storage = call.loop.storage
    settings, evaluation = await asyncio.gather(
        storage.settings.read(),
        evaluations.get_evaluation(storage, call.parameters["evaluationId"]),
    )
    found = await evaluations.read_result(storage, evaluation)

    def written() -> bytes:
        result = None if found is None else Result.model_validate_json(found)
        body: JsonObject = {
            **_head(call, settings.value),
            "policy": orjson.loads(settings.value.policy_in_force().to_json()),
            **answers_views.whole(evaluation, result, slot),
        }
        return orjson.dumps(body)

    # A long one takes a while to be read and to be summed up.
    return Reply(await asyncio.to_thread(written))


def _origin(call: Call) -> Origin | None:
    text = parameter(call, "type")
    if text is None:
        return None
    for origin in Origin:
        if text.lower() == origin.value.lower():
            return origin
    raise BadRequest(f"type should be {' or '.join(one.value for one in Origin)}.", "type")


def _head(call: Call, settings: LoopSettings) -> JsonObject:
    return {
        "loop": call.loop.name,
        "kind": settings.kind.value,
        "learningMode": settings.configuration.learning_mode.value,
        "generatedAt": format_micros(call.arrived),
    }
