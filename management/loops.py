"""The loops of a deployment: made, listed and removed by its owner, and their keys rotated.

The register is all that is changed. Running processes follow it by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass

from loop.events import Micros
from loop.manifest import Counts
from loop.register import KeyName, Register, RegisteredLoop
from management.logs import delete_logs
from storage.documents import Document
from storage.factory import LoopStorage, Storage
from storage.revising import revise

logger = logging.getLogger(__name__)

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """How a loop is doing.

    Attributes:
        created: When it was made; None for a default loop that the register does not name.
        model_created: When the model that it serves was made; None before a first one.
        counts: What has become of everything that was sent to it.
    """

    name: str
    created: Micros | None
    model_created: Micros | None
    counts: Counts


async def list_loops(storage: Storage) -> list[LoopStatus]:
    """Every loop of the deployment, the default one first.

    Raises:
        StorageUnavailable: Storage is away.
    """
    register = (await storage.register.read()).value
    manifests = await asyncio.gather(
        *(storage.loop(name).manifest.read() for name in register.names)
    )
    statuses = []
    for name, read in zip(register.names, manifests, strict=True):
        registered, model = register.loops.get(name), read.value.model
        created = None if registered is None else registered.created
        model_created = None if model is None else model.created
        statuses.append(LoopStatus(name, created, model_created, read.value.counts))
    return statuses


async def add_loop(register: Document[Register], name: str, now: Micros) -> RegisteredLoop:
    """Make a loop with two new keys. Data of a former loop of that name is its own again.

    For ``default``, which there is anyway, this makes keys that hold where none are settings.

    Raises:
        RegisterError: There is one of that name, or no loop can bear it.
        StorageUnavailable: Storage is away, or others are changing the register all the time.
    """
    keys = (new_key(), new_key())
    _, changed = await revise(register, lambda r: r.with_loop(name, keys, now))
    logger.info("loop_added", extra={"loop": name})
    return changed.loop(name)


async def rotate_key(register: Document[Register], name: str, which: KeyName) -> RegisteredLoop:
    """Replace a key of a loop by a new one, or make a client key; the others stay valid.

    Raises:
        RegisterError: There is no such loop.
        StorageUnavailable: Storage is away, or others are changing the register all the time.
    """
    key = new_key()
    _, changed = await revise(register, lambda r: r.with_key(name, which, key))
    logger.info("key_rotated", extra={"loop": name, "which": which.value})
    return changed.loop(name)


async def remove_key(register: Document[Register], name: str, which: KeyName) -> RegisteredLoop:
    """Take a client key of a loop away, so that it opens nothing.

    Raises:
        RegisterError: There is no such loop or client key, or it is a key that every loop has.
        StorageUnavailable: Storage is away, or others are changing the register all the time.
    """
    _, changed = await revise(register, lambda r: r.without_key(name, which))
    logger.info("key_removed", extra={"loop": name, "which": which.value})
    return changed.loop(name)


async def remove_loop(register: Document[Register], name: str) -> None:
    """Take a loop out of the register, so that its keys open nothing; its data stays.

    Raises:
        RegisterError: There is no such loop.
        StorageUnavailable: Storage is away, or others are changing the register all the time.
    """
    await revise(register, lambda r: r.without_loop(name))
    logger.info("loop_removed", extra={"loop": name})


async def delete_data(storage: LoopStorage, now: Micros) -> None:
    """Delete everything that a removed loop has kept; again after a failure, with the same effect.

    A process that has not noticed the removal yet would write anew: wait until all of them have.
    A run of the trainer under way does not matter, it loses its commit.

    Raises:
        StorageUnavailable: Storage is away.
    """
    await delete_logs(storage, now)
    names = [entry.name async for entry in storage.blobs.list("")]
    for place in range(0, len(names), _AT_ONCE):
        some = names[place : place + _AT_ONCE]
        await asyncio.gather(*(storage.blobs.delete(name) for name in some))
    logger.info("loop_data_deleted", extra={"files": len(names)})


def new_key() -> str:
    """A key that nobody can guess: 128 random bits as 32 hex digits.

    >>> len(new_key())
    32
    """
    return secrets.token_hex(16)
