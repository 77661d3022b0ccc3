"""SIGKILL in the middle of an evaluation: it finishes with the numbers of an undisturbed one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from evaluation.jobs import Evaluation, Result, Status, evaluations
from local.azurite import Azurite
from loop.events import Micros
from loop.iso import format_micros
from loop.segments import HOUR
from storage.factory import LoopStorage
from tests.e2e.running import KEY_HEADER, PATIENCE_SECONDS, Running, behind_proxies, until
from tests.evaluation.past import coffee, log, views
from tests.fault_proxy import Delay, Fault, Hang

API = {"api-version": "2022-09-01-preview"}
SETTINGS = {"EVALUATOR_SCHEDULE": "* * * * * *", "EVALUATOR_PROCESSES": "2"}

_EVALUATION_SECONDS = 1_200.0


class Jobs:
    """Evaluations of a loop with a past, in a service that may be killed."""

    def __init__(self, running: Running, storage: LoopStorage, start: Micros) -> None:
        self.running = running
        self._storage = storage
        self._start = start

    async def ask(self, evaluation_id: str) -> None:
        """Ask for an evaluation that looks for better policies."""
        body = {
            "name": evaluation_id,
            "startTime": format_micros(self._start),
            "endTime": format_micros(Micros(self._start + HOUR)),
            "enablePolicyOptimization": True,
            "policies": [{"name": "bag", "arguments": "--cb_explore_adf --bag 3 -q FF"}],
        }
        url = f"{self.running.endpoint}/personalizer/evaluations/{evaluation_id}"
        async with httpx.AsyncClient(headers={KEY_HEADER: self.running.key}) as client:
            answer = await client.put(url, params=API, json=body)
        assert answer.status_code == 200, answer.text

    async def read(self, evaluation_id: str) -> Evaluation:
        """An evaluation as it stands."""
        found = await evaluations(self._storage.blobs).read(evaluation_id)
        assert found is not None
        return found.value

    async def result(self, evaluation_id: str) -> Result:
        """What an evaluation has found, once it has."""

        async def look() -> Evaluation | None:
            evaluation = await self.read(evaluation_id)
            return evaluation if evaluation.status.is_final else None

        evaluation = await until(f"the end of {evaluation_id}", look, _EVALUATION_SECONDS)
        assert (evaluation.status, evaluation.description) == (Status.SUCCEEDED, "")
        assert evaluation.result is not None
        blob = await self._storage.blobs.read(evaluation.result)
        assert blob is not None
        return Result.model_validate_json(blob.data)

    async def thoughts(self, result: Result) -> list[list[list[float]]]:
        """What the models of a result think of some events."""
        found = []
        for policy in result.policies:
            if policy.model is not None:
                blob = await self._storage.blobs.read(policy.model.blob)
                assert blob is not None
                found.append(views(policy.model.arguments, blob.data, coffee(40, self._start)))
        return found

    async def judging(self) -> int:
        """The process id of a child that judges, once there is one."""

        async def look() -> int | None:
            return next(iter(_judging(self.running.service.pid)), None)

        return await until("a child that judges", look)


def _judging(parent: int) -> Iterable[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if int(status[1]) == parent and b"evaluation.worker" in command:
                yield int(folder.name)


def _is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


Kill = Callable[[Jobs, str], Awaitable[None]]


async def a_child_while_it_judges(jobs: Jobs, evaluation_id: str) -> None:
    """Kill one of two children; those that it has judged are then judged one by one."""
    os.kill(await jobs.judging(), signal.SIGKILL)


async def while_children_judge(jobs: Jobs, evaluation_id: str) -> None:
    """Kill the service; its children end by themselves."""
    child = await jobs.judging()
    await jobs.running.kill()

    async def look() -> bool | None:
        return None if _is_there(child) else True

    await until("the end of an orphan", look)
    await jobs.running.start()


async def before_it_is_written(jobs: Jobs, evaluation_id: str) -> None:
    """Kill the service with a round behind it that it has yet to write down."""
    jobs.running.blobs.when(_held("checkpoint.json", Hang()))
    await asyncio.wait_for(jobs.running.blobs.until_held(), PATIENCE_SECONDS)
    await jobs.running.kill()
    jobs.running.blobs.heal()
    await jobs.running.start()


async def while_it_commits(jobs: Jobs, evaluation_id: str) -> None:
    """Kill a service whose commit reaches storage when the next one has begun."""
    written = held = False

    def rule(method: str, path: str) -> Fault | None:
        nonlocal written, held
        written = written or (method == "PUT" and "checkpoint.json" in path)
        if method == "PUT" and "document.json" in path and written and not held:
            held = True
            return Delay()
        return None

    jobs.running.blobs.when(rule)
    await asyncio.wait_for(jobs.running.blobs.until_held(), PATIENCE_SECONDS)
    before = await jobs.read(evaluation_id)
    await jobs.running.kill()
    await jobs.running.start()

    async def look() -> bool | None:
        return True if (await jobs.read(evaluation_id)).attempts > before.attempts else None

    await until("the next attempt", look)
    jobs.running.blobs.heal()


async def before_it_has_a_result(jobs: Jobs, evaluation_id: str) -> None:
    """Kill the service when all is judged and nothing is said of it."""
    jobs.running.blobs.when(_held("result.json", Hang()))
    await asyncio.wait_for(jobs.running.blobs.until_held(), PATIENCE_SECONDS)
    await jobs.running.kill()
    jobs.running.blobs.heal()
    await jobs.running.start()


def _held(name: str, fault: Fault) -> Callable[[str, str], Fault | None]:
    return lambda method, path: fault if method == "PUT" and name in path else None


async def check(
    azurite: Azurite,
    loop: str,
    storage: LoopStorage,
    folder: Path,
    events: int,
    kills: Sequence[Kill],
) -> None:
    """Evaluate a log undisturbed, and again with kills on the way, and compare."""
    # GIVEN a loop with a log, and an evaluation of it that nothing has got in the way of
    hour = Micros((time.time_ns() // 1000 // HOUR - 2) * HOUR)
    await log(storage, coffee(events, hour), Micros(hour + HOUR), per_file=events)
    async with behind_proxies(azurite, loop, folder, SETTINGS) as running:
        await running.start()
        jobs = Jobs(running, storage, hour)
        await jobs.ask("undisturbed")
        undisturbed = await jobs.result("undisturbed")
        # WHEN another one is killed again and again
        await jobs.ask("killed")
        for kill in kills:
            await kill(jobs, "killed")
            assert not (await jobs.read("killed")).status.is_final, f"{kill.__name__}: too late"
        killed = await jobs.result("killed")
    # THEN both say the same, to the last bit
    assert len(undisturbed.policies) > 10
    for one, other in zip(undisturbed.policies, killed.policies, strict=True):
        assert other.model_copy(update={"model": one.model}) == one
    assert killed.feature_importance == undisturbed.feature_importance
    assert sum(b.events for slot in killed.policies[0].slots for b in slot.buckets) == events
    # AND have models that think the same
    assert await jobs.thoughts(killed) == await jobs.thoughts(undisturbed)
    # AND nothing else is left of either
    names = [entry.name async for entry in storage.blobs.list("evaluations/")]
    kept = {name.rpartition("/")[2] for name in names if not name.endswith(".vw")}
    assert kept == {"agenda.json", "document.json", "result.json"}


async def test_killed_in_the_middle_it_finishes_with_the_same_numbers(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    kills = [a_child_while_it_judges, while_children_judge, while_it_commits]
    await check(azurite, loop_name, storage, tmp_path, 1_000, kills)


@pytest.mark.acceptance
async def test_killed_again_and_again_it_finishes_with_the_same_numbers(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    round_of_kills = [
        while_children_judge,
        a_child_while_it_judges,
        before_it_is_written,
        while_children_judge,
        while_it_commits,
    ]
    kills = [*round_of_kills, *round_of_kills, before_it_has_a_result]
    await check(azurite, loop_name, storage, tmp_path, 100_000, kills)
