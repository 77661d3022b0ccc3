"""The join: which rewards and activations belong to which decision.

An observation that arrived at t belongs to a decision of its event id made at t_rank where
``-2 min < t - t_rank < wait``; it may belong to several, if an id was used again. The first
decision of an id is an event, repeats of it within ten minutes are duplicates of it.

Rows are handed over in order of time: observations first, as far as a decision's window reaches,
then the decision. How far that is in one go makes no difference to what comes out.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat

import orjson
import zstandard

from loop.events import (
    BATCHED,
    SECOND,
    Activation,
    Dropped,
    Micros,
    Observation,
    Ranked,
    Report,
    Reward,
    SlotRewards,
)
from loop.manifest import Counts

EARLY = 120 * SECOND
"""How much later than its observation a decision may be, in microseconds; not included."""

HORIZON = 600 * SECOND
"""How long an event id is remembered: repeats before it are duplicates, not new events."""


_SlotValues = tuple[tuple[str, float], ...]


@dataclass(slots=True)
class _Waiting:
    """A report that decisions may still come for.

    Attributes:
        value: That of a reward, slot ids with theirs of a multi-slot reward, None of an activation.
        late: How many microseconds after its decision it came, where that is too late; else 0.
        nonce: That of a reward which came in a batch, by which it is known when it comes again.
    """

    event_id: str
    time: int
    value: float | _SlotValues | None
    joined: bool = False
    late: int = 0
    nonce: str = ""

    def observation(self) -> Report:
        if self.value is None:
            return Activation(self.event_id, Micros(self.time))
        if isinstance(self.value, tuple):
            return SlotRewards(self.event_id, Micros(self.time), self.value, nonce="")
        return Reward(self.event_id, Micros(self.time), self.value, nonce="")


@dataclass(frozen=True, slots=True)
class Unjoined:
    """An observation that no decision will come for.

    Attributes:
        late: Microseconds from the decision that it came too late for; 0 where none is known.
    """

    observation: Report
    late: int


@dataclass(slots=True)
class JoinState:
    """What a join carries from one row to the next, and from one run to the next.

    Its size is bounded by the rates of calls: observations of ``wait + 2 min`` and decisions'
    ids of 10 minutes.

    Attributes:
        waiting: Observations in order of time.
        recent: When each event of the last ten minutes was decided, in order of time.
    """

    waiting: deque[_Waiting] = field(default_factory=deque)
    recent: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def __bool__(self) -> bool:
        return bool(self.waiting or self.recent)

    def encode(self) -> bytes:
        """Compressed columns.

        >>> state = JoinState()
        >>> joiner = Joiner(state, wait=600 * SECOND, counts=Counts())
        >>> from loop.events import Decision
        >>> joiner.observe([Reward("e1", Micros(5), 0.5), Activation("e2", Micros(6))])
        >>> joiner.observe([SlotRewards("e4", Micros(7), (("top", 1.0),))])
        >>> len(joiner.join([Decision("e3", Micros(7), b"{}", (0,), (1.0,))]))
        1
        >>> JoinState.decode(state.encode()) == state
        True
        """
        waiting = self.waiting
        columns = {
            "waiting": [
                [w.event_id for w in waiting],
                [w.time for w in waiting],
                [w.value for w in waiting],
                [w.joined for w in waiting],
                [w.late for w in waiting],
            ],
            "nonces": [w.nonce for w in waiting],
            "recent": [list(self.recent), list(self.recent.values())],
        }
        return zstandard.compress(orjson.dumps(columns))

    @classmethod
    def decode(cls, data: bytes) -> JoinState:
        """The inverse of ``encode``."""
        columns = orjson.loads(zstandard.decompress(data))
        ids, times, values, joined, late = columns["waiting"]
        nonces = columns.get("nonces", repeat(""))  # states of before there were batches have none
        return cls(
            deque(map(_Waiting, ids, times, map(_value, values), joined, late, nonces)),
            OrderedDict(zip(*columns["recent"], strict=True)),
        )


def _value(value: float | list[list[str | float]] | None) -> float | _SlotValues | None:
    if isinstance(value, list):
        return tuple((str(slot), float(reward)) for slot, reward in value)
    return value


class Joiner:
    """Carries a ``JoinState`` on, row by row, and counts what becomes of each row.

    Args:
        state: Where the run before has left off; it is changed in place.
        wait: The reward wait time in microseconds.
        counts: What is added to.
    """

    def __init__(self, state: JoinState, wait: int, counts: Counts) -> None:
        self._state = state
        self._wait = wait
        self._counts = counts
        self._by_id: defaultdict[str, deque[_Waiting]] = defaultdict(deque)
        for waiting in state.waiting:
            self._by_id[waiting.event_id].append(waiting)

    def observe(self, rows: Iterable[Observation]) -> None:
        """Take in observations, in order of time."""
        counts, state = self._counts, self._state
        for row in rows:
            if isinstance(row, Dropped):
                counts.dropped += row.count
                continue
            if isinstance(row, Activation):
                counts.activations += 1
                waiting = _Waiting(row.event_id, row.time, None)
            elif self._is_repeated(row):
                counts.repeated += 1
                continue
            else:
                counts.rewards += 1
                value = row.values if isinstance(row, SlotRewards) else row.value
                nonce = row.nonce if row.nonce.startswith(BATCHED) else ""
                waiting = _Waiting(row.event_id, row.time, value, nonce=nonce)
            decided = state.recent.get(row.event_id)
            if decided is not None:
                waiting.late = self._lateness(row.time - decided)
            state.waiting.append(waiting)
            self._by_id[row.event_id].append(waiting)

    def _is_repeated(self, row: Reward | SlotRewards) -> bool:
        """Whether it came in a batch that was sent again, in another bucket of the event log."""
        known = self._by_id.get(row.event_id, ())
        return row.nonce.startswith(BATCHED) and any(w.nonce == row.nonce for w in known)

    def join(self, rows: Iterable[Ranked]) -> list[tuple[Ranked, tuple[Report, ...]]]:
        """Take in decisions, in order of time, once every observation in their windows is in.

        Returns:
            Each decision that is an event, with the observations in its window in order of time.
        """
        events: list[tuple[Ranked, tuple[Report, ...]]] = []
        counts, recent = self._counts, self._state.recent
        for decision in rows:
            counts.decisions += 1
            first = recent.get(decision.event_id)
            if first is not None:
                if decision.time - first < HORIZON:
                    counts.duplicates += 1
                    continue
                del recent[decision.event_id]
            recent[decision.event_id] = decision.time
            waiting = self._by_id.get(decision.event_id)
            events.append((decision, self._window(decision.time, waiting) if waiting else ()))
        return events

    def _window(self, decided: int, waiting: Iterable[_Waiting]) -> tuple[Report, ...]:
        found = []
        for candidate in waiting:
            after = candidate.time - decided
            if -EARLY < after < self._wait:
                found.append(candidate.observation())
                self._count_joined(candidate)
            elif lateness := self._lateness(after):
                candidate.late = lateness
        return tuple(found)

    def _lateness(self, after: int) -> int:
        return after if self._wait <= after < self._wait + HORIZON else 0

    def _count_joined(self, waiting: _Waiting) -> None:
        if waiting.joined:
            return
        waiting.joined = True
        if waiting.value is None:
            self._counts.activated += 1
        else:
            self._counts.joined += 1

    def advance(self, position: int) -> list[Unjoined]:
        """Forget what no decision at ``position`` or later can need.

        Returns:
            The observations that have been waited for in vain, in order of time.
        """
        unjoined = []
        recent, queue = self._state.recent, self._state.waiting
        while recent and next(iter(recent.values())) + HORIZON <= position:
            recent.popitem(last=False)
        while queue and queue[0].time + EARLY <= position:
            waiting = queue.popleft()
            same_id = self._by_id[waiting.event_id]
            same_id.popleft()
            if not same_id:
                del self._by_id[waiting.event_id]
            if not waiting.joined:
                self._count_unjoined(waiting)
                unjoined.append(Unjoined(waiting.observation(), waiting.late))
        return unjoined

    def _count_unjoined(self, waiting: _Waiting) -> None:
        if waiting.value is None:
            self._counts.strayed += 1
        elif waiting.late:
            self._counts.late += 1
        else:
            self._counts.orphaned += 1
