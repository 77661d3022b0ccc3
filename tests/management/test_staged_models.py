"""The history of models over storage, beside a running trainer."""

from __future__ import annotations

import orjson
import pytest

from loop.errors import InvalidModelMetadata, OperationConflict, ResourceNotFound
from loop.events import Micros
from management.model import get_model
from management.staged_models import (
    delete_staged_model,
    describe_staged_model,
    get_staged_model,
    list_staged_models,
    list_to_json,
    publish_staged_model,
)
from storage.factory import LoopStorage
from tests.trainer.scene import START, Scene, stream

NOW = Micros(START + 10_000_000_000)


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    scene = Scene(storage)
    await scene.configure()
    return scene


async def learn(scene: Scene, runs: int, start: int = 0) -> list[str]:
    """Ids of the models of so many runs, oldest first."""
    ids = []
    for run in range(runs):
        await scene.happen(stream(10, start=start + run * 100))
        ids.append((await scene.train(start + run * 100 + 100)).run_id)
    return ids


async def history(scene: Scene) -> list[str]:
    return [listed.model.id for listed in await list_staged_models(scene.storage)]


async def served(scene: Scene) -> str | None:
    model = (await scene.manifest()).model
    return None if model is None else model.id


async def test_a_fresh_loop_has_no_history(scene: Scene) -> None:
    assert list_to_json(await list_staged_models(scene.storage)) == b"[]"


async def test_each_published_model_is_listed_with_what_is_known_of_it(scene: Scene) -> None:
    first, second = await learn(scene, 2)
    entries = orjson.loads(list_to_json(await list_staged_models(scene.storage)))
    assert [(e["modelId"], e["isPublished"]) for e in entries] == [(second, True), (first, False)]
    assert entries[0] == {
        "modelId": second,
        "userDescription": "",
        "creationDate": entries[0]["creationDate"],
        "lastConfigEditDate": "1601-01-01T00:00:00Z",
        "firstEventId": "e000100.00",
        "lastEventId": "e000109.00",
        "savedInHistory": False,
        "numberOfEventsLearnedSinceLastExport": 10,
        "isPublished": True,
    }


async def test_the_history_has_its_length_and_what_is_pinned_stays(scene: Scene) -> None:
    # GIVEN a history of two, and its first model pinned
    await scene.configure(staged_model_history_length=2)
    first, second = await learn(scene, 2)
    pinned = await describe_staged_model(
        scene.storage, first, b'{"savedInHistory":true,"userDescription":"before the sale"}'
    )
    assert (pinned.model.pinned, pinned.model.description) == (True, "before the sale")
    # WHEN more come
    third, fourth = await learn(scene, 2, start=200)
    # THEN the pinned one is there beside the last two, and so is its file
    assert await history(scene) == [fourth, third, first]
    assert await scene.names("models/") == [f"models/{m}.vw" for m in (first, third, fourth)]
    assert second not in await history(scene)


async def test_without_auto_publish_a_person_publishes(scene: Scene) -> None:
    # GIVEN a loop whose owner publishes
    await scene.configure(model_auto_publish=False)
    # WHEN models are learned
    first, second, third = await learn(scene, 3)
    # THEN none serves, and each goes on from the one before
    assert await served(scene) is None
    assert await get_model(scene.storage) == b""
    manifest = await scene.manifest()
    assert manifest.trained is not None and manifest.trained.id == third
    assert [model.lessons for model in manifest.staged] == [10, 10, 10]
    # WHEN one is published THEN it serves, and learning goes on from the last
    await publish_staged_model(scene.storage, second, NOW)
    assert await served(scene) == second
    manifest = await scene.manifest()
    assert manifest.trained is not None and manifest.trained.id == third
    (fourth,) = await learn(scene, 1, start=400)
    assert await served(scene) == second
    assert await history(scene) == [fourth, third, second, first]


async def test_to_publish_an_older_model_is_to_roll_back(scene: Scene) -> None:
    # GIVEN three models, the last of which serves
    first, _, third = await learn(scene, 3)
    assert await served(scene) == third
    before = await scene.storage.blobs.read(f"models/{first}.vw")
    # WHEN the first is published
    await publish_staged_model(scene.storage, first, NOW)
    # THEN it serves, byte for byte, and learning goes on from it
    assert before is not None
    assert await get_model(scene.storage) == before.data
    assert (await scene.manifest()).trained is None
    (fourth,) = await learn(scene, 1, start=400)
    assert await served(scene) == fourth
    assert (await get_staged_model(scene.storage, third)).serves is False


async def test_a_model_that_serves_or_is_learned_on_from_is_not_deleted(scene: Scene) -> None:
    first, second = await learn(scene, 2)
    with pytest.raises(OperationConflict):
        await delete_staged_model(scene.storage, second)
    await delete_staged_model(scene.storage, first)
    assert await history(scene) == [second]
    assert await scene.names("models/") == [f"models/{second}.vw"]


async def test_a_model_that_is_not_there(scene: Scene) -> None:
    await learn(scene, 1)
    with pytest.raises(ResourceNotFound):
        await get_staged_model(scene.storage, "none")
    with pytest.raises(ResourceNotFound):
        await describe_staged_model(scene.storage, "none", b"{}")
    with pytest.raises(ResourceNotFound):
        await publish_staged_model(scene.storage, "none", NOW)
    with pytest.raises(ResourceNotFound):
        await delete_staged_model(scene.storage, "none")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"savedInHistory":"yes"}', b'{"userDescription":5}'], ids=str
)
async def test_metadata_that_are_none(scene: Scene, body: bytes) -> None:
    (only,) = await learn(scene, 1)
    with pytest.raises(InvalidModelMetadata):
        await describe_staged_model(scene.storage, only, body)


async def test_a_model_of_the_kind_that_the_loop_was_can_not_serve(scene: Scene) -> None:
    # GIVEN a single-slot loop with a history, that has become multi-slot
    [model] = await learn(scene, 1)
    await scene.configure("--ccb_explore_adf --epsilon 0.2", version=1)
    # THEN its former models stay in the history, and none of them can be published
    with pytest.raises(OperationConflict, match="multi-slot"):
        await publish_staged_model(scene.storage, model, NOW)
    assert await history(scene) == [model]
