"""Mutated batches: each is read or refused by name, and what is read can be learned from."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite
from random import Random

import orjson
import pytest
import zstandard

from loop.batched_decisions import read_interactions
from loop.batched_outcomes import read_observations
from loop.errors import InvalidRequest, PayloadSizeExceeded
from loop.events import Decision, Micros, MultiSlotDecision, Reward, decode_decision
from loop.features import JsonValue
from loop.model import Model
from loop.multi_slot_model import MultiSlotModel, SlotLabel
from loop.vw_lines import vw_lines
from tests.batches import CCB, DEDUP_INFO, OUTCOME, Event, cb, ccb, dedup_info, message, outcome

NOW = Micros(1_700_000_000_000_000)

SHARED = {7: '{"TAction":{"a1":"f1"}}', 2**40: '{"_tag":"two","j":[{"b":[1,2]}]}'}
CONTEXT: JsonValue = {
    "GUser": {"id": "ä", "n": 1.5, "on": True, "none": None},
    "FromUrl": [{"x": {"y": {"z": "deep"}}}],
    "_multi": [{"__aid": 7}, {"__aid": 2**40}, {"i": {"id": "three"}}],
}
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
PIECES = (b"{", b"}", b"[", b'"', b"\\ud800", b"\0", b"\xff", b"NaN", b"1e999", b'"__aid":', b"|")


def payloads() -> tuple[list[Event], list[Event]]:
    """An ordinary batch of each kind."""
    decided = [
        Event(dedup_info(SHARED), id="dictionary", type=DEDUP_INFO),
        Event(cb(CONTEXT, (3, 1, 2), (0.5, 0.25, 0.25)), id="e1"),
        Event(cb(CONTEXT, (1, 2, 3), (0.9, 0.05, 0.05), deferred=True), id="e2"),
        Event(ccb(), id="e3", type=CCB),
    ]
    observed = [
        Event(outcome(0.5), id="e1", type=OUTCOME),
        Event(outcome("1.0"), id="e2", type=OUTCOME),
        Event(outcome(action_taken=True), id="e2", type=OUTCOME),
        Event(outcome(0.5, index="top"), id="e3", type=OUTCOME),
    ]
    return decided, observed


def mutated(data: bytes, random: Random) -> bytes:
    """``data`` with one change or two."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 2)):
        at = random.randrange(len(changed) + 1)
        kind = random.randrange(7)
        if kind == 0:
            changed[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            changed[at : at + 4] = struct.pack("<I", random.choice(NUMBERS))
        elif kind == 2:
            changed[at : at + 2] = struct.pack("<H", random.choice(NUMBERS) & 0xFFFF)
        elif kind == 3:
            del changed[at : at + random.randint(1, 16)]
        elif kind == 4:
            changed[at:at] = random.choice(PIECES)
        elif kind == 5:
            start = random.randrange(len(changed) + 1)
            changed[at:at] = changed[start : start + random.randint(1, 64)]
        else:
            changed[at : at + 4] = struct.pack("<f", random.choice([float("nan"), 1e30, -1.0, 0.0]))
    return bytes(changed)


def hostile(events: Sequence[Event], random: Random) -> bytes:
    """A batch that is broken inside of a payload, round the events, or in all of it."""
    where = random.randrange(4)
    if where == 0:
        return mutated(message(events), random)
    if where == 1:
        body = mutated(message(events)[8:], random)
        return struct.pack(">BBHI", 0, 0, 13, len(body)) + body
    broken = [
        Event(mutated(event.payload or b"", random), event.id, event.type, compressed=where == 2)
        if random.random() < 0.5
        else event
        for event in events
    ]
    if where == 3:
        frame = mutated(zstandard.compress(broken[0].payload or b""), random)
        broken[0] = Event(frame, broken[0].id, broken[0].type, encoding=1)
    return message(broken)


class Attack:
    """Reads batches and learns from what they hold; counts what becomes of them."""

    def __init__(self, model: Model, pages: MultiSlotModel) -> None:
        self._model = model
        self._pages = pages
        self.found: Counter[str] = Counter()

    def __call__(self, read: Callable[[bytes, Micros], Sequence[object]], body: bytes) -> None:
        try:
            events = read(body, NOW)
        except (InvalidRequest, PayloadSizeExceeded) as error:
            assert error.target
            assert error.target in error.message
            self.found[error.code] += 1
            return
        self.found["taken"] += 1
        for event in events:
            self._learn(event)

    def _learn(self, event: object) -> None:
        if isinstance(event, (Decision, MultiSlotDecision)):
            assert decode_decision(event.encode()) == event
            lines = vw_lines(orjson.loads(event.features))
            if isinstance(event, Decision):
                probability = min(1.0, event.probabilities[0])
                self._model.learn(lines, event.ranking[0], -1.0, probability)
            else:
                labels = [SlotLabel(s.ranking, -1.0, s.probabilities[0]) for s in event.slots]
                self._pages.learn(lines, labels)
        elif isinstance(event, Reward):
            assert isfinite(event.value)


def attack(count: int, seed: int) -> Counter[str]:
    random = Random(seed)
    decided, observed = payloads()
    with Model("--cb_explore_adf") as model, MultiSlotModel("--ccb_explore_adf") as pages:
        strike = Attack(model, pages)
        for _ in range(count // 2):
            strike(read_interactions, hostile(decided, random))
            strike(read_observations, hostile(observed, random))
    return strike.found


def test_what_is_mutated_is_ordinary_before() -> None:
    decided, observed = payloads()
    assert len(read_interactions(message(decided), NOW)) == 3
    assert len(read_observations(message(observed), NOW)) == 4


def test_mutated_batches_are_read_or_refused() -> None:
    found = attack(2_000, seed=1)
    assert sum(found.values()) == 2_000
    assert set(found) <= {"taken", InvalidRequest.code, PayloadSizeExceeded.code}
    assert min(found["taken"], found[InvalidRequest.code]) > 100


@pytest.mark.acceptance
def test_twenty_thousand_mutated_batches_are_read_or_refused() -> None:
    found = attack(20_000, seed=2)
    assert sum(found.values()) == 20_000
    assert min(found["taken"], found[InvalidRequest.code]) > 1_000
