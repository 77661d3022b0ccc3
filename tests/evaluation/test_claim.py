from __future__ import annotations

import pytest

from evaluation.claim import Claim, Superseded
from evaluation.jobs import Status, evaluations
from loop.errors import StorageUnavailable
from storage.factory import LoopStorage
from tests.evaluation.past import ask


async def claim(storage: LoopStorage) -> Claim:
    collection = evaluations(storage.blobs)
    version = await collection.read("e1")
    assert version is not None
    return Claim(collection, version)


async def go_on(claim: Claim, progress: float) -> None:
    await claim.write(claim.evaluation.model_copy(update={"progress": progress}))


async def test_each_write_is_over_the_last_one(storage: LoopStorage) -> None:
    await ask(storage)
    mine, other = await claim(storage), await claim(storage)
    await go_on(mine, 0.1)
    await go_on(mine, 0.2)
    with pytest.raises(Superseded):
        await go_on(other, 0.15)
    assert (await claim(storage)).evaluation.progress == 0.2


async def test_one_that_was_deleted_stays_deleted(storage: LoopStorage) -> None:
    await ask(storage)
    mine = await claim(storage)
    await evaluations(storage.blobs).delete("e1")
    with pytest.raises(Superseded):
        await go_on(mine, 0.1)
    assert await evaluations(storage.blobs).read("e1") is None


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_answer_that_is_lost_is_found(
    arrives: bool, storage: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a write whose answer is lost, whether it has arrived or not
    await ask(storage)
    mine = await claim(storage)
    write = storage.blobs.replace
    lost = 0

    async def losing(name: str, data: bytes, etag: str | None) -> str:
        nonlocal lost
        if lost:
            return await write(name, data, etag)
        lost += 1
        if arrives:
            await write(name, data, etag)
        raise StorageUnavailable("no answer")

    monkeypatch.setattr(storage.blobs, "replace", losing)
    # WHEN it is written
    await go_on(mine, 0.1)
    # THEN it is, once, and more can be written over it
    await mine.write(mine.evaluation.model_copy(update={"status": Status.RUNNING}))
    found = (await claim(storage)).evaluation
    assert (found.progress, found.status, lost) == (0.1, Status.RUNNING, 1)


async def test_storage_that_stays_away_is_told(
    storage: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(storage)
    mine = await claim(storage)

    async def away(name: str, data: bytes, etag: str | None) -> str:
        raise StorageUnavailable("no answer")

    monkeypatch.setattr(storage.blobs, "replace", away)
    with pytest.raises(StorageUnavailable):
        await go_on(mine, 0.1)
