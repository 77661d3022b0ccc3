"""The model over storage."""

from __future__ import annotations

import orjson
import pytest

from loop.errors import StorageUnavailable
from loop.events import Micros
from loop.manifest import Manifest, PublishedModel, Retrain
from loop.settings import LoopSettings
from management.model import get_model, get_model_properties, reset_model
from storage.blobs import Conflict
from storage.factory import LoopStorage

FIRST = Micros(1_695_394_725_900_000)
LATEST = Micros(FIRST + 60_000_000)
MODEL = PublishedModel(
    id="m2", blob="models/m2.vw", sha256="", arguments="--cb_explore_adf", created=LATEST
)


async def publish(storage: LoopStorage, manifest: Manifest) -> None:
    await storage.manifest.replace(manifest, await storage.manifest.read())


async def test_before_a_first_model_there_are_no_bytes_and_no_dates(storage: LoopStorage) -> None:
    assert await get_model(storage) == b""
    assert orjson.loads((await get_model_properties(storage)).to_json()) == {
        "creationTime": "0001-01-01T00:00:00+00:00",
        "lastModifiedTime": "0001-01-01T00:00:00+00:00",
    }


async def test_the_published_model_is_given_and_dated(storage: LoopStorage) -> None:
    await storage.blobs.write(MODEL.blob, b"\x00weights")
    await publish(storage, Manifest(model=MODEL, first_model_created=FIRST))

    assert await get_model(storage) == await get_model(storage) == b"\x00weights"
    assert orjson.loads((await get_model_properties(storage)).to_json()) == {
        "creationTime": "2023-09-22T14:58:45+00:00",
        "lastModifiedTime": "2023-09-22T14:59:45+00:00",
    }


async def test_a_model_whose_blob_is_gone_is_not_taken_for_none(storage: LoopStorage) -> None:
    await publish(storage, Manifest(model=MODEL))

    with pytest.raises(StorageUnavailable):
        await get_model(storage)


async def test_a_reset_forgets_the_model_and_what_was_to_be_rebuilt(storage: LoopStorage) -> None:
    await storage.settings.replace(LoopSettings(training_version=4), await storage.settings.read())
    rebuilding = Retrain(version=4, start=FIRST, position=FIRST)
    await publish(
        storage,
        Manifest(
            model=MODEL,
            first_model_created=FIRST,
            training_version=3,
            retrain=rebuilding,
            position=FIRST,
            sequence=9,
        ),
    )
    trainer = await storage.manifest.read()

    await reset_model(storage)

    assert await get_model(storage) == b""
    assert orjson.loads((await get_model_properties(storage)).to_json())["creationTime"] == (
        "0001-01-01T00:00:00+00:00"
    )
    stands = (await storage.manifest.read()).value
    assert (stands.retrain, stands.training_version) == (None, 4)
    assert (stands.position, stands.sequence) == (FIRST, 9)
    with pytest.raises(Conflict):
        await storage.manifest.replace(trainer.value, trainer)
