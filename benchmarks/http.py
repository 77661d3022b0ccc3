"""Rank and reward over HTTP, beside a handler that only writes one table row.

``python -m benchmarks.http`` starts Azurite, the service and the bare service, plays the same
closed loop of requests against each in turn, and prints the table.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import aiohttp
import orjson

from benchmarks.report import Table
from local.azurite import ROOT, Azurite
from storage.options import CONNECTION

REQUESTS = 1_000
ROUNDS = 5
IN_FLIGHT = (1, 16)

_KEY = "benchmark"
_START_SECONDS = 60.0
_MODEL_SECONDS = 90.0
_ACTIONS = [
    {"id": f"action{a}", "features": [{f"f{i}": f"v{(a * 7 + i) % 13}" for i in range(10)}]}
    for a in range(10)
]

Send = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Round:
    """One round of requests: latencies in milliseconds, and requests per second."""

    p50: float
    p99: float
    rate: float


async def measure(requests: int = REQUESTS, rounds: int = ROUNDS) -> Table:
    """Start everything, teach the loop, and take the rounds in turn."""
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder)) as azurite:
        connection = azurite.connection_string
        with (
            service_process("local", connection) as service,
            service_process("benchmarks.bare_service", connection) as bare,
        ):
            async with open_session() as session:
                sends = calls(session, service, bare)
                await _teach(session, service, sends)
                results: dict[tuple[int, str], list[Round]] = {
                    (n, name): [] for n in IN_FLIGHT for name in sends
                }
                for _ in range(rounds):
                    for n in IN_FLIGHT:
                        for name, send in sends.items():
                            results[n, name].append(await play(send, requests, n))
    return _table(results, requests, rounds)


def _table(results: dict[tuple[int, str], list[Round]], requests: int, rounds: int) -> Table:
    rows = []
    for (n, name), measured in results.items():
        bare = median(r.rate for r in results[n, "bare"])
        rate = median(r.rate for r in measured)
        rows.append(
            [
                name,
                str(n),
                _spread([r.p50 for r in measured], "{:.2f}"),
                _spread([r.p99 for r in measured], "{:.2f}"),
                _spread([r.rate for r in measured], "{:.0f}"),
                f"{rate / bare:.2f}",
            ]
        )
    return Table(
        "Rank and reward over HTTP",
        "python -m benchmarks.http",
        ["call", "in flight", "p50 ms", "p99 ms", "per second", "rate ÷ bare"],
        rows,
        [
            f"{requests} requests a round, {rounds} rounds, taken in turn; the median of the "
            "rounds and, in brackets, the lowest and highest.",
            "bare: the same host and table client, a handler that only writes one row.",
            "rank: 10 actions × 10 features, with a model. Azurite, the client and the service "
            "share the machine's cores.",
        ],
    )


def _spread(values: list[float], form: str) -> str:
    low, mid, high = (form.format(v) for v in (min(values), median(values), max(values)))
    return f"{mid} ({low}–{high})"


async def play(send: Send, requests: int, in_flight: int) -> Round:
    """A round of so many requests, of which some are under way at a time."""
    numbers = iter(range(requests))
    latencies: list[float] = []

    async def worker() -> None:
        for number in numbers:
            began = time.perf_counter()
            await send(number)
            latencies.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    rate = requests / (time.perf_counter() - began)
    hundredths = quantiles(latencies, n=100)
    return Round(hundredths[49], hundredths[98], rate)


def calls(session: aiohttp.ClientSession, service: str, bare: str) -> dict[str, Send]:
    """What can be sent to the endpoints of both, by name."""
    rank_body = orjson.dumps(
        {"contextFeatures": [{"timeOfDay": "morning", "device": "mobile"}], "actions": _ACTIONS}
    )
    reward_body = orjson.dumps({"value": 1.0})

    async def rank(number: int) -> None:
        await _post(session, f"{service}/personalizer/v1.0/rank", rank_body, 201)

    async def reward(number: int) -> None:
        url = f"{service}/personalizer/v1.0/events/b{number}/reward"
        await _post(session, url, reward_body, 204)

    async def write(number: int) -> None:
        await _post(session, f"{bare}/bare", b"x" * 400, 204)

    return {"rank": rank, "reward": reward, "bare": write}


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, status: int) -> bytes:
    async with session.post(url, data=body) as answer:
        content = await answer.read()
        if answer.status != status:
            raise RuntimeError(f"{url} answered {answer.status}: {content.decode()[:200]}")
        return content


async def _teach(session: aiohttp.ClientSession, service: str, sends: dict[str, Send]) -> None:
    """Let the loop publish a model, and then leave it in peace."""
    await _configure(session, service, wait="PT5S", update="PT5S")
    for number in range(200):
        await sends["rank"](number)
    deadline = time.monotonic() + _MODEL_SECONDS
    while True:
        async with session.get(f"{service}/personalizer/v1.0/model") as answer:
            if await answer.read():
                break
        if time.monotonic() > deadline:
            raise RuntimeError(f"no model after {_MODEL_SECONDS:.0f} s")
        await asyncio.sleep(0.5)
    await _configure(session, service, wait="PT5S", update="P1D")


async def _configure(
    session: aiohttp.ClientSession, service: str, *, wait: str, update: str
) -> None:
    url = f"{service}/personalizer/v1.0/configurations/service"
    async with session.get(url) as answer:
        configuration = await answer.json()
    configuration |= {"rewardWaitTime": wait, "modelExportFrequency": update}
    async with session.put(url, json=configuration) as answer:
        answer.raise_for_status()


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Requests with the key of the service."""
    headers = {"Ocp-Apim-Subscription-Key": _KEY, "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


@contextmanager
def service_process(module: str, connection: str) -> Iterator[str]:
    """A service in a process of its own; gives its endpoint."""
    environment = os.environ | {
        CONNECTION: connection,
        "PERSONALIZER_KEY1": _KEY,
        "PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _endpoint(process)
    finally:
        process.terminate()
        process.wait()


def _endpoint(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"endpoint\s+(http://\S+)", line):
            return found[1]
    raise RuntimeError(f"the service has ended with exit code {process.wait(_START_SECONDS)}")


def tables() -> list[Table]:
    """Measure; takes a minute or two."""
    return [asyncio.run(measure())]


if __name__ == "__main__":
    print(tables()[0].markdown())
