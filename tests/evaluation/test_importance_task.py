"""Measuring which features matter in a child, from the log of a loop in storage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation import importance_task
from evaluation.importance import importance
from evaluation.importance_task import measure
from evaluation.limits import Limits
from evaluation.processes import TaskFailed, TaskTimedOut
from loop.events import LearningMode, Micros
from loop.segments import HOUR
from storage.factory import LoopStorage
from tests.evaluation.measured import CUSTOMERS, customers
from tests.evaluation.past import END, log
from tests.trainer.scene import START

POLICY = CUSTOMERS.policy
LIMITS = Limits()


async def test_a_child_measures_what_the_log_holds(storage: LoopStorage) -> None:
    # GIVEN the log of several hours
    events = customers(500)
    await log(storage, events, per_file=500)
    # WHEN all of it is measured
    told: list[float] = []
    found = await measure(storage.blobs, START, END, POLICY, LIMITS, told.append)
    # THEN it is what comes out in one go
    assert found == importance(events, POLICY)
    assert told[-1] == 1.0
    # AND events outside the range don't count
    start, end = events[100].decision.time, events[480].decision.time
    assert end - start > 3 * HOUR
    part = await measure(storage.blobs, start, end, POLICY, LIMITS)
    assert part == importance(events[100:480], POLICY)


async def test_of_a_short_range_all_events_are_found(
    storage: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a range that is a small part of its hour
    events = customers(1_000, every=2)
    await log(storage, events)
    start, end = events[700].decision.time, events[800].decision.time
    # THEN it is looked through as a whole
    found = await measure(storage.blobs, start, end, POLICY, LIMITS)
    assert found == importance(events[700:800], POLICY)
    # AND where there are too many, they are drawn, the same ones each time
    some = await measure(storage.blobs, START, Micros(START + HOUR), POLICY, LIMITS, most=150)
    again = await measure(storage.blobs, START, Micros(START + HOUR), POLICY, LIMITS, most=150)
    assert some.learned == 150
    assert some == again
    # AND no more of the log is read than there is time for
    monkeypatch.setattr(importance_task, "_MOST_LINES", 90)
    found = await measure(storage.blobs, START, Micros(START + HOUR), POLICY, LIMITS)
    assert found.learned == 90


async def test_large_events_are_fewer(
    storage: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = customers(400)
    await log(storage, events)
    monkeypatch.setattr(importance_task, "_MOST_BYTES", 100 * len(events[0].line()))
    found = await measure(storage.blobs, START, END, POLICY, LIMITS)
    assert 90 <= found.learned <= 110


async def test_it_says_why_it_can_not_be_measured(storage: LoopStorage) -> None:
    # GIVEN events of an apprentice alone
    events = customers(100)
    apprentices = [
        replace(event, decision=replace(event.decision, mode=LearningMode.APPRENTICE))
        for event in events
    ]
    await log(storage, apprentices)
    # THEN there is nothing to measure by
    with pytest.raises(TaskFailed, match="0 choices that were made in learning mode Online"):
        await measure(storage.blobs, START, END, POLICY, LIMITS)
    # AND nothing for a policy of the other kind, nor by one that is none any more
    with pytest.raises(TaskFailed, match="holds 0 choices"):
        await measure(storage.blobs, START, END, "--ccb_explore_adf", LIMITS)
    await log(storage, events)
    with pytest.raises(TaskFailed, match="the policy can't be used: --daemon"):
        await measure(storage.blobs, START, END, "--cb_explore_adf --daemon", LIMITS)


async def test_it_has_its_time(storage: LoopStorage) -> None:
    # GIVEN a log, and no time to judge by it
    await log(storage, customers(100))
    no_time = Limits(importance_seconds=1e-6)
    with pytest.raises(TaskFailed, match="only time to judge by 0 choices"):
        await measure(storage.blobs, START, END, POLICY, no_time)
    # AND not even the time to say so
    none_at_all = Limits(importance_seconds=1e-3, late_seconds=0.0)
    with pytest.raises(TaskTimedOut):
        await measure(storage.blobs, START, END, POLICY, none_at_all)
