"""What the evaluator's timer does: for every loop, whatever its log is to be read for."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from api.deployment import now
from api.options import Options
from diagnosis.survey import ProfilingFailed, refresh
from evaluation.examining import examine
from evaluation.limits import Limits
from evaluation.optimizing import optimize
from evaluation.processes import TaskFailed, run_module
from evaluation.run import evaluate
from storage.factory import LoopStorage, open_storage
from storage.options import StorageOptions
from telemetry.subject import about_loop

logger = logging.getLogger(__name__)

Step = Callable[[LoopStorage, Limits], Awaitable[bool]]
"""Something to do for a loop, in bounded time; whether there may be more to do at once."""


async def evaluate_every_loop(options: Options, storage: StorageOptions) -> None:
    """Go on with what is to be done, one thing after the other and round again, while time is left.

    What fails does not hold up the rest.

    Raises:
        Exception: What the first failure raised, so that the platform counts the call as failed.
    """
    limits = Limits(processes=options.evaluator_processes)
    deadline = asyncio.get_running_loop().time() + options.evaluator_time_limit
    failures: list[BaseException] = []
    async with open_storage(storage) as opened:
        names = (await opened.register.read()).value.names
        waiting = deque([(name, step) for name in names for step in _STEPS])
        # Where there is no time for all, each is among the first now and then.
        random.shuffle(waiting)
        while waiting and asyncio.get_running_loop().time() < deadline:
            name, step = waiting.popleft()
            with about_loop(name):
                work = _STEPS[step](opened.loop(name), limits)
                [result] = await asyncio.gather(work, return_exceptions=True)
                if isinstance(result, BaseException):
                    said = {"step": step, "error": type(result).__name__}
                    logger.error("evaluator_failed", extra=said, exc_info=result)
                    failures.append(result)
                elif result:
                    waiting.extend([(name, following) for following in _FOLLOWING[step]])
    if failures:
        raise failures[0]


async def _optimize(loop: LoopStorage, limits: Limits) -> bool:
    return await optimize(loop, now())


async def _evaluate(loop: LoopStorage, limits: Limits) -> bool:
    return await evaluate(loop, now, limits)


async def _examine(loop: LoopStorage, limits: Limits) -> bool:
    return await examine(loop, now, limits)


async def _survey(loop: LoopStorage, limits: Limits) -> bool:
    await refresh(loop, now(), _profiled)
    return False


async def _profiled(module: str, folder: Path, seconds: float) -> None:
    try:
        await run_module(module, folder, seconds)
    except TaskFailed as error:
        raise ProfilingFailed(error.end) from error


_STEPS: dict[str, Step] = {
    "optimize": _optimize,
    "evaluate": _evaluate,
    "examine": _examine,
    "survey": _survey,
}
# What an evaluation has found may be what the loop was waiting for to optimise itself.
_FOLLOWING = {
    "optimize": ("evaluate", "optimize"),
    "evaluate": ("optimize", "evaluate"),
    "examine": ("examine",),
}
