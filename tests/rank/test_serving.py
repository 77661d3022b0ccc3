"""Serving: what ranks are answered with follows what storage holds, and outlives its outages."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from loop.configuration import ServiceConfiguration
from loop.errors import InvalidApiAccess, InvalidMultiSlotApiAccess
from loop.events import LearningMode, LoopKind, Micros
from loop.learning_settings import DEFAULT_ARGUMENTS, DEFAULT_MULTI_SLOT_ARGUMENTS
from loop.manifest import Manifest, PublishedModel
from loop.model import Model
from loop.multi_slot_model import MultiSlotModel
from loop.settings import Policy
from rank.serving import STALE_LOOKS, Serving
from storage.factory import LoopStorage, open_storage
from storage.options import StorageOptions, Timeouts

EVERY = 3.0
LINES = ["shared |FromUrl tmorning", "|i constant:1 idlatte", "|i constant:1 idjuice"]


@dataclass
class Clock:
    """Seconds that pass only when told."""

    time: float = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def serving(storage: LoopStorage, clock: Clock) -> AsyncIterator[Serving]:
    """A new process's view of the loop; it waits for storage as long as it takes."""
    serving = Serving(storage, EVERY, patience=30.0, clock=clock)
    yield serving
    await serving.close()


async def configure(storage: LoopStorage, mode: LearningMode) -> None:
    """Put a configuration as another process would."""
    read = await storage.settings.read()
    configuration = replace(read.value.configuration, learning_mode=mode)
    await storage.settings.replace(
        read.value.model_copy(update={"configuration": configuration}), read
    )


async def publish(
    storage: LoopStorage,
    name: str,
    data: bytes | None = None,
    sha256: str | None = None,
    arguments: str = DEFAULT_ARGUMENTS,
) -> None:
    """Name a model in the manifest, after its blob is written, as the trainer does."""
    if data is None:
        with Model(DEFAULT_ARGUMENTS) as model:
            model.learn(LINES, 0, -1.0, 0.5)
            data = model.save()
    await storage.blobs.write(f"models/{name}.vw", data)
    read = await storage.manifest.read()
    published = PublishedModel(
        id=name,
        blob=f"models/{name}.vw",
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        arguments=arguments,
        created=Micros(0),
    )
    await storage.manifest.replace(read.value.model_copy(update={"model": published}), read)


async def looked(serving: Serving) -> None:
    """Wait for the look that is under way in the background."""
    if serving._background is not None:
        await asyncio.wait({serving._background})


async def test_a_fresh_loop_is_served_with_its_defaults(serving: Serving) -> None:
    served = await serving.current()
    assert served.configuration == ServiceConfiguration()
    assert (served.model, served.model_id) == (None, "")


async def test_the_first_rank_of_a_process_has_configuration_and_model(
    serving: Serving, storage: LoopStorage
) -> None:
    await configure(storage, LearningMode.APPRENTICE)
    await publish(storage, "m1")
    served = await serving.current()
    assert served.configuration.learning_mode is LearningMode.APPRENTICE
    assert served.model_id == "m1"
    assert isinstance(served.model, Model)
    assert len(served.model.decide(LINES).ranking) == 2


async def test_a_new_model_is_looked_for_behind_a_rank_and_only_so_often(
    serving: Serving, storage: LoopStorage, clock: Clock
) -> None:
    # GIVEN a process that serves a model
    await publish(storage, "m1")
    old = (await serving.current()).model
    # WHEN another is published and ranks come in before it is time to look
    await publish(storage, "m2")
    clock.time += EVERY / 2
    assert (await serving.current()).model_id == "m1"
    await looked(serving)
    assert (await serving.current()).model_id == "m1"
    # THEN the first rank after that starts a look and does not wait for it
    clock.time += EVERY
    assert (await serving.current()).model is old
    await looked(serving)
    served = await serving.current()
    assert served.model_id == "m2"
    assert served.model is not None
    assert served.model is not old


async def test_a_rank_after_a_long_pause_waits_for_the_look(
    serving: Serving, storage: LoopStorage, clock: Clock
) -> None:
    await serving.current()
    await configure(storage, LearningMode.APPRENTICE)
    clock.time += EVERY * STALE_LOOKS
    assert (await serving.current()).configuration.learning_mode is LearningMode.APPRENTICE


async def test_a_refresh_shows_what_was_stored_before_it(
    serving: Serving, storage: LoopStorage
) -> None:
    await serving.current()
    await configure(storage, LearningMode.LOGGING_ONLY)
    await asyncio.gather(serving.refresh(), serving.refresh())
    assert (await serving.current()).configuration.learning_mode is LearningMode.LOGGING_ONLY


async def test_a_reset_takes_the_model_away(serving: Serving, storage: LoopStorage) -> None:
    await publish(storage, "m1")
    assert (await serving.current()).model is not None
    await storage.manifest.replace(Manifest(), await storage.manifest.read())
    await serving.refresh()
    served = await serving.current()
    assert (served.model, served.model_id) == (None, "")


@pytest.mark.parametrize(
    ("data", "sha256", "reason"),
    [(b"no model at all", None, "not loadable"), (b"other bytes", "0" * 64, "altered")],
)
async def test_a_model_that_is_not_right_is_never_served(
    data: bytes,
    sha256: str | None,
    reason: str,
    serving: Serving,
    storage: LoopStorage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # GIVEN a process that serves a good model
    await publish(storage, "good")
    await serving.current()
    # WHEN a bad one is named
    await publish(storage, "bad", data, sha256)
    with caplog.at_level(logging.ERROR):
        await serving.refresh()
        await serving.refresh()
    # THEN the good one stays, and the refusal is logged once
    assert (await serving.current()).model_id == "good"
    refusals = [vars(r) for r in caplog.records if r.message == "model_refused"]
    assert [(refusal["model"], refusal["reason"]) for refusal in refusals] == [("bad", reason)]
    # AND the next good one is served
    await publish(storage, "better")
    await serving.refresh()
    assert (await serving.current()).model_id == "better"


async def test_a_missing_blob_is_refused(serving: Serving, storage: LoopStorage) -> None:
    await publish(storage, "m1")
    await storage.blobs.delete("models/m1.vw")
    await serving.refresh()
    assert (await serving.current()).model_id == ""


async def test_while_storage_is_away_the_old_is_served_and_nobody_waits(
    options: StorageOptions, loop_name: str, clock: Clock
) -> None:
    # GIVEN a storage that takes every connection and never says a word
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hanging = replace(
        options,
        blob_endpoint=f"http://127.0.0.1:{port}/devstoreaccount1",
        timeouts=Timeouts(connect=0.2, read=0.3, retries=()),
    )
    async with open_storage(hanging) as opened:
        serving = Serving(opened.loop(loop_name), EVERY, patience=0.01, clock=clock)
        # WHEN the first rank of a process comes
        served = await serving.current()
        # THEN it waits its patience, not longer, and is served as a fresh loop
        assert serving._background is not None
        assert (served.configuration, served.model) == (ServiceConfiguration(), None)
        # AND further ranks start no second look
        first = serving._background
        clock.time += EVERY
        await serving.current()
        assert serving._background is first
        # AND after the look has failed a rank starts the next one, and waits for none
        await looked(serving)
        clock.time += EVERY
        await serving.current()
        assert serving._background is not None
        await serving.close()
    for writer in held:
        writer.close()
    server.close()
    await server.wait_closed()


async def choose_kind(storage: LoopStorage, arguments: str) -> None:
    """Put a policy as another process would."""
    read = await storage.settings.read()
    policy = Policy(name="p", arguments=arguments)
    await storage.settings.replace(read.value.model_copy(update={"policy": policy}), read)


async def test_calls_of_the_other_kind_are_refused(serving: Serving, storage: LoopStorage) -> None:
    # GIVEN a loop that nobody has ever set anything of
    assert (await serving.answering(LoopKind.SINGLE_SLOT)).kind is LoopKind.SINGLE_SLOT
    with pytest.raises(InvalidMultiSlotApiAccess, match="--ccb_explore_adf"):
        await serving.answering(LoopKind.MULTI_SLOT)
    # WHEN it becomes multi-slot THEN it is the other way round
    await choose_kind(storage, "--ccb_explore_adf --epsilon 0.1")
    await serving.refresh()
    assert (await serving.answering(LoopKind.MULTI_SLOT)).kind is LoopKind.MULTI_SLOT
    with pytest.raises(InvalidApiAccess, match="--cb_explore_adf"):
        await serving.answering(LoopKind.SINGLE_SLOT)


async def test_a_loop_is_looked_at_again_before_a_call_is_refused(
    serving: Serving, storage: LoopStorage, clock: Clock
) -> None:
    # GIVEN a process that knows a loop as single-slot, which has become multi-slot elsewhere
    await serving.current()
    await choose_kind(storage, "--ccb_explore_adf --epsilon 0.1")
    # WHEN a page comes before it is time to look again THEN it is refused by what is known
    clock.time += EVERY / 2
    with pytest.raises(InvalidMultiSlotApiAccess):
        await serving.answering(LoopKind.MULTI_SLOT)
    assert serving._background is None
    # WHEN it is time THEN the page waits for the look, and is taken
    clock.time += EVERY
    assert (await serving.answering(LoopKind.MULTI_SLOT)).kind is LoopKind.MULTI_SLOT


async def test_while_nobody_knows_the_kind_calls_of_both_are_taken(
    options: StorageOptions, loop_name: str, clock: Clock
) -> None:
    nowhere = replace(options, blob_endpoint="http://127.0.0.1:9/devstoreaccount1")
    async with open_storage(nowhere) as opened:
        serving = Serving(opened.loop(loop_name), EVERY, patience=30.0, clock=clock)
        for kind in LoopKind:
            assert (await serving.answering(kind)).kind is None
        await serving.close()


async def test_a_model_is_served_as_what_it_is(serving: Serving, storage: LoopStorage) -> None:
    # GIVEN a multi-slot loop with a model of its kind
    await choose_kind(storage, DEFAULT_MULTI_SLOT_ARGUMENTS)
    with MultiSlotModel(DEFAULT_MULTI_SLOT_ARGUMENTS) as model:
        data = model.save()
    await publish(storage, "m1", data, arguments=DEFAULT_MULTI_SLOT_ARGUMENTS)
    # THEN it is served as that
    served = await serving.answering(LoopKind.MULTI_SLOT)
    assert isinstance(served.model, MultiSlotModel)
    assert served.model_id == "m1"


async def test_a_closed_serving_leaves_nothing_behind(storage: LoopStorage, clock: Clock) -> None:
    await publish(storage, "m1")
    serving = Serving(storage, EVERY, patience=30.0, clock=clock)
    await serving.current()
    clock.time += EVERY
    await serving.current()
    await serving.close()
    assert serving._background is None
    assert serving._served.model is None
