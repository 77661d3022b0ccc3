"""SIGKILL in the middle of a simulation: afterwards the log holds every answered decision once."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest

from evaluation.jobs import Origin, Status, evaluations
from evaluation.optimizing import Stage, optimization_document
from local.azurite import Azurite
from loop.events import Micros, Reward
from loop.features import tree_of
from loop.manifest import Manifest
from loop.model import Model, Scores
from loop.vw_lines import vw_lines
from management.configuration import put_configuration
from storage.factory import LoopStorage
from tests.e2e.running import (
    PATIENCE_SECONDS,
    Running,
    all_joined,
    assert_joined_as_logged,
    behind_proxies,
    rows,
    until,
)
from tests.fault_proxy import Delay, Fault, Hang, HoldAnswer
from tests.service import ROOT
from trainer.learner import Learner

WAIT = 5.0
SETTINGS = {"STRICT_LOGGING": "true", "TRAINER_GRACE_SECONDS": "2"}


@dataclass(frozen=True, slots=True)
class Played:
    """A line of the simulator's record: an event whose rank was answered."""

    event_id: str
    action: str
    reward: float
    rewarded: bool


class Simulation:
    """The simulator as a user starts it, while it runs."""

    def __init__(self, process: Process, record: Path) -> None:
        self._process = process
        self._record = record

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    def played(self) -> list[Played]:
        """What has been answered so far."""
        if not self._record.exists():
            return []
        *lines, _ = self._record.read_text().split("\n")
        entries = [json.loads(line) for line in lines]
        return [Played(e["eventId"], e["action"], e["reward"], e["rewarded"]) for e in entries]

    async def more(self, count: int) -> None:
        """Return when ``count`` more events have been answered, or all."""
        goal = len(self.played()) + count

        async def look() -> bool | None:
            return True if self.over or len(self.played()) >= goal else None

        await until(f"{goal} answered events", look)

    async def end(self) -> tuple[int, str]:
        """Its exit code and what it has printed, once it has ended."""
        out, _ = await asyncio.wait_for(self._process.communicate(), 4 * PATIENCE_SECONDS)
        assert self._process.returncode is not None
        return self._process.returncode, out.decode(errors="replace")


@asynccontextmanager
async def simulation(
    running: Running, folder: Path, events: int, rate: float
) -> AsyncIterator[Simulation]:
    """Customers of the coffee shop who try again for as long as it takes."""
    record = folder / "record.jsonl"
    options = {
        "--endpoint": running.endpoint,
        "--key": running.key,
        "--events": events,
        "--rate": rate,
        "--concurrency": 8,
        "--attempts": 100,
        "--wait": f"PT{WAIT:g}S",
        "--update": "PT5S",
        "--record": record,
        "--output": folder / "curve.png",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "simulate", "coffee"),
        *(str(part) for option in options.items() for part in option),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Simulation(process, record)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


Kill = Callable[[Running, Simulation, Random], Awaitable[None]]


async def while_it_answers(running: Running, playing: Simulation, random: Random) -> None:
    """Kill between any two events, with calls under way."""
    await playing.more(random.randrange(50, 150))
    await running.kill()
    await running.start()


async def before_it_answers(running: Running, playing: Simulation, random: Random) -> None:
    """Kill when decisions and rewards are in the log, and their callers don't know it yet."""
    await playing.more(random.randrange(50, 150))

    def rule(method: str, path: str) -> Fault | None:
        return HoldAnswer() if method == "POST" and random.random() < 0.5 else None

    running.tables.when(rule)
    await asyncio.wait_for(running.tables.until_held(6), PATIENCE_SECONDS)
    await running.kill()
    running.tables.heal()
    await running.start()


async def while_the_trainer_commits(running: Running, playing: Simulation, random: Random) -> None:
    """Kill a trainer that has sent its manifest; it reaches storage when the next one is there."""
    running.blobs.when(_held("manifest.json", Delay()))
    await asyncio.wait_for(running.blobs.until_held(), PATIENCE_SECONDS)
    await running.kill()
    await running.start()
    await playing.more(random.randrange(20, 60))
    running.blobs.heal()


async def while_the_trainer_stages(running: Running, playing: Simulation, random: Random) -> None:
    """Kill a trainer at the first block of the joined log that it uploads."""
    running.blobs.when(_held("/log/", Hang()))
    await asyncio.wait_for(running.blobs.until_held(), PATIENCE_SECONDS)
    await running.kill()
    running.blobs.heal()
    await running.start()


async def after_the_trainer_has_committed(
    running: Running, playing: Simulation, random: Random
) -> None:
    """Kill a trainer between its manifest and the blocks that the manifest names."""
    committed = False

    def rule(method: str, path: str) -> Fault | None:
        nonlocal committed
        if method != "PUT":
            return None
        if path.endswith("manifest.json"):
            committed = True
        return Hang() if committed and "/log/" in path else None

    running.blobs.when(rule)
    await asyncio.wait_for(running.blobs.until_held(), PATIENCE_SECONDS)
    await running.kill()
    running.blobs.heal()
    await running.start()


def _held(part: str, fault: Fault) -> Callable[[str, str], Fault | None]:
    return lambda method, path: fault if method == "PUT" and part in path else None


async def play_through(
    running: Running, folder: Path, kills: Sequence[Kill], events: int, rate: float
) -> list[Played]:
    """Play, kill on the way, and return what was answered; all of it was, in the end."""
    random = Random(8)
    await running.start()
    async with simulation(running, folder, events, rate) as playing:
        for kill in kills:
            await kill(running, playing, random)
            assert not playing.over, f"{kill.__name__} came too late to count"
        code, printed = await playing.end()
        assert code == 0, printed
        assert "lost events    none" in printed
        return playing.played()


async def check(storage: LoopStorage, played: Sequence[Played], events: int) -> None:
    """Everything that was answered is joined once, with its reward, and learned once."""
    answered = {each.event_id for each in played}
    assert len(answered) == len(played) == events
    assert all(each.rewarded for each in played)
    log = await all_joined(storage, answered)
    # Every call was tried until it was answered: nothing else can be in the log.
    assert len(log) == events
    assert {event.decision.event_id for event in log} == answered
    await assert_joined_as_logged(storage, WAIT)
    # What was acknowledged is in the event log, and what came in its time was learned.
    decisions, observations = await rows(storage)
    rewards = {(o.event_id, o.value) for o in observations if isinstance(o, Reward)}
    assert rewards == {(each.event_id, each.reward) for each in played}
    joined_rewards = {e.decision.event_id: e.reward for e in log if e.rewarded}
    sent = {each.event_id: each.reward for each in played}
    assert joined_rewards == {event_id: sent[event_id] for event_id in joined_rewards}
    # Only events that a kill has fallen into have a reward that came too late for them.
    assert len(joined_rewards) > 0.9 * events

    manifest = await until("the loop rests", partial(at_rest, storage))
    assert manifest.model is not None
    counts = manifest.counts
    assert counts.learned == events
    assert counts.decisions == len(decisions) == events + counts.duplicates
    assert (counts.dropped, counts.unlearnable) == (0, 0)
    # The model that is left has learned the log once, in its order.
    blob = await storage.blobs.read(manifest.model.blob)
    assert blob is not None
    lines = [vw_lines(tree_of(event.decision.features)) for event in log]
    with (
        Model(manifest.model.arguments) as taught,
        Model(manifest.model.arguments, blob.data) as published,
    ):
        learner = Learner(taught, taught=False)
        for event in log:
            learner.teach(event)
        assert _rounded(taught, lines) == _rounded(published, lines)


async def at_rest(storage: LoopStorage) -> Manifest | None:
    """The manifest, once nothing is rebuilt and the loop does not look for better settings."""
    run = (await optimization_document(storage.blobs).read()).value.run
    manifest = (await storage.manifest.read()).value
    rests = manifest.retrain is None and (run is None or run.stage is Stage.OVER)
    return manifest if rests else None


def _rounded(model: Model, lines: Sequence[list[str]]) -> list[tuple[float, ...]]:
    scores: list[Scores] = [model.decide(each) for each in lines[:200]]
    return [(*s.ranking, *(round(p, 5) for p in s.probabilities)) for s in scores]


async def test_killed_in_the_middle_every_answered_decision_is_joined_once(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    await put_configuration(storage, b'{"isAutoOptimizationEnabled": false}', Micros(0), ())
    kills = [before_it_answers, while_the_trainer_commits, after_the_trainer_has_committed]
    async with behind_proxies(azurite, loop_name, tmp_path, SETTINGS) as running:
        played = await play_through(running, tmp_path, kills, events=1_000, rate=25)
        await check(storage, played, 1_000)


@pytest.mark.acceptance
async def test_killed_again_and_again_every_answered_decision_is_joined_once(
    azurite: Azurite, loop_name: str, storage: LoopStorage, tmp_path: Path
) -> None:
    kinds = [
        while_it_answers,
        while_the_trainer_commits,
        while_the_trainer_stages,
        before_it_answers,
        after_the_trainer_has_committed,
    ]
    async with behind_proxies(azurite, loop_name, tmp_path, SETTINGS) as running:
        kills = list(islice(cycle(kinds), 10))
        played = await play_through(running, tmp_path, kills, events=5_000, rate=25)
        await check(storage, played, 5_000)
    # AND so it is where the loop has found better settings meanwhile, with a model of their own
    runs = [e async for e in evaluations(storage.blobs).read_all() if e.origin is Origin.AUTO]
    assert Status.OPTIMAL_POLICY_APPLIED in [run.status for run in runs]
