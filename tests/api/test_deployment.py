"""The loops of a process: opened with their first request, closed when they are removed."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest

from api.deployment import Deployment, open_deployment
from api.keys import KEY_HEADER
from api.options import Options
from loop.errors import Unauthorized
from loop.events import Decision, Micros
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.manifest import Manifest, PublishedModel
from loop.model import Model
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, OTHER_KEYS, Serve, register_loops

OPTIONS = Options(loops_refresh=0.05)


async def publish(storage: LoopStorage) -> None:
    """Give a loop a model."""
    with Model(DEFAULT_ARGUMENTS) as model:
        data = model.save()
    await storage.blobs.write("models/m.vw", data)
    published = PublishedModel(
        id="m",
        blob="models/m.vw",
        sha256=sha256(data).hexdigest(),
        arguments=DEFAULT_ARGUMENTS,
        created=Micros(0),
    )
    await storage.manifest.replace(Manifest(model=published), await storage.manifest.read())


async def refused(deployment: Deployment, keys: dict[str, str]) -> None:
    """Return when a key opens nothing any more."""
    with pytest.raises(Unauthorized):
        while True:
            await deployment.admission.admit(keys)
            await asyncio.sleep(0.01)


async def test_a_loop_is_opened_once(serve: Serve, options: StorageOptions, loop_name: str) -> None:
    async with open_deployment(OPTIONS, options) as deployment:
        name = (await deployment.admission.admit(KEYS)).loop
        assert name == loop_name
        assert deployment.loop(name) is deployment.loop(name)
        assert deployment.loop(name) is not deployment.loop(f"{loop_name}b")


async def test_a_removed_loop_lets_go_of_all_it_holds_and_the_others_stay(
    serve: Serve,
    options: StorageOptions,
    opened: Storage,
    storage: LoopStorage,
    loop_name: str,
) -> None:
    # GIVEN a process that serves two loops, the first one with a model
    await publish(storage)
    async with open_deployment(OPTIONS, options) as deployment:
        removed = deployment.loop((await deployment.admission.admit(KEYS)).loop)
        kept = deployment.loop((await deployment.admission.admit(OTHER_KEYS)).loop)
        await removed.serving.refresh()
        assert (await removed.serving.current()).model is not None
        decision = Decision("e", Micros(0), b"[]", (0,), (1.0,))
        # WHEN the first one is removed
        await register_loops(opened, {f"{loop_name}b": (OTHER_KEYS[KEY_HEADER], "another")})
        await refused(deployment, KEYS)
        await asyncio.gather(*deployment._closing)
        # THEN its model is closed, and what is under way still ends well
        assert removed.serving._served.model is None
        await removed.storage.log.append(decision)
        # AND the other one is served by the same parts
        assert deployment.loop((await deployment.admission.admit(OTHER_KEYS)).loop) is kept
        # AND a loop of the first one's name has parts of its own
        assert deployment.loop(loop_name) is not removed
