"""Decide without I/O: the bytes of a rank call to the bytes of its answer, beside VW alone.

    python -m benchmarks.decide

VW alone parses the same lines and predicts. Both are timed in turn, block by block, so that what
else the machine does falls on both; by processor time, since nothing here waits for anything.
"""

from __future__ import annotations

import random
import statistics
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pylibvw
from vowpalwabbit import Workspace

from benchmarks.report import Table
from loop.configuration import ServiceConfiguration
from loop.events import Decision, Micros
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.model import Model
from loop.vw_lines import vw_lines
from rank.decide import Served, decide

SHAPES = ((4, 5), (10, 10), (50, 10))
BLOCKS = 41
BLOCK_SECONDS = 0.02

_WORDS = ("red", "dark blue", "green", "yellow", "Central European Time", "no")


@dataclass(frozen=True, slots=True)
class Spread:
    """Microseconds a call takes: the median over the blocks, and what lies around it."""

    median: float
    p10: float
    p90: float


@dataclass(frozen=True, slots=True)
class Row:
    """One shape of request.

    Attributes:
        decide: Bytes to bytes.
        vw: VW's own part of it alone.
        log: Besides: making the row that the event log keeps, compressed.
    """

    actions: int
    features: int
    request_bytes: int
    decide: Spread
    vw: Spread
    log: Spread

    @property
    def ratio(self) -> float:
        """How many times VW alone."""
        return self.decide.median / self.vw.median


def request(actions: int, features: int) -> bytes:
    """A call with as many features in its context as in each action; two of five are numbers."""
    chance = random.Random(f"{actions} {features}")

    def some(prefix: str) -> dict[str, str | float]:
        return {
            f"{prefix}{i}": chance.choice(_WORDS) if i % 5 < 3 else round(chance.random(), 4)
            for i in range(features)
        }

    return orjson.dumps(
        {
            "contextFeatures": [some("context")],
            "actions": [{"id": f"action-{i}", "features": [some("f")]} for i in range(actions)],
            "eventId": "75269AD0-BFEE-4598-8196-C57383D38E10",
        }
    )


def measure(blocks: int = BLOCKS, block_seconds: float = BLOCK_SECONDS) -> list[Row]:
    """A row for each of ``SHAPES``; takes about ``9 * blocks * block_seconds`` seconds."""
    rows = []
    with Model(DEFAULT_ARGUMENTS) as model, Workspace(f"{DEFAULT_ARGUMENTS} --quiet") as vw:
        served = Served(ServiceConfiguration(), model, "20240101T000000-1")
        for actions, features in SHAPES:
            body = request(actions, features)
            decision = decide(body, Micros(0), served).decision
            lines = vw_lines(orjson.loads(decision.features))
            for action in range(actions):
                model.learn(lines, action, -1.0 if action == 1 else 0.0, 1 / actions)

            def whole(body: bytes = body) -> None:
                decide(body, Micros(0), served)

            def alone(text: str = "\n".join(lines)) -> None:
                examples = pylibvw.vw._parse(vw, text)
                pylibvw.vw.predict_multi(vw, examples)
                pylibvw.vw._finish_example_multi_ex(vw, examples)

            def logged(decision: Decision = decision) -> None:
                zlib.compress(decision.encode(), 1)

            spreads = _in_turn([whole, alone, logged], blocks, block_seconds)
            rows.append(Row(actions, features, len(body), *spreads))
    return rows


def _in_turn(calls: list[Callable[[], None]], blocks: int, block_seconds: float) -> list[Spread]:
    repeats = [max(1, round(block_seconds / _seconds(call, 20))) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(blocks):
        for call, repeat, taken in zip(calls, repeats, times, strict=True):
            taken.append(1e6 * _seconds(call, repeat))
    spreads = []
    for taken in times:
        tenths = statistics.quantiles(taken, n=10, method="inclusive")
        spreads.append(Spread(tenths[4], tenths[0], tenths[8]))
    return spreads


def _seconds(call: Callable[[], None], repeat: int) -> float:
    start = time.process_time()
    for _ in range(repeat):
        call()
    return (time.process_time() - start) / repeat


def table(rows: list[Row]) -> Table:
    """The rows for the benchmarks' page."""
    return Table(
        title="Decide, without I/O",
        command="python -m benchmarks.decide",
        columns=["actions x features", "request", "decide", "VW alone", "ratio", "making the row"],
        rows=[
            [
                f"{row.actions} x {row.features}",
                f"{row.request_bytes:,} B",
                _shown(row.decide),
                _shown(row.vw),
                f"{row.ratio:.1f}",
                _shown(row.log),
            ]
            for row in rows
        ],
        remarks=[
            "Microseconds of processor time for one call: the median of the blocks, and in brackets"
            " what the middle four fifths of them lie between.",
            "Decide is from the bytes of a request to the bytes of its answer; VW alone parses the"
            " same lines and predicts, in the same run.",
            "Making the row, encoded and compressed for the event log, comes on top of it.",
        ],
    )


def _shown(spread: Spread) -> str:
    return f"{spread.median:.0f} ({spread.p10:.0f} to {spread.p90:.0f})"


def tables() -> list[Table]:
    """Measure; takes about a minute."""
    return [table(measure())]


if __name__ == "__main__":
    print(tables()[0].markdown())
