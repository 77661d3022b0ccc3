"""The evaluator's timer: it goes on with what every loop has to be judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.evaluating import evaluate_every_loop
from api.options import Options
from evaluation.importances import FeatureImportance, feature_importances
from evaluation.jobs import Status
from loop.errors import StorageUnavailable
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from tests.api.conftest import NOWHERE, register_loops
from tests.evaluation.past import POLICIES, ask, found, happened, log
from tests.fault_proxy import FaultProxy
from tests.trainer.scene import ARGUMENTS, START, after

OPTIONS = Options(evaluator_processes=2)


async def test_all_that_waits_is_seen_through(
    options: StorageOptions, loop_name: str, opened: Storage, storage: LoopStorage
) -> None:
    # GIVEN two loops with evaluations, and one of them with a feature importance as well
    other = opened.loop(f"{loop_name}b")
    await register_loops(opened, {loop_name: ("1", "2"), f"{loop_name}b": ("3", "4")})
    for each in (storage, other):
        await log(each, happened(100))
        await ask(each, "first", POLICIES[:1])
    await ask(storage, "second", POLICIES[:2])
    importance = FeatureImportance(
        id="i", name="i", start=START, end=after(10_000), arguments=ARGUMENTS, created=START
    )
    await feature_importances(storage.blobs).create("i", importance)
    # WHEN the timer comes round once
    await evaluate_every_loop(OPTIONS, options)
    # THEN all of it is done
    for loop, name in ((storage, "first"), (storage, "second"), (other, "first")):
        assert (await found(loop, name)).status is Status.SUCCEEDED
    examined = await feature_importances(storage.blobs).read("i")
    assert examined is not None and examined.value.status.is_final


async def test_one_loop_s_failure_does_not_hold_up_the_others(
    options: StorageOptions,
    loop_name: str,
    opened: Storage,
    storage: LoopStorage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # GIVEN a loop whose agenda can't be read, and one that can
    broken = opened.loop(f"{loop_name}b")
    await broken.blobs.write("evaluations/agenda.json", b"{not an agenda")
    await register_loops(opened, {loop_name: ("1", "2"), f"{loop_name}b": ("3", "4")})
    await log(storage, happened(20))
    await ask(storage, policies=POLICIES[:1])
    # WHEN the timer comes round
    with pytest.raises(ValueError, match="Agenda"):
        await evaluate_every_loop(OPTIONS, options)
    # THEN the call has failed, and the other loop's evaluation is done
    assert (await found(storage)).status is Status.SUCCEEDED
    [record] = [r for r in caplog.records if r.name == "api.evaluating"]
    assert (record.message, record.__dict__["step"]) == ("evaluator_failed", "evaluate")


async def test_where_nothing_waits_a_few_blobs_are_read(
    options: StorageOptions, loop_name: str, opened: Storage, storage: LoopStorage
) -> None:
    # GIVEN a loop whose evaluation is done, and which has been surveyed
    await register_loops(opened, {loop_name: ("1", "2")})
    await log(storage, happened(20))
    await ask(storage, policies=POLICIES[:1])
    await evaluate_every_loop(OPTIONS, options)
    # WHEN the timer comes round again
    async with FaultProxy(options.blob_endpoint) as proxy:
        await evaluate_every_loop(OPTIONS, replace(options, blob_endpoint=proxy.endpoint))
    # THEN it reads some small blobs, and lists and writes nothing
    of_the_loop = [
        (method, path) for method, path in proxy.requests if f"{loop_name}/{loop_name}/" in path
    ]
    assert {method for method, _ in proxy.requests} == {"GET"}
    assert len(of_the_loop) <= 8
    assert all(path.endswith(".json") for _, path in of_the_loop)


async def test_storage_that_is_away_fails_the_call(options: StorageOptions) -> None:
    gone = replace(options, blob_endpoint="http://127.0.0.1:9/devstoreaccount1", timeouts=NOWHERE)
    with pytest.raises(StorageUnavailable):
        await evaluate_every_loop(OPTIONS, gone)
