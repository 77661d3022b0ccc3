"""Copying the joined log to a container of the owner's, behind the back of learning.

A file is copied once its hour is over and joined: then it never changes. It is copied at least
once; one that can't be copied is tried again after a rest, and holds up the files after it alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from loop.container_sas import ContainerSas, container_sas
from loop.errors import InvalidSasUri, StorageUnavailable
from loop.events import SECOND, Micros
from loop.manifest import Manifest, MirrorProgress
from loop.segments import HOUR, JOINED_LOG, hour_of, sequence_of
from storage.blobs import Conflict
from storage.factory import LoopStorage
from storage.mirror import Mirror, MirrorError, Mirrors
from storage.settling import settle

logger = logging.getLogger(__name__)

REST = 300 * SECOND
"""How long a mirror that has failed is left alone, in microseconds."""

_ATTEMPTS = 5
_SECONDS = 30.0
_STARTING = 10 * SECOND


@dataclass(slots=True)
class _Pass:
    """What one pass has come to: how far it got, and what stopped it."""

    progress: MirrorProgress
    failure: str = ""


async def mirror_log(
    storage: LoopStorage, mirrors: Mirrors, name: str, clock: Callable[[], Micros]
) -> None:
    """Copy what there is to be copied, as far as it goes in half a minute.

    A mirror that fails is counted and logged, and raises nothing; nor does storage that is away.

    Args:
        name: The loop's, and that of its folder in the mirror.
    """
    try:
        await _mirror_log(storage, mirrors, name, clock)
    except StorageUnavailable:
        logger.warning("log_not_mirrored")


async def _mirror_log(
    storage: LoopStorage, mirrors: Mirrors, name: str, clock: Callable[[], Micros]
) -> None:
    configuration = (await storage.settings.read()).value.configuration
    uri = configuration.log_mirror_sas_uri
    if uri is None or not configuration.log_mirror_enabled:
        return
    manifest = (await storage.manifest.read()).value
    former = manifest.mirror or MirrorProgress()
    now = clock()
    if now < former.resting and _digest(uri) == former.uri:
        return
    done = _Pass(former.model_copy(update={"uri": _digest(uri), "resting": Micros(0)}))
    try:
        sas = container_sas(uri, now)
        if sas.container != former.container:
            done.progress = MirrorProgress(uri=_digest(uri), container=sas.container)
        if done.progress.until < _joined_hours(manifest):
            await _copy(storage, manifest, mirrors, sas, name, clock, done)
    except InvalidSasUri as error:
        done.failure = error.message
    except MirrorError as error:
        done.failure = str(error)
    except asyncio.TimeoutError:
        done.failure = "its storage is too slow"
    if done.failure:
        logger.error("log_mirror_failed", extra={"reason": done.failure})
        resting = Micros(clock() + REST)
        done.progress = done.progress.model_copy(update={"resting": resting})
    if done.progress != former:
        await _remember(storage, done)


async def _copy(
    storage: LoopStorage,
    manifest: Manifest,
    mirrors: Mirrors,
    sas: ContainerSas,
    name: str,
    clock: Callable[[], Micros],
    done: _Pass,
) -> None:
    started = clock()
    until = _joined_hours(manifest)
    # A run that died after its commit may have left a file that no listing shows yet.
    await settle(storage.blobs, manifest.segments)
    files = [
        entry.name
        async for entry in storage.blobs.list(f"{JOINED_LOG.folder}/")
        if (hour := hour_of(entry.name)) is not None and hour < until
    ]
    after = _place(done.progress.copied) if done.progress.copied else (-1, -1)
    waiting = sorted((f for f in files if _place(f) > after), key=_place)
    if waiting:
        async with mirrors.open(sas, name) as mirror:
            await asyncio.wait_for(_write(storage, mirror, waiting, started, clock, done), _SECONDS)
    if not waiting or done.progress.copied == waiting[-1]:
        done.progress = done.progress.model_copy(update={"until": until})


async def _write(
    storage: LoopStorage,
    mirror: Mirror,
    files: list[str],
    started: Micros,
    clock: Callable[[], Micros],
    done: _Pass,
) -> None:
    for file in files:
        await mirror.write(file, storage.blobs.stream(file))
        done.progress = done.progress.model_copy(update={"copied": file})
        if clock() - started >= _STARTING:
            return


async def _remember(storage: LoopStorage, done: _Pass) -> None:
    """Write down how far it went, over whatever a run may have committed meanwhile."""
    for _ in range(_ATTEMPTS):
        read = await storage.manifest.read()
        counts = read.value.counts
        if done.failure:
            counts = replace(counts, mirror_failures=counts.mirror_failures + 1)
        value = read.value.model_copy(update={"mirror": done.progress, "counts": counts})
        try:
            await storage.manifest.replace(value, read)
        except Conflict:
            continue
        return


def _digest(uri: str) -> str:
    return sha256(uri.encode(errors="replace")).hexdigest()


def _joined_hours(manifest: Manifest) -> Micros:
    """The end of the last hour all of whose decisions are joined."""
    return Micros(manifest.position // HOUR * HOUR)


def _place(file: str) -> tuple[int, int]:
    return hour_of(file) or 0, sequence_of(file)
