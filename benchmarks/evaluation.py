"""An evaluation with policy search, beside VW alone reading the same events once for each policy.

``python -m benchmarks.evaluation`` starts Azurite and the service, writes logs of two shapes, has
the service evaluate them, and ranks meanwhile; then VW reads the same events, as text, in a process
of its own, once with the arguments of each policy.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

import aiohttp
import orjson
import zstandard
from vowpalwabbit import Workspace

from api.options import Options
from benchmarks.http import calls, open_session, play, service_process
from benchmarks.report import Table
from cli.worlds.coffee import Coffee
from evaluation.checkpoints import Checkpoint, Kept
from evaluation.jobs import Contender, Evaluation, evaluations
from evaluation.limits import Limits
from evaluation.rounds import Round
from evaluation.stretches import fetch
from evaluation.tasks import LOGGED
from local.azurite import Azurite
from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Decision, LoopKind, Micros, Reward
from loop.features import Action, JsonObject, compose, tree_of
from loop.joined import JoinedEvent
from loop.learning_settings import with_exploration
from loop.manifest import Manifest
from loop.register import DEFAULT_LOOP
from loop.segments import HOUR, JOINED_LOG
from loop.vw_lines import vw_lines
from storage.factory import LoopStorage, open_storage
from storage.joined_log import log_files
from storage.options import CONNECTION, storage_options

_API = {"api-version": "2022-09-01-preview"}
_EXPLORATION = 0.2
_BLOCK_LINES = 2_000
_WORDS = [f"{syllable}{i}" for i in range(40) for syllable in ("ba", "ke", "li", "mo", "nu")]
_RANKS = 400
_QUIET_ROUNDS = 5
_PATIENCE_SECONDS = 1_800.0
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Shape:
    """A log of so many events."""

    name: str
    events: int
    happen: Callable[[int, Micros], Iterator[JoinedEvent]]


@dataclass(frozen=True, slots=True)
class Row:
    """What an evaluation of one shape took.

    Attributes:
        policies: How many were trained and judged.
        asked_seconds: From the call that asked for it to the first answer that it has succeeded.
        judged_seconds: Of that, for the judging; measured by itself.
        judged_cpu: Processor time of the judging, of all children.
        vw_cpu: Processor time of VW alone.
        peak_bytes: Memory of the service and its children at the worst moment, what they share
            counted once.
        rest_bytes: Of that, what the service has before.
    """

    shape: Shape
    policies: int
    asked_seconds: float
    judged_seconds: float
    judged_cpu: float
    vw_cpu: float
    peak_bytes: int
    rest_bytes: int


@dataclass(slots=True)
class Latencies:
    """Ranks without and with an evaluation beside them, in milliseconds."""

    quiet: list[tuple[float, float]] = field(default_factory=list)
    busy: list[tuple[float, float]] = field(default_factory=list)


def _joined(
    number: int,
    start: Micros,
    context: list[JsonObject],
    actions: list[Action],
    rewards: Sequence[float],
    dice: random.Random,
) -> JoinedEvent:
    ranking = [*range(len(actions))]
    dice.shuffle(ranking)
    time_ = Micros(start + number * 10_000)
    even = tuple([1 / len(ranking)] * len(ranking))
    data = orjson.dumps(compose(context, actions))
    decision = Decision(f"b{number:032d}", time_, data, tuple(ranking), even, "m")
    reward = Reward(decision.event_id, time_, rewards[ranking[0]])
    return JoinedEvent.of(decision, [reward], ServiceConfiguration())


def _coffee(events: int, start: Micros) -> Iterator[JoinedEvent]:
    world, dice = Coffee(random.Random(1)), random.Random(2)
    for number in range(events):
        visit = world.visit()
        actions = [Action(action.id, [*action.features]) for action in visit.actions]
        yield _joined(number, start, [*visit.context], actions, visit.rewards, dice)


def _wide(events: int, start: Micros) -> Iterator[JoinedEvent]:
    dice = random.Random(3)
    for number in range(events):
        actions = [
            Action(f"action{a}", [{f"feature{f}": dice.choice(_WORDS) for f in range(10)}])
            for a in range(10)
        ]
        context: list[JsonObject] = [{f"known{f}": dice.choice(_WORDS) for f in range(3)}]
        yield _joined(
            number, start, context, actions, [float(dice.random() < 0.3) for _ in actions], dice
        )


SHAPES = (
    Shape("coffee, 4 actions × 4 features", 10_000, _coffee),
    Shape("10 actions × 10 features", 50_000, _wide),
)


def measure(shapes: Sequence[Shape] = SHAPES) -> tuple[list[Row], Latencies]:
    """Evaluate a log of each shape; ranks are measured beside the last one."""
    latencies = Latencies()
    rows = []
    for shape in shapes:
        with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder)) as azurite:
            ranking = latencies if shape is shapes[-1] else None
            work = _measure(azurite.connection_string, shape, Path(folder), ranking)
            rows.append(asyncio.run(work))
    return rows, latencies


async def _measure(connection: str, shape: Shape, folder: Path, latencies: Latencies | None) -> Row:
    start = Micros((time.time_ns() // 1000 // HOUR - 2) * HOUR)
    async with open_storage(storage_options({CONNECTION: connection})) as opened:
        storage = opened.loop(DEFAULT_LOOP)
        await _write(storage, shape, start)
        with service_process("local", connection) as endpoint:
            async with open_session() as session:
                asked, peak, rest = await _ask(session, endpoint, start, latencies)
        found = await evaluations(storage.blobs).read("measured")
        assert found is not None
        evaluation = found.value
        contenders = evaluation.contenders or ()
        seconds, cpu = await _judge(storage, evaluation, contenders, folder)
    vw_cpu = _read_by_vw(shape, start, contenders, folder)
    return Row(shape, len(contenders), asked, seconds, cpu, vw_cpu, peak, rest)


async def _write(storage: LoopStorage, shape: Shape, start: Micros) -> None:
    events = shape.happen(shape.events, start)
    frames = []
    while block := b"".join([event.line() + b"\n" for event in islice(events, _BLOCK_LINES)]):
        frames.append(zstandard.compress(block))
    await storage.blobs.write(JOINED_LOG.name(start, 0), b"".join(frames))
    manifest = Manifest(position=Micros(start + HOUR))
    await storage.manifest.replace(manifest, await storage.manifest.read())


async def _ask(
    session: aiohttp.ClientSession, endpoint: str, start: Micros, latencies: Latencies | None
) -> tuple[float, int, int]:
    """Have the service evaluate; seconds, and bytes at the worst moment and before."""
    rank = calls(session, endpoint, "")["rank"]
    await play(rank, _RANKS, 1)
    if latencies is not None:
        latencies.quiet += [await _played(session, endpoint) for _ in range(_QUIET_ROUNDS)]
    memory = _Memory()
    url = f"{endpoint}/personalizer/evaluations/measured"
    body: JsonObject = {
        "name": "measured",
        "startTime": _instant(start),
        "endTime": _instant(Micros(start + HOUR)),
        "enablePolicyOptimization": True,
    }
    with memory:
        began = time.monotonic()
        async with session.put(url, params=_API, json=body) as answer:
            answer.raise_for_status()
        while (status := await _status(session, url)) in ("NotSubmitted", "Running"):
            if time.monotonic() - began > _PATIENCE_SECONDS:
                raise RuntimeError(f"no result after {_PATIENCE_SECONDS:.0f} s")
            if latencies is not None and status == "Running":
                latencies.busy.append(await _played(session, endpoint))
            else:
                await asyncio.sleep(0.1)
        seconds = time.monotonic() - began
    if status != "Succeeded":
        raise RuntimeError(f"the evaluation ended as {status}")
    if latencies is not None:
        latencies.quiet += [await _played(session, endpoint) for _ in range(_QUIET_ROUNDS)]
    return seconds, memory.peak, memory.rest


async def _played(session: aiohttp.ClientSession, endpoint: str) -> tuple[float, float]:
    measured = await play(calls(session, endpoint, "")["rank"], _RANKS, 1)
    return measured.p50, measured.p99


async def _status(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url, params=_API) as answer:
        answer.raise_for_status()
        return str((await answer.json())["status"])


def _instant(moment: Micros) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment // SECOND))


class _Memory:
    """Watches, while its block lasts, the memory of the service and its children."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.rest = self.peak = _memory_bytes()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *reason: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, _memory_bytes())


def _memory_bytes() -> int:
    """Of the service, which is a child of this process, and of its children."""
    parents: dict[int, int] = {}
    commands: dict[int, list[bytes]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            process = int(folder.name)
            commands[process] = (folder / "cmdline").read_bytes().split(b"\0")
            parents[process] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    services = {
        process
        for process, parent in parents.items()
        if parent == os.getpid() and commands[process][1:3] == [b"-m", b"local"]
    }
    total = 0
    for process, parent in parents.items():
        if process in services or (parent in services and b"evaluation.child" in commands[process]):
            with suppress(OSError):
                rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
                [pss] = [line for line in rollup.splitlines() if line.startswith("Pss:")]
                total += int(pss.split()[1]) * 1024
    return total


async def _judge(
    storage: LoopStorage, evaluation: Evaluation, contenders: Sequence[Contender], folder: Path
) -> tuple[float, float]:
    """Judge the same policies again, and nothing else: seconds, and those of the processor."""
    limits = Limits(processes=Options().evaluator_processes, round_seconds=_PATIENCE_SECONDS)
    start, end = evaluation.start, evaluation.end
    kept = [
        Kept(key=f"c{number}", arguments=with_exploration(each.arguments, _EXPLORATION))
        for number, each in enumerate(contenders)
    ]
    checkpoint = Checkpoint(kept=(Kept(key=LOGGED, arguments=None), *kept))
    files = await log_files(storage.blobs, start, end)
    work = folder / "judging"
    work.mkdir()
    stretch = await fetch(storage.blobs, files, [None], work, limits)
    judging = Round(storage.blobs, work, "benchmark/", LoopKind.SINGLE_SLOT, start, end, limits)

    async def tell(share: float) -> None:
        pass

    cpu, began = _children_cpu(), time.monotonic()
    after = await judging.judge(checkpoint, stretch, Micros(0), tell)
    assert not after.undone()
    return time.monotonic() - began, _children_cpu() - cpu


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read_by_vw(
    shape: Shape, start: Micros, contenders: Sequence[Contender], folder: Path
) -> float:
    """Processor seconds of VW, from a file of text to the end of learning, once for each policy."""
    file = folder / "events.txt"
    with file.open("w") as text:
        for event in shape.happen(shape.events, start):
            lesson = event.lesson
            assert lesson is not None
            lines = vw_lines(tree_of(event.decision.features))
            label = f"0:{lesson.cost:.9f}:{lesson.probability:.9g}"
            lines[1 + lesson.action] = f"{label} {lines[1 + lesson.action]}"
            text.write("\n".join(lines) + "\n\n")
    arguments = [with_exploration(each.arguments, _EXPLORATION) for each in contenders]
    command = [sys.executable, "-m", "benchmarks.evaluation", "read", str(file), *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    file.unlink()
    return float(output)


def _read(file: str, arguments: Sequence[str]) -> None:
    began = time.process_time()
    for each in arguments:
        Workspace(f"-d {file} --quiet {each}").finish()
    print(time.process_time() - began)


def tables() -> list[Table]:
    """Measure; takes some minutes."""
    rows, latencies = measure()
    return [_table(rows), _ranks(latencies, rows[-1])]


def _table(rows: Sequence[Row]) -> Table:
    return Table(
        "An evaluation with policy search",
        "python -m benchmarks.evaluation",
        [
            "events",
            "number",
            "policies",
            "asked to succeeded, s",
            "judging alone, s",
            "judging, CPU s",
            "VW alone, CPU s",
            "judging's CPU / VW's",
            "peak memory, MB",
        ],
        [
            [
                row.shape.name,
                f"{row.shape.events:,}",
                str(row.policies),
                f"{row.asked_seconds:.1f}",
                f"{row.judged_seconds:.1f}",
                f"{row.judged_cpu:.1f}",
                f"{row.vw_cpu:.1f}",
                f"{row.judged_cpu / row.vw_cpu:.1f}",
                f"{row.peak_bytes / 1e6:.0f} (before: {row.rest_bytes / 1e6:.0f})",
            ]
            for row in rows
        ],
        [
            f"Judged by {Options().evaluator_processes} processes; Azurite and the client are "
            "others. All policies are trained and judged in one pass over the log.",
            "Asked to succeeded is what a client sees: up to two seconds until the timer, the "
            "survey of the log, the judging, the features that matter, the result.",
            "Peak memory is the sum over the service and its children of what is theirs (PSS).",
            "VW alone reads the same events from an uncompressed file of text, without a cache, "
            "once with the arguments of each policy, in one process; it judges nothing.",
        ],
    )


def _ranks(latencies: Latencies, row: Row) -> Table:
    quiet, busy = latencies.quiet, latencies.busy

    def cells(name: str, measured: Sequence[tuple[float, float]]) -> list[str]:
        p50 = median(each[0] for each in measured)
        p99 = median(each[1] for each in measured)
        ratios = (
            p50 / median(each[0] for each in quiet),
            p99 / median(each[1] for each in quiet),
        )
        return [
            name,
            str(len(measured)),
            f"{p50:.2f}",
            f"{p99:.2f}",
            f"{ratios[0]:.2f}",
            f"{ratios[1]:.2f}",
        ]

    return Table(
        "Ranks beside an evaluation",
        "python -m benchmarks.evaluation",
        ["", "rounds", "p50 ms", "p99 ms", "p50 ÷ quiet", "p99 ÷ quiet"],
        [cells("quiet", quiet), cells("while it evaluates", busy)],
        [
            f"Rounds of {_RANKS} ranks, one in flight, against the service that evaluates "
            f"{row.shape.events:,} events of {row.shape.name}; the median of the rounds, those "
            "called quiet from before and after.",
            f"Children with less priority keep all {os.cpu_count()} cores busy meanwhile, which "
            "Azurite and the client share.",
        ],
    )


def main() -> None:
    """Measure all of it, or be the process in which VW reads."""
    if sys.argv[1:2] == ["read"]:
        _, _, file, *arguments = sys.argv
        _read(file, arguments)
    else:
        print("\n".join(table.markdown() for table in tables()))


if __name__ == "__main__":
    main()
