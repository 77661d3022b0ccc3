"""The trainer from scan to commit, beside VW alone reading the same events from a file.

``python -m benchmarks.trainer`` starts Azurite, fills a loop's event log, and lets a process of
its own learn it; then VW reads the joined log that came out, decompressed, with the same policy.
"""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import orjson
from vowpalwabbit import Workspace

from benchmarks.report import Table
from local.azurite import Azurite
from loop.errors import StorageUnavailable
from loop.events import SECOND, Decision, Micros, Reward
from loop.features import Action, JsonObject, compose
from loop.joining import HORIZON
from loop.segments import JOINED_LOG
from storage.event_log import EventLog
from storage.factory import LoopStorage, open_storage
from storage.joined_log import lines
from storage.options import CONNECTION, storage_options
from trainer.limits import Limits
from trainer.run import train

EVENTS_PER_SECOND = 100
_START = 1_700_000_000 * SECOND
_WAIT = HORIZON  # the default reward wait time, ten minutes
_IN_FLIGHT = 32
_ATTEMPTS = 10
_WORDS = [f"{syllable}{i}" for i in range(40) for syllable in ("ba", "ke", "li", "mo", "nu")]


@dataclass(frozen=True, slots=True)
class Shape:
    """What events of a log look like: so many actions of so many features, and their number."""

    name: str
    events: int
    actions: int
    features: int


SHAPES = (
    Shape("small", events=100_000, actions=4, features=4),
    Shape("10 KB", events=20_000, actions=50, features=9),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process needed.

    Attributes:
        seconds: By the clock on the wall.
        cpu_seconds: Of this process alone.
        rest_bytes: Its largest size in memory before it began.
        peak_bytes: Its largest size in memory.
    """

    seconds: float
    cpu_seconds: float
    rest_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One shape: the trainer, and VW on the same events."""

    shape: Shape
    log_bytes: int
    trainer: Measured
    vw: Measured


def measure(shapes: tuple[Shape, ...] = SHAPES) -> list[Row]:
    """Fill a log of each shape, learn it, and let VW do the same."""
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder)) as azurite:
        return [_measure(azurite.connection_string, shape, Path(folder)) for shape in shapes]


def _measure(connection: str, shape: Shape, folder: Path) -> Row:
    loop = f"bench{shape.actions}"
    asyncio.run(_fill(connection, loop, shape))
    trainer = _process("learn", connection, loop, str(shape.events))
    log = folder / f"{loop}.dsjson"
    arguments = asyncio.run(_export(connection, loop, log))
    vw = _process("read", str(log), arguments)
    size = log.stat().st_size
    log.unlink()
    return Row(shape, size, trainer, vw)


def _process(*arguments: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.trainer", *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return Measured(**orjson.loads(output))


def _events(shape: Shape) -> Iterator[Decision | Reward]:
    dice = random.Random(shape.actions)
    for i in range(shape.events):
        at = _START + i * SECOND // EVENTS_PER_SECOND
        event_id = f"{dice.getrandbits(128):032x}"
        actions = [
            Action(
                f"action{a}", [{f"feature{f}": dice.choice(_WORDS) for f in range(shape.features)}]
            )
            for a in range(shape.actions)
        ]
        context: list[JsonObject] = [
            {"user": dice.choice(_WORDS), "hour": dice.randrange(24), "mobile": True}
        ]
        features = orjson.dumps(compose(context, actions))
        ranking = list(range(shape.actions))
        dice.shuffle(ranking)
        rest = 0.2 / shape.actions
        probabilities = (0.8 + rest, *[rest] * (shape.actions - 1))
        yield Decision(event_id, Micros(at), features, tuple(ranking), probabilities, "m")
        if dice.random() < 0.5:
            yield Reward(event_id, Micros(at + dice.randrange(_WAIT)), 1.0)


async def _fill(connection: str, loop: str, shape: Shape) -> None:
    events = _events(shape)
    async with open_storage(storage_options({CONNECTION: connection})) as storage:
        log = storage.loop(loop).log
        for event in islice(events, 1):
            await _append(log, event)  # makes the table

        async def append() -> None:
            for event in events:
                await _append(log, event)

        await asyncio.gather(*(append() for _ in range(_IN_FLIGHT)))


async def _append(log: EventLog, event: Decision | Reward) -> None:
    """Append an event; Azurite stands still for seconds now and then, when it saves its files."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(StorageUnavailable):
            return await log.append(event)
    return await log.append(event)


async def _export(connection: str, loop: str, file: Path) -> str:
    """Write the joined log to a file, and tell the policy that it was learned with."""
    async with open_storage(storage_options({CONNECTION: connection})) as opened:
        storage = opened.loop(loop)
        names = [entry.name async for entry in storage.blobs.list(f"{JOINED_LOG.folder}/")]
        with file.open("wb") as log:
            for name in names:
                async for line in lines(storage.blobs.stream(name)):
                    log.write(line + b"\n")
        model = (await storage.manifest.read()).value.model
        assert model is not None
        return model.arguments


def _timed(work: Iterator[None]) -> None:
    """Print what the rest of ``work`` needs, once it has made itself ready."""
    next(work)
    rest = _peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    next(work, None)
    measured = Measured(time.perf_counter() - wall, time.process_time() - cpu, rest, _peak_bytes())
    print(orjson.dumps(asdict(measured)).decode())


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _learn(connection: str, loop: str, events: int) -> Iterator[None]:
    async def learn() -> None:
        async with open_storage(storage_options({CONNECTION: connection})) as opened:
            done = await _train(opened.loop(loop))
        assert done == events, f"{done} of {events} were learned"

    yield
    asyncio.run(learn())


async def _train(storage: LoopStorage) -> int:
    later = _START + 10**12
    report = await train(storage, lambda: Micros(later), Limits(seconds=1e6))
    return report.lessons


def _read(file: str, arguments: str) -> Iterator[None]:
    yield
    Workspace(f"--dsjson -d {file} --quiet {arguments}").finish()


def table(rows: list[Row]) -> Table:
    """The rows as a table of the page."""
    return Table(
        "The trainer, scan to commit",
        "python -m benchmarks.trainer",
        [
            "events",
            "number",
            "joined log, MB",
            "events/s",
            "MB/s",
            "events/s of its CPU",
            "peak memory, MB",
            "VW alone, events/s of its CPU",
            "trainer's CPU / VW's",
        ],
        [_cells(row) for row in rows],
        [
            "One process, one core; Azurite is another one. Half of the events have a reward.",
            "Events were put into the event log beforehand; the time is that of one run: read both "
            "logs, join, learn, write the joined log, model and state, commit.",
            "Peak memory is that of the whole process, of which "
            f"{rows[0].trainer.rest_bytes / 1e6:.0f} MB are there before it begins.",
            "VW alone reads the joined log from an uncompressed file (`--dsjson`), with the same "
            "policy.",
        ],
    )


def _cells(row: Row) -> list[str]:
    events, trainer, vw = row.shape.events, row.trainer, row.vw
    return [
        row.shape.name,
        f"{events:,}",
        f"{row.log_bytes / 1e6:.0f}",
        f"{events / trainer.seconds:,.0f}",
        f"{row.log_bytes / 1e6 / trainer.seconds:.1f}",
        f"{events / trainer.cpu_seconds:,.0f}",
        f"{trainer.peak_bytes / 1e6:.0f}",
        f"{events / vw.cpu_seconds:,.0f}",
        f"{trainer.cpu_seconds / vw.cpu_seconds:.1f}",
    ]


def tables() -> list[Table]:
    """Measure; takes some minutes, most of them to fill the log."""
    return [table(measure())]


def main() -> None:
    """Measure all of it, or be one of the processes that are measured."""
    if sys.argv[1:2] == ["learn"]:
        _, _, connection, loop, events = sys.argv
        _timed(_learn(connection, loop, int(events)))
    elif sys.argv[1:2] == ["read"]:
        _, _, file, arguments = sys.argv
        _timed(_read(file, arguments))
    else:
        print(tables()[0].markdown())


if __name__ == "__main__":
    main()
