"""Loops with a log to evaluate, and with evaluations and reports in whatever state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx
import orjson
from playwright.sync_api import Locator, Page

from api.deployment import now
from evaluation.importances import FeatureImportance, feature_importances
from evaluation.jobs import Evaluation, Result, evaluations
from evaluation.optimizing import Optimization, Run, Stage, optimization_document
from loop.events import SECOND, Micros
from loop.features import JsonObject
from management.configuration import put_configuration
from storage.factory import LoopStorage, open_storage
from storage.options import CONNECTION, storage_options
from tests.evaluation.past import coffee
from tests.evaluation.test_optimizing import count
from tests.monitor.seeding import caller
from tests.service import LocalService

CUSTOMERS = 1_000

DONE_SECONDS = 180.0
_AT_ONCE = 32

T = TypeVar("T")


async def coffee_shop(storage: LoopStorage) -> None:
    """Half an hour in which everybody got any drink; its events are to be joined.

    The loop does not look for better settings by itself.
    """
    body = orjson.dumps({"isAutoOptimizationEnabled": False})
    await put_configuration(storage, body, now(), ())
    rows = [
        each
        for event in coffee(CUSTOMERS, Micros(now() - 3_600 * SECOND))
        for each in (event.decision, *event.observations)
    ]
    for begin in range(0, len(rows), _AT_ONCE):
        await asyncio.gather(*map(storage.log.append, rows[begin : begin + _AT_ONCE]))


async def put_run(storage: LoopStorage, evaluation: Evaluation, result: Result) -> None:
    """Let the loop have looked for better settings by itself, at as many events as were judged."""
    await put_evaluation(storage, evaluation, result)
    events = evaluation.standings[0].events
    await count(storage, events)
    run = Run(
        evaluation=evaluation,
        events=events,
        policy="app1",
        training_version=0,
        interventions=0,
        stage=Stage.OVER,
    )
    document = optimization_document(storage.blobs)
    await document.replace(Optimization(run=run), await document.read())


async def put_evaluation(
    storage: LoopStorage, evaluation: Evaluation, result: Result | None = None
) -> None:
    """Write one down as its job leaves it; nobody works on it."""
    folder = evaluations(storage.blobs).folder(evaluation.id)
    if result is not None:
        await storage.blobs.write(f"{folder}result.json", result.model_dump_json().encode())
        evaluation = evaluation.model_copy(update={"result": f"{folder}result.json"})
    await storage.blobs.write(f"{folder}document.json", evaluation.model_dump_json().encode())


async def put_report(storage: LoopStorage, report: FeatureImportance) -> None:
    """Write one down as its job leaves it; nobody works on it."""
    folder = feature_importances(storage.blobs).folder(report.id)
    await storage.blobs.write(f"{folder}document.json", report.model_dump_json().encode())


def inside(service: LocalService, loop: str, act: Callable[[LoopStorage], Awaitable[T]]) -> T:
    """Do something in the storage of a loop, beside the service."""

    async def done() -> T:
        async with open_storage(storage_options({CONNECTION: service.connection})) as storage:
            return await act(storage.loop(loop))

    # In a thread, since the browser has an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, done()).result()


def joined(service: LocalService, key: str) -> None:
    """Wait until all customers are joined."""

    def is_done(api: httpx.Client) -> bool:
        periods = api.get("metrics/learning").raise_for_status().json()
        return sum(int(row["numberOfEvents"]) for rows in periods for row in rows) == CUSTOMERS

    _wait(service, key, is_done)


def evaluated(service: LocalService, key: str, asked: JsonObject) -> str:
    """Ask for an evaluation of all of the log, and wait until it is done; its id."""
    with caller(service, key) as api:
        made = api.post("evaluations", json={**whole_log(api), **asked}).raise_for_status().json()
    address = f"evaluations/{made['id']}"
    _wait(service, key, lambda api: str(api.get(address).json()["status"]) == "completed")
    return str(made["id"])


def reported(service: LocalService, key: str, name: str) -> None:
    """Ask for a report of features, of all of the log, and wait until it is done."""
    address = "featureImportances/asked"
    with caller(service, key) as api:
        api.put(address, json={"name": name, **whole_log(api)}).raise_for_status()
    _wait(service, key, lambda api: str(api.get(address).json()["status"]) == "Succeeded")


def whole_log(api: httpx.Client) -> JsonObject:
    """The range of all events, as an evaluation takes it."""
    found = api.get("logs/properties").raise_for_status().json()["dateRange"]
    return {"startTime": found["from"], "endTime": found["to"]}


def _wait(service: LocalService, key: str, is_done: Callable[[httpx.Client], bool]) -> None:
    deadline = time.monotonic() + DONE_SECONDS
    with caller(service, key) as api:
        while not is_done(api):
            assert time.monotonic() < deadline, "the service does not come to an end"
            time.sleep(0.1)


def policies(page: Page) -> Locator:
    """The rows of the policies of an evaluation, as the page shows it."""
    return page.get_by_role("region", name="Policies", exact=True).locator("tbody tr")


def cells(row: Locator) -> list[str]:
    """What a row of a table says, cell by cell."""
    return [text.strip() for text in row.locator("th, td").all_inner_texts()]
