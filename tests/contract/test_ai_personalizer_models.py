"""Models through the Python client of the 2022 preview, `azure-ai-personalizer` 1.0.0b1."""

from __future__ import annotations

import io
import zipfile

import pytest
from pydantic import BaseModel, RootModel

from tests.contract.ai_personalizer import Clients, ask, export
from tests.contract.conftest import Connect, Loop
from tests.contract.snapshots import Snapshots

SNAPSHOTS = Snapshots("azure-ai-personalizer-models")
SIGNED = ["model.vw", "signer.der", "sha512_signature.bin"]


@pytest.fixture
async def clients(connect: Connect, learned_loop: Loop) -> Clients:
    return await connect(learned_loop.endpoint, learned_loop.key)


async def test_a_model_is_exported(clients: Clients) -> None:
    properties = await ask(clients.manage.get_model_properties)
    SNAPSHOTS.check("get_model_properties", properties.wire)
    answer, model = await export(clients, signed=False)
    SNAPSHOTS.check("export_model", answer)
    assert len(model) > 0
    assert (await export(clients, signed=False))[1] == model


async def test_an_export_is_imported(clients: Clients) -> None:
    # GIVEN a signed export
    model = (await export(clients, signed=False))[1]
    answer, package = await export(clients, signed=True)
    SNAPSHOTS.check("export_model signed", answer)
    with zipfile.ZipFile(io.BytesIO(package)) as found:
        assert sorted(found.namelist()) == sorted(SIGNED)
        assert found.read("model.vw") == model
    # WHEN the model is lost and the export is imported THEN the model is the same to the byte
    assert (await ask(clients.manage.reset_model)).wire.status == 204
    assert (await export(clients, signed=False))[1] == b""
    imported = await ask(clients.manage.import_model, io.BytesIO(package))
    SNAPSHOTS.check("import_model", imported.wire)
    assert (await export(clients, signed=False))[1] == model


def repacked(package: bytes, name: str, content: bytes) -> bytes:
    """The same package with another content of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as found, zipfile.ZipFile(out, "w") as made:
        for kept in found.namelist():
            made.writestr(kept, content if kept == name else found.read(kept))
    return out.getvalue()


async def test_imports_that_are_refused(clients: Clients) -> None:
    package = (await export(clients, signed=True))[1]
    forged = repacked(package, "model.vw", b"another model")
    refused = await ask(clients.manage.import_model, io.BytesIO(forged))
    assert refused.error.code == "InvalidModelImportSignature"
    SNAPSHOTS.check("import_model of another model", refused.wire)
    refused = await ask(clients.manage.import_model, io.BytesIO(b"no zip"))
    assert refused.error.code == "InvalidModelImportFormat"
    SNAPSHOTS.check("import_model of no package", refused.wire)


class _Part(BaseModel):
    name: str
    score: float


class _Explained(BaseModel):
    id: str
    features: list[_Part]


class _Explanation(RootModel[list[_Explained]]):
    """The member ``inferenceExplanation``."""


async def test_a_decision_is_explained(clients: Clients) -> None:
    # GIVEN an owner who wants to know why
    switch = "isInferenceExplainabilityEnabled"
    await ask(clients.manage.update_service_configuration, {switch: True})
    actions = [{"id": name, "features": [{"name": name}]} for name in ("left", "right")]
    request = {"actions": actions, "eventId": "explained"}
    # WHEN the application asks
    ranked = await ask(clients.decide.rank, request)
    await ask(clients.manage.update_service_configuration, {switch: False})
    # THEN the model's best action is, feature by feature
    found = ranked.wire.body
    assert isinstance(found, dict)
    assert list(found) == ["ranking", "eventId", "rewardActionId", "inferenceExplanation"]
    explained = _Explanation.model_validate(found["inferenceExplanation"]).root
    # The lesson of this loop was a good one for what it showed.
    assert [one.id for one in explained] == ["right"]
    assert {"i.id", "j.name", "i.id^j.name"} <= {part.name for part in explained[0].features}
    assert all(part.score > 0 for part in explained[0].features)
    # WHEN nobody wants to know any more THEN nothing is
    assert isinstance(plain := (await ask(clients.decide.rank, request)).result, dict)
    assert list(plain) == ["ranking", "eventId", "rewardActionId"]
