"""The join against an oracle that looks at everything at once, over days of calls."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from loop.events import (
    SECOND,
    Activation,
    Decision,
    Dropped,
    Micros,
    Observation,
    Ranked,
    Report,
    Reward,
)
from loop.joining import EARLY, HORIZON, Joiner, JoinState
from loop.manifest import Counts
from storage.event_log import BUCKET, EventLog
from trainer.scan import Observed, Stretch, in_order

START = 1_700_000_000 * SECOND
GRACE = 60 * SECOND

Row = TypeVar("Row", Decision, Observation)


@dataclass(frozen=True)
class Kept:
    """A row and when scans begin to see it."""

    row: Decision | Observation
    visible: int


class Past(EventLog):
    """A log as it would look at some time: rows appear when they are visible."""

    def __init__(self, rows: Sequence[Kept]) -> None:
        self.now = 0
        self._rows = sorted(rows, key=lambda kept: kept.row.time)
        self._times = [kept.row.time for kept in self._rows]

    async def append(self, event: Ranked | Observation) -> None:
        raise NotImplementedError

    async def decisions(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Ranked]]]:
        for bucket, rows in self._buckets(start, end):
            decisions: list[Ranked] = [row for row in rows if isinstance(row, Decision)]
            if decisions:
                yield bucket, decisions

    async def observations(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Observation]]]:
        for bucket, rows in self._buckets(start, end):
            if observations := [row for row in rows if not isinstance(row, Decision)]:
                yield bucket, observations

    def _buckets(
        self, start: Micros, end: Micros
    ) -> list[tuple[Micros, list[Decision | Observation]]]:
        buckets: defaultdict[Micros, list[Decision | Observation]] = defaultdict(list)
        for kept in self._rows[bisect_left(self._times, start) : bisect_left(self._times, end)]:
            if kept.visible <= self.now:
                buckets[Micros(kept.row.time // BUCKET * BUCKET)].append(kept.row)
        return sorted(buckets.items())

    async def earliest(self) -> Micros | None:
        raise NotImplementedError

    async def drop_before(self, time: Micros) -> None:
        raise NotImplementedError

    async def drop_all(self) -> None:
        raise NotImplementedError


def calls(dice: random.Random, events: int, wait: int) -> list[Kept]:
    """Calls of an unruly world: repeats, early, late and lost rewards, slow writes."""
    rows: list[Kept] = []
    ids = [f"id{i}" for i in range(events // 2)]
    now = START
    edges = (-EARLY, -EARLY + 1, 0, wait - 1, wait, wait + HORIZON - 1, wait + HORIZON)

    def keep(row: Decision | Observation) -> None:
        rows.append(Kept(row, row.time + int(dice.random() ** 4 * GRACE)))

    for i in range(events):
        now += int(dice.expovariate(5) * SECOND)
        event_id = dice.choice(ids) if dice.random() < 0.3 else f"e{i}"
        time = Micros(now)
        keep(Decision(event_id, time, b"{}", (0,), (1.0,), deferred=dice.random() < 0.2))
        if dice.random() < 0.1:
            again = Micros(now + dice.choice([1, HORIZON - 1, HORIZON, HORIZON + 7, 3 * HORIZON]))
            keep(Decision(event_id, again, b"{}", (0,), (1.0,)))
        for _ in range(dice.choice([0, 1, 1, 2, 5])):
            offset = (
                dice.choice(edges)
                if dice.random() < 0.3
                else int(dice.uniform(-1.2 * EARLY, 1.5 * wait))
            )
            target = event_id if dice.random() < 0.95 else f"nobody{i}"
            keep(Reward(target, Micros(now + offset), dice.random()))
        if dice.random() < 0.3:
            keep(Activation(event_id, Micros(now + int(dice.uniform(-EARLY, 1.2 * wait)))))
        if dice.random() < 0.01:
            keep(Dropped(time, 2))
    return rows


Joined = tuple[str, int, tuple[Report, ...]]


def oracle(rows: Sequence[Kept], wait: int) -> tuple[list[Joined], Counts]:
    """What ought to come out, by the definitions, each looked up in all rows at once."""
    counts = Counts()
    events: list[Decision] = []
    last: dict[str, int] = {}
    by_id: defaultdict[str, list[Report]] = defaultdict(list)
    for kept in sorted(rows, key=lambda kept: kept.row.time):
        row = kept.row
        if isinstance(row, Decision):
            counts.decisions += 1
            if row.event_id in last and row.time - last[row.event_id] < HORIZON:
                counts.duplicates += 1
            else:
                last[row.event_id] = row.time
                events.append(row)
        elif isinstance(row, Dropped):
            counts.dropped += row.count
        else:
            by_id[row.event_id].append(row)
    decided: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        decided[event.event_id].append(event.time)
    for event_id, observations in by_id.items():
        for observation in observations:
            ages = [observation.time - time for time in decided[event_id]]
            used = any(-EARLY < age < wait for age in ages)
            if isinstance(observation, Activation):
                counts.activations += 1
                counts.activated += used
                counts.strayed += not used
            else:
                late = not used and any(wait <= age < wait + HORIZON for age in ages)
                counts.rewards += 1
                counts.joined += used
                counts.late += late
                counts.orphaned += not used and not late
    joined: list[Joined] = [
        (e.event_id, e.time, tuple(o for o in by_id[e.event_id] if -EARLY < o.time - e.time < wait))
        for e in events
    ]
    return joined, counts


async def learned(
    dice: random.Random, rows: Sequence[Kept], wait: int, pause: int
) -> tuple[list[Joined], Counts]:
    """What comes out of runs at odd times, of which some stop half-way and some come to nothing."""
    log = Past(rows)
    position = observed = Micros(START - 10 * EARLY)
    carried, counts, joined = JoinState().encode(), Counts(), list[Joined]()
    log.now = START
    over = max(kept.visible for kept in rows) + wait + 2 * HORIZON + GRACE
    while position < over - wait - GRACE - BUCKET:
        log.now += int(dice.uniform(0.1, 2) * pause)
        state, tally, out = JoinState.decode(carried), replace(counts), list[Joined]()
        joiner = Joiner(state, wait, tally)
        stretch = Stretch.until(log.now - GRACE, position, observed, wait)
        reached = stretch.end, stretch.observed_end
        stop = dice.random() if dice.random() < 0.3 else 0
        at = position, observed
        async for bucket in in_order(log, stretch):
            if isinstance(bucket, Observed):
                joiner.observe(bucket.rows)
                at = at[0], bucket.end
            else:
                for decision, observations in joiner.join(bucket.rows):
                    out.append((decision.event_id, decision.time, observations))
                at = bucket.end, at[1]
                joiner.advance(bucket.end)
            if stop and dice.random() < 0.02:
                reached = at
                break
        else:
            joiner.advance(stretch.end)
        if dice.random() < 0.2:
            continue
        position, observed = reached
        carried, counts = state.encode(), tally
        joined += out
    return joined, counts


async def check(seed: int, events: int, wait: int, pause: int) -> Counts:
    rows = calls(random.Random(seed), events, wait)
    expected, expected_counts = oracle(rows, wait)

    joined, counts = await learned(random.Random(seed + 1), rows, wait, pause)

    times = Counter((event_id, time) for event_id, time, _ in joined)
    assert max(times.values()) == 1, "an event was joined twice"
    assert len(joined) == len(expected)
    assert joined == sorted(joined, key=lambda event: event[1]), "events came out of order"
    by_key = {(event_id, time): observations for event_id, time, observations in joined}
    for event_id, time, observations in expected:
        assert by_key[event_id, time] == observations
    assert counts == expected_counts
    assert counts.rewards == counts.joined + counts.late + counts.orphaned
    assert counts.activations == counts.activated + counts.strayed
    return counts


@pytest.mark.parametrize(
    ("seed", "wait", "pause"),
    [(1, 600, 300), (2, 15, 15), (3, 3600, 60), (4, 7, 900)],
)
async def test_nothing_is_missed_doubled_or_joined_wrongly(
    seed: int, wait: int, pause: int
) -> None:
    counts = await check(seed, 5_000, wait * SECOND, pause * SECOND)
    # the world was as unruly as it should be
    assert min(counts.duplicates, counts.late, counts.orphaned, counts.strayed) > 50


@pytest.mark.acceptance
@pytest.mark.parametrize(("wait", "pause"), [(15, 60), (600, 300), (24 * 3600, 7200)])
async def test_nothing_is_missed_doubled_or_joined_wrongly_at_length(wait: int, pause: int) -> None:
    await check(wait, 100_000, wait * SECOND, pause * SECOND)
