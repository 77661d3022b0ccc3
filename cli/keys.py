"""`python -m cli keys`: shows the keys of a loop, makes and rotates them, and takes them away."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable

from api.options import KEY_SETTINGS
from cli.owner import OwnerError, Place, perform, show_keys
from loop.register import DEFAULT_LOOP, KeyName, Register, RegisteredLoop, RegisterError
from management.loops import remove_key, rotate_key
from storage.documents import Document
from storage.factory import Storage

_NO_KEYS = (
    f"The keys of {DEFAULT_LOOP!r} are the settings {' and '.join(KEY_SETTINGS)} of the service. "
    f"Where these are unset, `python -m cli loops add {DEFAULT_LOOP}` makes keys for it."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command can do."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print all keys of a loop")
    show.add_argument("name", metavar="LOOP")
    show.set_defaults(run=_show)
    rotate = actions.add_parser(
        "rotate",
        help="replace one key of a loop, or make a client key",
        description="Replaces one key of a loop. The old one stops working within a minute in "
        "every process of the service; the loop's other keys stay valid. A client key, which "
        "opens rank, reward and activate only, is made the same way.",
    )
    rotate.add_argument("name", metavar="LOOP")
    rotate.add_argument("--key", choices=[key.value for key in KeyName], required=True)
    rotate.set_defaults(run=_rotate)
    remove = actions.add_parser(
        "remove",
        help="take a client key of a loop away",
        description="Takes a client key of a loop away: within a minute it opens nothing.",
    )
    remove.add_argument("name", metavar="LOOP")
    clients = [key.value for key in KeyName if key.is_client_key]
    remove.add_argument("--key", choices=clients, required=True)
    remove.set_defaults(run=_remove)


def _show(arguments: Namespace) -> int:
    name: str = arguments.name

    async def show(place: Place, storage: Storage) -> None:
        if name == DEFAULT_LOOP and place.default_keys is not None:
            show_keys(name, place.default_keys.keys, place.default_keys.client_keys)
            print(f"from   {place.default_keys.place}")
            return
        _show_registered(name, await _registered(storage, name))

    return perform("keys show", show)


def _rotate(arguments: Namespace) -> int:
    return _change("rotate", arguments, rotate_key)


def _remove(arguments: Namespace) -> int:
    return _change("remove", arguments, remove_key)


def _change(
    action: str,
    arguments: Namespace,
    change: Callable[[Document[Register], str, KeyName], Awaitable[RegisteredLoop]],
) -> int:
    name: str = arguments.name
    which = KeyName(arguments.key)

    async def changed(place: Place, storage: Storage) -> None:
        if name == DEFAULT_LOOP and place.default_keys is not None:
            raise OwnerError(
                f"The keys of {name!r} come from {place.default_keys.place}. "
                "Change them there, and restart the service."
            )
        await _registered(storage, name)
        _show_registered(name, await change(storage.register, name, which))

    return perform(f"keys {action}", changed)


def _show_registered(name: str, loop: RegisteredLoop) -> None:
    show_keys(name, loop.keys, loop.client_keys)
    if name == DEFAULT_LOOP:
        # They can't be seen from here.
        print(f"unless {' or '.join(KEY_SETTINGS)} is set for the service: then that holds")


async def _registered(storage: Storage, name: str) -> RegisteredLoop:
    try:
        return (await storage.register.read()).value.loop(name)
    except RegisterError as error:
        raise OwnerError(_NO_KEYS if name == DEFAULT_LOOP else str(error)) from error
