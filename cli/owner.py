"""What the owner's commands work on: the deployment's storage itself, not its API."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import orjson

from api.options import KEY_SETTINGS, default_client_keys, default_keys
from cli.access import KEYS_FILE
from local.azurite import CONNECTION_FILE, DIRECTORY
from loop.errors import StorageUnavailable
from loop.register import RegisterError
from storage.factory import Storage, open_storage
from storage.options import (
    CONNECTION,
    CREDENTIAL,
    AccountKey,
    Identity,
    IdentityKind,
    StorageOptions,
    StorageSettingsError,
    storage_options,
)

_DEVELOPMENT = "UseDevelopmentStorage=true"

_HINTS = {
    IdentityKind.MANAGED: f"Outside of Azure, set {CREDENTIAL} to "
    f"{IdentityKind.AZURE_CLI.value} or {IdentityKind.AZD.value}.",
    IdentityKind.AZURE_CLI: "Are you logged in (`az login`), and may that login read and write "
    "the account's blobs and tables?",
    IdentityKind.AZD: "Are you logged in (`azd auth login`), and may that login read and write "
    "the account's blobs and tables?",
}


class OwnerError(Exception):
    """Raised when a command can't do what it is asked for; the message says why."""


class Exit(IntEnum):
    """How an owner's command ends."""

    DONE = 0
    FAILED = 1
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class DefaultKeys:
    """The keys of ``default`` that are settings, as far as this machine knows them.

    Attributes:
        place: Where they are set.
    """

    keys: tuple[str, ...]
    client_keys: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Place:
    """The deployment that a command is about.

    Attributes:
        default_keys: None where ``default`` has no settings for keys that could be seen from here.
    """

    storage: StorageOptions
    default_keys: DefaultKeys | None


def find_place(environment: Mapping[str, str], keys_file: Path) -> Place:
    """The storage that the environment names, or that of the ``make run`` which is running.

    Args:
        keys_file: Where ``make run`` keeps the keys that it has made.

    Raises:
        OwnerError: There is neither.
    """
    directory = Path(environment.get("AZURITE_DIR") or DIRECTORY)
    named = environment.get(CONNECTION, "")
    by_identity = any(name.startswith(f"{CONNECTION}__") for name in environment)
    local = directory / CONNECTION_FILE
    runs_here = not by_identity and named in ("", _DEVELOPMENT) and local.exists()
    settings = {CONNECTION: local.read_text()} if runs_here else environment
    try:
        storage = storage_options(settings)
    except StorageSettingsError as error:
        hint = "" if named or by_identity else " Or start the service with `make run`."
        raise OwnerError(f"{error}{hint}") from error
    set_here = default_keys(environment)
    if set_here:
        place = f"the settings {' and '.join(KEY_SETTINGS)}"
        return Place(storage, DefaultKeys(set_here, default_client_keys(environment), place))
    if runs_here and keys_file.exists():
        kept = default_keys(orjson.loads(keys_file.read_bytes()))
        return Place(storage, DefaultKeys(kept, default_client_keys(environment), str(keys_file)))
    return Place(storage, None)


def perform(command: str, work: Callable[[Place, Storage], Awaitable[None]]) -> int:
    """Do ``work`` on the deployment's storage, and return the exit code."""

    async def performed() -> None:
        place = find_place(os.environ, KEYS_FILE)
        try:
            async with open_storage(place.storage) as storage:
                await work(place, storage)
        except StorageUnavailable as error:
            raise OwnerError(f"{error.message} {_hint(place.storage.credential)}") from error

    try:
        asyncio.run(performed())
    except (OwnerError, RegisterError) as error:
        return fail(command, str(error))
    except KeyboardInterrupt:
        print(f"{command}: ended early", file=sys.stderr)
        return Exit.INTERRUPTED
    return Exit.DONE


def _hint(credential: AccountKey | Identity) -> str:
    if isinstance(credential, Identity):
        return _HINTS[credential.kind]
    return "Is the service, or its storage, running?"


def show_keys(name: str, keys: tuple[str, ...], client_keys: tuple[str | None, ...] = ()) -> None:
    """Print a loop's keys, in the words that ``make run`` has for them."""
    print(f"loop   {name}")
    for number, key in enumerate(keys, start=1):
        print(f"key {number}  {key}")
    for number, client_key in enumerate(client_keys, start=1):
        if client_key is not None:
            print(f"client key {number}  {client_key}")


def fail(command: str, message: str) -> int:
    """Say why a command has failed, and return the exit code."""
    print(f"{command}: {message}", file=sys.stderr)
    return Exit.FAILED
