"""`python -m cli simulate`: plays a world's customers against a running service."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from random import Random
from uuid import uuid4

from cli import worlds
from cli.access import DEFAULT_ENDPOINT, KEY_VARIABLE, Access, NoKey, find_access
from cli.playing import GaveUp, Journal, Plan, play
from cli.progress import Progress
from cli.service import CallFailed, LoopSetup, Patience, Service
from cli.summary import summarize

# With 15 s of reward wait and of model updates, the 10,000 events of the tutorial take a little
# more than three minutes, and the first model comes after a tenth of them.
DEFAULT_RATE = 50.0

_MULTI_SLOT = "--ccb_explore_adf"


class Exit(IntEnum):
    """How the command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    world: str
    access: Access
    events: int
    rate: float
    concurrency: int
    seed: int
    wait: str | None
    update: str | None
    policy: str | None
    exploration: float | None
    output: Path
    json: Path | None
    record: Path | None
    patience: Patience
    give_up: int


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("world", nargs="?", choices=worlds.names(), help="whom to play")
    parser.add_argument("--list", action="store_true", help="list the worlds and end")
    parser.add_argument("--events", type=_positive(int), default=10_000, metavar="N")
    parser.add_argument("--endpoint", default=DEFAULT_ENDPOINT, help="default: %(default)s")
    parser.add_argument(
        "--key", help=f"default: {KEY_VARIABLE}, or the key that `make run` has made"
    )
    pace = parser.add_argument_group("pace")
    pace.add_argument(
        "--rate",
        type=_positive(float),
        default=DEFAULT_RATE,
        metavar="N",
        help="begin at most N events per second (default: %(default)g)",
    )
    pace.add_argument(
        "--concurrency",
        type=_positive(int),
        default=16,
        metavar="N",
        help="at most N events at a time (default: %(default)s)",
    )
    pace.add_argument(
        "--seed", type=int, default=1, help="of the customers' chance (default: %(default)s)"
    )
    setup = parser.add_argument_group("set the loop up first (what is not given stays as it is)")
    setup.add_argument("--wait", metavar="PT15S", help="how long rewards are waited for")
    setup.add_argument("--update", metavar="PT15S", help="how often a new model is made")
    setup.add_argument("--policy", metavar="ARGS", help="learning settings (VW arguments)")
    setup.add_argument(
        "--exploration", type=float, metavar="SHARE", help="of choices made at random, 0 to 1"
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--output", type=Path, metavar="FILE.png", help="default: simulate-WORLD.png"
    )
    results.add_argument("--json", type=Path, metavar="FILE", help="write the summary as JSON")
    results.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="write every answered event as a line of JSON, as it comes",
    )
    errors = parser.add_argument_group("errors")
    errors.add_argument(
        "--attempts",
        type=_positive(int),
        default=Patience().attempts,
        metavar="N",
        help="try a call up to N times (default: %(default)s)",
    )
    errors.add_argument(
        "--give-up",
        type=_positive(int),
        default=10,
        metavar="N",
        help="end after N failed events in a row (default: %(default)s)",
    )


def run(arguments: Namespace) -> int:
    """Do what the command line asks for and return the exit code."""
    if arguments.list:
        for name in worlds.names():
            world = worlds.load(name)
            print(f"{name:<8} {world.about}\n         --policy '{world.policy}'")
        return Exit.DONE
    if arguments.world is None:
        return _fail("name a world: " + ", ".join(worlds.names()), Exit.USAGE)
    try:
        options = _options(arguments)
        setup = asyncio.run(_prepare(options))
    except NoKey as error:
        return _fail(str(error), Exit.USAGE)
    except CallFailed as failure:
        return _fail(str(failure), Exit.FAILED)
    return _simulate(options, setup)


def _options(arguments: Namespace) -> Options:
    return Options(
        world=arguments.world,
        access=find_access(arguments.endpoint, arguments.key),
        events=arguments.events,
        rate=arguments.rate,
        concurrency=arguments.concurrency,
        seed=arguments.seed,
        wait=arguments.wait,
        update=arguments.update,
        policy=arguments.policy,
        exploration=arguments.exploration,
        output=arguments.output or Path(f"simulate-{arguments.world}.png"),
        json=arguments.json,
        record=arguments.record,
        patience=Patience(attempts=arguments.attempts),
        give_up=arguments.give_up,
    )


async def _prepare(options: Options) -> LoopSetup:
    async with Service(options.access, connections=1, patience=options.patience) as service:
        if options.policy is not None:
            if _MULTI_SLOT in options.policy and await service.stop_optimizing():
                print("auto-optimization is off from now on: a multi-slot loop can't have it")
            await service.change_policy("simulate", options.policy)
        changes = (options.wait, options.update, options.exploration)
        if any(change is not None for change in changes):
            return await service.configure(*changes)
        return await service.read_setup()


def _simulate(options: Options, setup: LoopSetup) -> int:
    world = worlds.load(options.world)(Random(options.seed))
    plan = Plan(
        run=f"{options.world}-{uuid4().hex[:12]}",
        events=options.events,
        rate=options.rate,
        concurrency=options.concurrency,
        give_up=options.give_up,
    )
    service = Service(options.access, options.concurrency, options.patience)
    started = time.monotonic()
    with Progress(options.events, options.record) as progress:
        journal = Journal(progress.enter)

        async def perform() -> None:
            async with service:
                await play(world, service, plan, journal)

        code = Exit.DONE
        reason = ""
        try:
            asyncio.run(perform())
        except KeyboardInterrupt:
            code, reason = Exit.INTERRUPTED, "ended early"
        except (GaveUp, CallFailed) as failure:
            code, reason = Exit.FAILED, str(failure)
    seconds = time.monotonic() - started
    if journal.played:
        _report(options, setup, journal, service, seconds)
    return _fail(reason, code) if reason else code


def _report(
    options: Options, setup: LoopSetup, journal: Journal, service: Service, seconds: float
) -> None:
    # Matplotlib takes a second to import, which nobody should wait for at the start.
    from cli.picture import draw

    summary = summarize(
        world=options.world,
        seed=options.seed,
        planned=options.events,
        seconds=seconds,
        journal=journal,
        setup=setup,
        retries=service.retries,
    )
    print("\n".join(summary.lines()))
    if setup.learning_mode != "Online":
        print(f"  the loop is in {setup.learning_mode} mode: it answers the baseline's choice")
    draw(journal.played, summary, options.output)
    print(f"  {'picture':<14} {options.output.resolve()}")
    if options.json:
        options.json.write_bytes(summary.to_json())


def _fail(message: str, code: Exit) -> int:
    print(f"simulate: {message}", file=sys.stderr)
    return code


def _positive(kind: type[int] | type[float]) -> Callable[[str], int | float]:
    def parse(text: str) -> int | float:
        number = kind(text)
        if not 0 < number < float("inf"):
            raise ValueError
        return number

    # argparse names the type by this in "invalid … value".
    parse.__name__ = f"positive {kind.__name__}"
    return parse
