"""Signed export and import over storage, beside a running trainer."""

from __future__ import annotations

from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from loop.errors import InvalidModelImportFormat, InvalidModelImportSignature
from loop.events import Micros
from loop.features import Action, compose
from loop.learning_settings import DEFAULT_MULTI_SLOT_ARGUMENTS
from loop.models import open_model
from loop.multi_slot_model import MultiSlotModel
from loop.signing import SigningKey, fingerprint_of, new_signing_key, open_archive
from loop.vw_lines import vw_lines
from management.model import get_model
from management.model_transfer import Signers, export_signed_model, import_model
from management.staged_models import list_staged_models
from storage.factory import LoopStorage
from tests.trainer.scene import START, Scene, after, stream

NOW = Micros(START + 1_000_000_000)
OTHER = SigningKey(new_signing_key("other", datetime(2024, 1, 1, tzinfo=timezone.utc)))
EXPORTS = Path(__file__).parents[2] / "../shared/fixtures/azure-export"

needs_exports = pytest.mark.skipif(
    not EXPORTS.exists(), reason="the retired service's exports are not at hand"
)


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    scene = Scene(storage)
    await scene.configure()
    await scene.happen(stream(60))
    await scene.train(200)
    return scene


async def test_before_a_first_model_nothing_is_exported(storage: LoopStorage) -> None:
    assert await export_signed_model(storage, Signers(), NOW) == b""


async def test_ones_own_export_comes_back_byte_for_byte(scene: Scene) -> None:
    # GIVEN a signed export, twice the same
    storage = scene.storage
    before = await get_model(storage)
    archive = await export_signed_model(storage, Signers(), NOW)
    assert archive == await export_signed_model(storage, Signers(), NOW)
    # WHEN the loop has gone on and the export is imported
    await scene.happen(stream(30, start=300))
    await scene.train(500)
    assert await get_model(storage) != before
    imported = await import_model(storage, archive, Signers(), NOW)
    # THEN the model is that of the export, also where it is fetched
    assert await get_model(storage) == before == open_archive(archive).model
    manifest = await scene.manifest()
    assert manifest.model is not None and manifest.model.id == imported.id
    listed = await list_staged_models(storage)
    assert [entry.serves for entry in listed] == [True, False, False]


async def test_learning_goes_on_from_what_was_imported(scene: Scene) -> None:
    archive = await export_signed_model(scene.storage, Signers(), NOW)
    imported = await import_model(scene.storage, archive, Signers(), after(400))
    await scene.happen(stream(30, start=410))
    report = await scene.train(600)
    manifest = await scene.manifest()
    assert report.lessons == 30
    assert manifest.model is not None
    assert (manifest.model.id, manifest.model.arguments) == (report.run_id, imported.arguments)


async def test_a_deployments_own_key_signs_for_every_loop(scene: Scene) -> None:
    signers = Signers(OTHER)
    archive = await export_signed_model(scene.storage, signers, NOW)
    assert fingerprint_of(open_archive(archive).signer) == OTHER.fingerprint
    await import_model(scene.storage, archive, signers, NOW)


async def test_a_stranger_is_refused_until_he_is_trusted(scene: Scene) -> None:
    # GIVEN a model that somebody else has signed
    archive = OTHER.sign(await get_model(scene.storage))
    before = await scene.manifest()
    # WHEN he is not trusted THEN nothing changes
    with pytest.raises(InvalidModelImportSignature, match=OTHER.fingerprint):
        await import_model(scene.storage, archive, Signers(), NOW)
    assert await scene.manifest() == before
    # WHEN he is THEN it is taken
    await import_model(scene.storage, archive, Signers(None, frozenset({OTHER.fingerprint})), NOW)


@pytest.mark.parametrize("model", [b"", b"no model of VW"])
async def test_what_vw_can_not_read_is_refused(scene: Scene, model: bytes) -> None:
    with pytest.raises(InvalidModelImportFormat):
        await import_model(scene.storage, OTHER.sign(model), Signers(OTHER), NOW)


async def test_a_model_of_the_other_kind_is_refused(scene: Scene) -> None:
    with MultiSlotModel(DEFAULT_MULTI_SLOT_ARGUMENTS) as model:
        archive = OTHER.sign(model.save())
    with pytest.raises(InvalidModelImportFormat, match="single-slot"):
        await import_model(scene.storage, archive, Signers(OTHER), NOW)


@needs_exports
@pytest.mark.parametrize("name", ["quickstart-model-signed.zip", "model-vw-8.11.vw"])
async def test_models_of_the_retired_service_import_and_decide(
    storage: LoopStorage, name: str
) -> None:
    # GIVEN a fresh loop with the default policy, and what the retired service has exported: an
    # archive whose signer the deployment trusts, or a bare model that its owner has signed
    content = (EXPORTS / name).read_bytes()
    archive = content if name.endswith(".zip") else OTHER.sign(content)
    signer = fingerprint_of(open_archive(archive).signer)
    # WHEN it is imported
    await import_model(storage, archive, Signers(OTHER, frozenset({signer})), NOW)
    # THEN it serves as it is, and decides
    data = await get_model(storage)
    assert data == open_archive(archive).model
    model = (await storage.manifest.read()).value.model
    assert model is not None
    assert model.sha256 == sha256(data).hexdigest()
    lines = vw_lines(
        compose([{"weather": "Sunny"}], [Action(x, [{"type": x}]) for x in ("hot", "cold")])
    )
    with open_model(model.arguments, data) as opened:
        assert not isinstance(opened, MultiSlotModel)
        assert sum(opened.decide(lines).probabilities) == pytest.approx(1, abs=1e-5)


async def test_the_key_is_made_once(storage: LoopStorage) -> None:
    # GIVEN two processes that need the loop's key at the same time
    with pytest.raises(InvalidModelImportSignature):
        await import_model(storage, OTHER.sign(b"x"), Signers(), NOW)
    first = await storage.blobs.read("signing-key.pem")
    with pytest.raises(InvalidModelImportSignature):
        await import_model(storage, OTHER.sign(b"x"), Signers(), NOW)
    # THEN the second finds that of the first
    second = await storage.blobs.read("signing-key.pem")
    assert first is not None and second is not None
    assert first.data == second.data
    assert orjson.dumps(first.etag) == orjson.dumps(second.etag)
