"""The logs over storage: how far they reach, and that nothing deleted comes back."""

from __future__ import annotations

import orjson
import pytest

from loop.events import SECOND, Activation, Decision, Micros, Reward
from loop.manifest import Counts, LogSegment, Manifest, PublishedModel, Retrain
from management.logs import delete_logs, get_log_properties
from storage.blobs import Conflict
from storage.factory import LoopStorage

NOW = Micros(1_772_366_525_000_000)  # 2026-03-01T12:02:05Z
EMPTY = {"dateRange": {"from": None, "to": None}}
MODEL = PublishedModel(id="m", blob="models/m.vw", sha256="", arguments="", created=NOW)


async def properties(storage: LoopStorage) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = orjson.loads(
        (await get_log_properties(storage, NOW)).to_json()
    )
    return found


async def decide(storage: LoopStorage, event_id: str, time: Micros) -> None:
    await storage.log.append(Decision(event_id, time, b'{"_multi":[]}', (0,), (1.0,)))


async def add_blocks(storage: LoopStorage, name: str) -> None:
    await storage.blobs.stage_block(name, "a", b"line")
    await storage.blobs.commit_blocks(name, ["a"], None)


async def write_manifest(storage: LoopStorage, manifest: Manifest) -> None:
    await storage.manifest.replace(manifest, await storage.manifest.read())


async def test_an_empty_log_reaches_nowhere(storage: LoopStorage) -> None:
    assert await properties(storage) == EMPTY


async def test_events_that_wait_to_be_joined_reach_from_their_day_to_now(
    storage: LoopStorage,
) -> None:
    await decide(storage, "e1", Micros(NOW - 60 * SECOND))

    assert await properties(storage) == {
        "dateRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T12:02:05Z"}
    }


@pytest.mark.parametrize(
    ("position", "end"),
    [
        (NOW - 65 * SECOND, "2026-03-01T12:01:00Z"),  # inside the last hour: up to it all is joined
        (NOW + 3600 * SECOND, "2026-03-01T13:00:00Z"),  # nothing came since
        (0, "2026-03-01T13:00:00Z"),  # joined elsewhere
    ],
)
async def test_joined_events_reach_from_the_first_hour_to_the_last(
    storage: LoopStorage, position: int, end: str
) -> None:
    for name in ("log/2026/03/01/12-001", "log/2025/12/31/23-000", "log/2026/03/01/12-000"):
        await add_blocks(storage, f"{name}.dsjson.zst")
    await storage.blobs.write("log/notes.txt", b"not a part of the log")
    await decide(storage, "e1", NOW)
    await write_manifest(storage, Manifest(position=Micros(position)))

    assert await properties(storage) == {"dateRange": {"from": "2025-12-31T23:00:00Z", "to": end}}


async def test_a_deleted_log_is_empty_and_the_model_stays(storage: LoopStorage) -> None:
    await add_blocks(storage, "log/2026/03/01/12-000.dsjson.zst")
    await add_blocks(storage, "late/2026/03/01/12-000.jsonl.zst")
    await storage.blobs.write("models/m.vw", b"weights")
    await decide(storage, "e1", NOW)
    await storage.log.append(Reward("e1", NOW, 1.0))
    await storage.log.append(Activation("e1", NOW))
    await write_manifest(
        storage,
        Manifest(
            model=MODEL,
            first_model_created=NOW,
            training_version=3,
            join_state="state/r",
            retrain=Retrain(version=4, start=NOW, position=NOW),
            counts=Counts(decisions=5, learned=5),
        ),
    )

    await delete_logs(storage, NOW)

    assert await properties(storage) == EMPTY
    assert await storage.log.earliest() is None
    for prefix in ("log/", "late/"):
        assert [entry.name async for entry in storage.blobs.list(prefix)] == []
    stands = (await storage.manifest.read()).value
    assert (stands.model, stands.first_model_created, stands.training_version) == (MODEL, NOW, 3)
    assert stands.position == NOW - 5 * SECOND
    assert (stands.join_state, stands.segments, stands.retrain) == (None, (), None)
    assert stands.counts == Counts()
    assert (await storage.blobs.read("models/m.vw")) is not None


async def test_events_after_a_deletion_are_logged_again(storage: LoopStorage) -> None:
    await decide(storage, "e1", NOW)
    await delete_logs(storage, NOW)

    await decide(storage, "e2", Micros(NOW + SECOND))

    position = (await storage.manifest.read()).value.position
    found = [
        decision.event_id
        async for _, decisions in storage.log.decisions(position, Micros(position + 20 * SECOND))
        for decision in decisions
    ]
    assert found == ["e2"]


async def test_a_run_under_way_can_not_bring_the_log_back(storage: LoopStorage) -> None:
    # GIVEN a run that has committed a manifest, and has yet to commit the blocks that it names
    fresh, grown = "log/2026/03/01/12-000.dsjson.zst", "log/2026/03/01/11-000.dsjson.zst"
    await add_blocks(storage, grown)
    await storage.blobs.stage_block(fresh, "b", b"line")
    await storage.blobs.stage_block(grown, "b", b"line")
    _, etag = await storage.blobs.blocks(grown)
    segments = (
        LogSegment(blob=fresh, blocks=("b",)),
        LogSegment(blob=grown, blocks=("a", "b")),
    )
    await write_manifest(storage, Manifest(run_id="r1", segments=segments))
    run = await storage.manifest.read()

    # WHEN the log is deleted
    await delete_logs(storage, NOW)

    # THEN neither blocks nor manifest can be committed
    with pytest.raises(Conflict):
        await storage.blobs.commit_blocks(fresh, ["b"], None)
    with pytest.raises(Conflict):
        await storage.blobs.commit_blocks(grown, ["a", "b"], etag)
    with pytest.raises(Conflict):
        await storage.manifest.replace(run.value, run)
    assert await properties(storage) == EMPTY


async def test_deleting_twice_is_no_error_and_never_moves_back(storage: LoopStorage) -> None:
    await delete_logs(storage, NOW)
    await delete_logs(storage, Micros(NOW - 3600 * SECOND))

    assert (await storage.manifest.read()).value.position == NOW - 5 * SECOND
    assert await properties(storage) == EMPTY
