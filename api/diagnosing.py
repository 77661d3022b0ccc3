"""Diagnosis, with what it is told of the room beside it: what the last optimization came to."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from api.calls import Call, Reply
from diagnosis.facts import Optimization, gather
from diagnosis.report import Report, report
from evaluation.jobs import Status, evaluations
from evaluation.optimizing import optimization_document
from loop.events import SECOND
from storage.factory import LoopStorage


async def get_diagnostics(call: Call) -> Reply:
    """Read how the loop does, what is wrong, and what to do about it."""
    return Reply((await diagnosed(call)).to_json())


async def diagnosed(call: Call) -> Report:
    """The diagnosis of the loop that a call opens."""
    storage = call.loop.storage
    grace = round(call.loop.trainer_grace * SECOND)
    facts, optimization = await asyncio.gather(
        gather(storage, call.arrived, grace), _last_optimization(storage)
    )
    return report(replace(facts, optimization=optimization))


async def _last_optimization(storage: LoopStorage) -> Optimization | None:
    run = (await optimization_document(storage.blobs).read()).value.run
    if run is None:
        return None
    found = await evaluations(storage.blobs).read(run.evaluation.id)
    if found is None:
        return None
    evaluation = found.value
    # One that has just succeeded has its consequences before it.
    over = evaluation.status.is_final and evaluation.status is not Status.SUCCEEDED
    return Optimization(
        finished=evaluation.finished if over else None,
        applied=evaluation.status is Status.OPTIMAL_POLICY_APPLIED,
        description=evaluation.description,
    )
