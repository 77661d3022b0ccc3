"""`python -m cli loops`: makes, lists and removes the learning loops of a deployment."""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser, Namespace

from cli.owner import OwnerError, Place, fail, perform, show_keys
from loop.events import SECOND, Micros
from loop.iso import format_instant, instant_of
from loop.register import DEFAULT_LOOP, RegisterError
from management.loops import LoopStatus, add_loop, delete_data, list_loops, remove_loop
from storage.factory import Storage

_LET_GO_SECONDS = 60.0
"""Until every process has noticed that a loop is gone, and has logged what was under way."""

_REMOVE = "loops remove"
_COLUMNS = ("LOOP", "CREATED", "LAST MODEL", "DECISIONS", "LEARNED", "REWARDS")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command can do."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="print all loops and how they are doing")
    listing.set_defaults(run=_list)
    add = actions.add_parser(
        "add",
        help="make a loop and print its keys",
        description="Makes a loop and prints its keys; a running service takes them at once.",
    )
    add.add_argument("name", metavar="LOOP", help="3 to 24 of a-z and 0-9, a letter first")
    add.set_defaults(run=_add)
    remove = actions.add_parser(
        "remove",
        help="remove a loop",
        description="Removes a loop: within a minute its keys open nothing and it learns no more. "
        "Its data stays, and a new loop of its name finds it, unless it is deleted too.",
    )
    remove.add_argument("name", metavar="LOOP")
    remove.add_argument(
        "--delete-data",
        action="store_true",
        help="delete its log, models and settings as well, also those of a loop removed before",
    )
    remove.add_argument("--yes", action="store_true", help="don't ask")
    remove.add_argument(
        "--wait",
        type=float,
        default=_LET_GO_SECONDS,
        metavar="SECONDS",
        help="before data is deleted: until every process has noticed (default: %(default)g)",
    )
    remove.set_defaults(run=_remove)


def _list(arguments: Namespace) -> int:
    async def show(place: Place, storage: Storage) -> None:
        rows = [_COLUMNS, *(_row(status) for status in await list_loops(storage))]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())

    return perform("loops list", show)


def _add(arguments: Namespace) -> int:
    name: str = arguments.name

    async def add(place: Place, storage: Storage) -> None:
        if name == DEFAULT_LOOP and place.default_keys is not None:
            raise OwnerError(f"The keys of {name!r} come from {place.default_keys.place}.")
        show_keys(name, (await add_loop(storage.register, name, _now())).keys)

    return perform("loops add", add)


def _remove(arguments: Namespace) -> int:
    name: str = arguments.name
    deletes: bool = arguments.delete_data
    wait: float = arguments.wait

    async def check(place: Place, storage: Storage) -> None:
        if name == DEFAULT_LOOP:
            raise OwnerError(f"{name!r} is always there and can't be removed.")
        registered = name in (await storage.register.read()).value.loops
        if not registered and not (deletes and await _has_data(storage, name)):
            raise OwnerError(f"There is no loop {name!r}.")

    async def remove(place: Place, storage: Storage) -> None:
        if name in (await storage.register.read()).value.loops:
            await remove_loop(storage.register, name)
            print(f"removed {name}")
            if deletes:
                print(f"waiting {wait:g} s, until every process has let go of it …", flush=True)
                await asyncio.sleep(wait)
        if deletes:
            await delete_data(storage.loop(name), _now())
            print(f"deleted the data of {name}")

    if code := perform(_REMOVE, check):
        return code
    # Outside of the event loop, where Ctrl-C ends it.
    if not arguments.yes and not _confirmed(name, deletes):
        return fail(_REMOVE, "Nothing was changed.")
    return perform(_REMOVE, remove)


async def _has_data(storage: Storage, name: str) -> bool:
    try:
        loop = storage.loop(name)
    except RegisterError:
        return False
    if await loop.log.earliest() is not None:
        return True
    return any([True async for _ in loop.blobs.list("")])


def _confirmed(name: str, deletes: bool) -> bool:
    what = "with all of its data" if deletes else "but not its data"
    try:
        return input(f"Remove the loop {name}, {what}? Type its name: ").strip() == name
    except (EOFError, KeyboardInterrupt):
        return False


def _row(status: LoopStatus) -> tuple[str, ...]:
    counts = (status.counts.decisions, status.counts.learned, status.counts.rewards)
    instants = (_shown(status.created), _shown(status.model_created))
    return (status.name, *instants, *(f"{count:,}" for count in counts))


def _shown(time: Micros | None) -> str:
    return "-" if time is None else format_instant(instant_of(Micros(time - time % SECOND)))


def _now() -> Micros:
    return Micros(time.time_ns() // 1000)
