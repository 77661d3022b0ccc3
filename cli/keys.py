"""`python -m cli keys`: shows the two keys of a loop, and rotates one of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from api.options import KEY_SETTINGS
from cli.owner import OwnerError, Place, perform, show_keys
from loop.register import DEFAULT_LOOP, RegisterError
from management.loops import rotate_key
from storage.factory import Storage

_NO_KEYS = (
    f"The keys of {DEFAULT_LOOP!r} are the settings {' and '.join(KEY_SETTINGS)} of the service. "
    f"Where these are unset, `python -m cli loops add {DEFAULT_LOOP}` makes keys for it."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command can do."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print both keys of a loop")
    show.add_argument("name", metavar="LOOP")
    show.set_defaults(run=_show)
    rotate = actions.add_parser(
        "rotate",
        help="replace one key of a loop",
        description="Replaces one key of a loop. The old one stops working within a minute in "
        "every process of the service; the loop's other key stays valid.",
    )
    rotate.add_argument("name", metavar="LOOP")
    rotate.add_argument("--key", type=int, choices=(1, 2), required=True, dest="number")
    rotate.set_defaults(run=_rotate)


def _show(arguments: Namespace) -> int:
    name: str = arguments.name

    async def show(place: Place, storage: Storage) -> None:
        if name == DEFAULT_LOOP and place.default_keys is not None:
            show_keys(name, place.default_keys.keys)
            print(f"from   {place.default_keys.place}")
            return
        _show_registered(name, await _registered(storage, name))

    return perform("keys show", show)


def _rotate(arguments: Namespace) -> int:
    name: str = arguments.name
    number: int = arguments.number

    async def rotate(place: Place, storage: Storage) -> None:
        if name == DEFAULT_LOOP and place.default_keys is not None:
            raise OwnerError(
                f"The keys of {name!r} come from {place.default_keys.place}. "
                "Change them there, and restart the service."
            )
        await _registered(storage, name)
        _show_registered(name, (await rotate_key(storage.register, name, number)).keys)

    return perform("keys rotate", rotate)


def _show_registered(name: str, keys: tuple[str, str]) -> None:
    show_keys(name, keys)
    if name == DEFAULT_LOOP:
        # They can't be seen from here.
        print(f"unless {' or '.join(KEY_SETTINGS)} is set for the service: then that holds")


async def _registered(storage: Storage, name: str) -> tuple[str, str]:
    try:
        return (await storage.register.read()).value.loop(name).keys
    except RegisterError as error:
        raise OwnerError(_NO_KEYS if name == DEFAULT_LOOP else str(error)) from error
