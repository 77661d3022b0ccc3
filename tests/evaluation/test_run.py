from __future__ import annotations

import asyncio
import importlib
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import zstandard

from evaluation.jobs import Source, Status, evaluations
from evaluation.limits import Limits
from evaluation.processes import TaskFailed
from evaluation.selection import optimal
from evaluation.tasks import LOGGED, TASK, Judging
from loop.events import LoopKind
from loop.joined_log import Event
from loop.manifest import LogSegment, Manifest
from loop.segments import JOINED_LOG
from loop.settings import Policy
from storage.factory import LoopStorage
from tests.evaluation.past import (
    END,
    PER_FILE,
    POLICIES,
    ask,
    found,
    happened,
    judged,
    learned,
    log,
    logged,
    pages,
    result_of,
    turn,
    turns,
)
from tests.simulation.faults import Crash, CrashAt, through
from tests.trainer.scene import START, after

LIMITS = Limits()
ONE_AT_A_TIME = Limits(round_seconds=0.0)
"""A round ends with its first event."""

Run = Callable[..., Awaitable[None]]


def contains(charge: str, charges: Sequence[str]) -> bool:
    return charge in charges


class Here:
    """Does the work of children in this process, which is faster.

    Attributes:
        worked: The charges that each child has judged, or would have.
        crashes: Says of which charges a child crashes.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.worked: list[tuple[str, ...]] = []
        self.crashes: Callable[[tuple[str, ...]], bool] = partial(contains, "nobody")

    def patch(self, run: Run) -> None:
        """Have the work of children done in this way."""
        for parent in ("turn", "rounds", "importance_task"):
            self._monkeypatch.setattr(f"evaluation.{parent}.run_module", run)

    async def run_module(
        self,
        module: str,
        folder: Path,
        seconds: float,
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        await asyncio.sleep(0)
        if module == "evaluation.worker":
            task = Judging.model_validate_json((folder / TASK).read_bytes())
            charges = tuple([charge.key for charge in task.charges])
            self.worked.append(charges)
            if self.crashes(charges):
                raise TaskFailed("its process was ended by SIGSEGV")
        self._monkeypatch.setattr("sys.argv", [module, str(folder)])
        importlib.import_module(module).main()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    here = Here(monkeypatch)
    here.patch(here.run_module)
    return here


async def same_as_in_one_go(
    storage: LoopStorage,
    events: Sequence[Event],
    policies: Sequence[Policy] = POLICIES,
    evaluation_id: str = "e1",
) -> None:
    """The evaluation has found what comes out when nothing gets in its way, to the last bit."""
    evaluation = await found(storage, evaluation_id)
    assert (evaluation.status, evaluation.description) == (Status.SUCCEEDED, "")
    result = await result_of(storage, evaluation_id)
    expected = [judged(policy, events) for policy in policies]
    slots = [policy.slots for policy in result.policies]
    assert slots == [*logged(events), *(slots for slots, _ in expected)]
    assert await learned(storage, result, events) == [views for _, views in expected]


async def test_policies_are_judged_as_in_one_go(storage: LoopStorage) -> None:
    # GIVEN a log of several files, and an evaluation of some hours of it
    events = happened(150)
    await log(storage, events)
    await ask(storage, start=after(2_000), end=after(12_000))
    # WHEN it is worked on, by two processes
    await turns(storage, LIMITS)
    # THEN its policies are judged by what was decided in the range, and have learned that
    inside = [e for e in events if after(2_000) <= e.decision.time < after(12_000)]
    assert len(inside) == 100
    await same_as_in_one_go(storage, inside)
    # AND it says so
    evaluation = await found(storage)
    assert (evaluation.progress, evaluation.reach, evaluation.finished) == (1.0, END, after(5))
    result = await result_of(storage)
    assert [(policy.name, policy.source) for policy in result.policies] == [
        ("online", Source.ONLINE),
        ("baseline1", Source.BASELINE),
        ("baselineRand", Source.RANDOM),
        *((policy.name, Source.CUSTOM) for policy in POLICIES),
    ]
    assert [standing.name for standing in evaluation.standings] == [p.name for p in result.policies]
    best = optimal(result.policies)
    assert best is not None and evaluation.optimal_policy == best.name
    # AND leaves nothing behind but its result and its models
    names = [entry.name async for entry in storage.blobs.list("evaluations/")]
    assert sorted(name.rpartition("/")[2] for name in names) == sorted(
        ["agenda.json", "document.json", "result.json", "c0.vw", "c1.vw", "c2.vw"]
    )
    assert not await turn(storage, LIMITS)


@pytest.mark.parametrize("processes", [1, 2, 5])
async def test_neither_rounds_nor_processes_change_a_number(
    processes: int, storage: LoopStorage, here: Here
) -> None:
    events = happened(16)
    await log(storage, events)
    await ask(storage)
    assert await turns(storage, replace(ONE_AT_A_TIME, processes=processes)) == len(events) + 1
    await same_as_in_one_go(storage, events)


async def test_those_behind_catch_up_beside_those_ahead(storage: LoopStorage, here: Here) -> None:
    # GIVEN contenders that crashes have left at different places
    events = happened(60)
    await log(storage, events)
    await ask(storage)
    for number in range(6):
        here.crashes = partial(contains, f"c{number % 3}")
        await turn(storage, replace(ONE_AT_A_TIME, processes=4, crashes=100))
    # WHEN one process goes on with all of them
    here.crashes = partial(contains, "nobody")
    await turn(storage, ONE_AT_A_TIME)
    await turns(storage, replace(LIMITS, processes=1))
    # THEN each has seen each event once
    assert here.worked[-1] == (LOGGED, "c0", "c1", "c2")
    await same_as_in_one_go(storage, events)


async def crashed_at(storage: LoopStorage, call: int, answered: bool, limits: Limits) -> bool:
    """Work until the service dies at a call to storage; whether it came to that."""
    path = CrashAt(call, answered)
    with suppress(Crash):
        await turns(through(storage, path), limits)
    return path.reached


async def killed_at_each(storage: LoopStorage, calls: Iterable[int]) -> int:
    """Evaluate again and again, killed each time at another call; how often it came to that."""
    events = happened(30)
    await log(storage, events)
    limits = Limits(stretch_files=1)
    for count, call in enumerate(calls):
        name = f"e{call}"
        await ask(storage, name, POLICIES[:1])
        if not await crashed_at(storage, call, count % 2 == 0, limits):
            return count
        await turns(storage, limits)
        await same_as_in_one_go(storage, events, POLICIES[:1], name)
    raise AssertionError("there are more calls than that")


async def test_a_crash_costs_nothing_but_time(storage: LoopStorage, here: Here) -> None:
    assert await killed_at_each(storage, range(1, 1000, 9)) > 5


@pytest.mark.acceptance
async def test_a_crash_at_any_call_to_storage_costs_nothing_but_time(
    storage: LoopStorage, here: Here
) -> None:
    assert await killed_at_each(storage, range(1, 1000)) > 35


async def test_who_crashes_is_given_up_and_the_others_go_on(
    storage: LoopStorage, here: Here
) -> None:
    # GIVEN a policy that VW can't run
    events = happened(200)
    await log(storage, events)
    await ask(storage)
    here.crashes = partial(contains, "c1")
    # WHEN the evaluation is worked on
    await turns(storage, replace(LIMITS, processes=2))
    # THEN it was tried by itself before it was given up
    assert here.worked.count(("c1",)) == LIMITS.crashes - 1
    # AND the others are judged
    evaluation = await found(storage)
    assert evaluation.status is Status.SUCCEEDED
    assert evaluation.description == (
        "quick could not be judged: its process was ended by SIGSEGV."
    )
    result = await result_of(storage)
    assert [(p.name, p.slots == (), p.model is None) for p in result.policies[3:]] == [
        ("as it is", False, False),
        ("quick", True, True),
        ("coin", False, False),
    ]
    assert evaluation.optimal_policy == "as it is"


async def test_a_policy_that_is_refused_fails_alone(storage: LoopStorage, here: Here) -> None:
    await log(storage, happened(200))
    refused = [
        Policy(name="forbidden", arguments="--cb_explore_adf -d /etc/passwd"),
        Policy(name="impossible", arguments="--cb_explore_adf --cb_type dr --regcb"),
        Policy(name="of pages", arguments="--ccb_explore_adf"),
    ]
    await ask(storage, policies=[*refused, POLICIES[0]])
    await turns(storage, LIMITS)
    evaluation = await found(storage)
    assert evaluation.status is Status.SUCCEEDED
    for reason in (
        "forbidden could not be judged: -d is not allowed",
        "impossible could not be judged: VowpalWabbit refuses it: ",
        "of pages could not be judged: it is for a multi-slot loop, not a single-slot one.",
    ):
        assert reason in evaluation.description
    assert evaluation.optimal_policy == "as it is"


async def test_a_log_that_can_t_be_judged_ends_the_evaluation(
    storage: LoopStorage, here: Here
) -> None:
    await log(storage, happened(40))
    await ask(storage)
    here.crashes = partial(contains, LOGGED)
    await turns(storage, LIMITS)
    evaluation = await found(storage)
    assert evaluation.status is Status.FAILED
    assert evaluation.description == (
        "The log could not be judged: its process was ended by SIGSEGV."
    )
    assert [entry.name async for entry in storage.blobs.list("evaluations/")] == [
        f"{evaluations(storage.blobs).folder('e1')}document.json",
        "evaluations/agenda.json",
    ]


async def test_a_range_without_an_event_to_judge_says_so(storage: LoopStorage, here: Here) -> None:
    await log(storage, [event.withhold() for event in happened(10)], reach=after(5_000))
    await ask(storage)
    await turns(storage, LIMITS)
    evaluation = await found(storage)
    assert evaluation.status is Status.FAILED
    assert evaluation.description == (
        "The log has no event from 2023-11-14T22:13:20Z to 2023-11-14T23:36:40Z that could be"
        " judged: one that was put to use, and that the loop learns from."
    )


async def test_what_is_joined_later_does_not_count(storage: LoopStorage, here: Here) -> None:
    # GIVEN an evaluation that has begun
    events = happened(60)
    await log(storage, events[:40], reach=after(3_000))
    await ask(storage)
    await turn(storage, ONE_AT_A_TIME)
    # WHEN more is joined before it is done
    await log(storage, events)
    await turns(storage, LIMITS)
    # THEN it has judged what had been joined when it began
    assert (await found(storage)).reach == after(3_000)
    await same_as_in_one_go(storage, events[:30])


async def test_what_the_trainer_has_yet_to_commit_counts(storage: LoopStorage, here: Here) -> None:
    # GIVEN a trainer that died behind its manifest
    events = happened(20)
    name = JOINED_LOG.name(START, 0)
    await storage.blobs.stage_block(
        name, "block1", zstandard.compress(b"\n".join(e.line() for e in events) + b"\n")
    )
    segment = LogSegment(blob=name, blocks=("block1",))
    read = await storage.manifest.read()
    await storage.manifest.replace(Manifest(position=END, segments=(segment,)), read)
    # WHEN its log is evaluated
    await ask(storage)
    await turns(storage, LIMITS)
    # THEN all of it counts
    await same_as_in_one_go(storage, events)


async def test_of_two_who_work_on_it_one_commits(
    storage: LoopStorage, here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN somebody who has judged, and then somebody else who begins
    events = happened(40)
    await log(storage, events)
    await ask(storage)
    meanwhile = here.run_module

    async def slow(*args: object) -> None:
        here.patch(meanwhile)
        await turn(storage, ONE_AT_A_TIME)
        await meanwhile(*args)  # type: ignore[arg-type]

    here.patch(slow)
    # WHEN the first one comes to its end
    assert not await turn(storage, LIMITS)
    # THEN what it has done does not count
    assert [r.message for r in caplog.records if r.name == "evaluation.run"] == [
        "evaluation_superseded"
    ]
    assert 0 < (await found(storage)).progress < 0.9
    # AND the other one ends it
    await turns(storage, LIMITS)
    await same_as_in_one_go(storage, events)


async def test_what_was_committed_stays_when_somebody_else_concludes(
    storage: LoopStorage, here: Here
) -> None:
    # GIVEN somebody who has judged all and committed it, and then somebody else who begins
    events = happened(40)
    await log(storage, events)
    await ask(storage)
    meanwhile = here.run_module

    async def slow(module: str, *rest: object) -> None:
        if module == "evaluation.concluding":
            here.patch(meanwhile)
            await turns(storage, LIMITS)
        await meanwhile(module, *rest)  # type: ignore[arg-type]

    here.patch(slow)
    # WHEN the first one comes too late with its result
    assert not await turn(storage, LIMITS)
    # THEN that of the other one stands, with the models that the first one had kept
    await same_as_in_one_go(storage, events)


async def test_an_evaluation_that_is_deleted_is_not_worked_on(
    storage: LoopStorage, here: Here
) -> None:
    # GIVEN one that is deleted in the middle of a round
    await log(storage, happened(40))
    await ask(storage)
    await turn(storage, ONE_AT_A_TIME)
    meanwhile = here.run_module

    async def deleting(*args: object) -> None:
        await evaluations(storage.blobs).delete("e1")
        await meanwhile(*args)  # type: ignore[arg-type]

    here.patch(deleting)
    # WHEN the round is over
    assert not await turn(storage, LIMITS)
    # THEN it stays deleted, and is off the agenda
    assert await evaluations(storage.blobs).read("e1") is None
    assert await turns(storage, LIMITS) == 1
    assert (await evaluations(storage.blobs).agenda()).value.ids == ()
    left = [entry.name async for entry in storage.blobs.list("evaluations/")]
    assert left == ["evaluations/agenda.json"]


async def test_one_that_breaks_off_again_and_again_is_given_up(
    storage: LoopStorage, here: Here
) -> None:
    await log(storage, happened(40))
    await ask(storage)

    async def dying(*args: object) -> None:
        raise Crash

    here.patch(dying)
    for _ in range(LIMITS.attempts):
        with pytest.raises(Crash):
            await turn(storage, LIMITS)
    await turns(storage, LIMITS)
    evaluation = await found(storage)
    assert evaluation.status is Status.FAILED
    assert evaluation.description.startswith("It was broken off 10 times in a row")


async def test_one_that_takes_too_long_times_out(storage: LoopStorage, here: Here) -> None:
    await log(storage, happened(40))
    await ask(storage)
    assert await turns(storage, replace(ONE_AT_A_TIME, total_seconds=1e-9)) == 2
    evaluation = await found(storage)
    assert evaluation.status is Status.TIMED_OUT
    assert evaluation.description.startswith("It has not come to its end in")


async def test_the_oldest_comes_first_and_none_is_left(storage: LoopStorage, here: Here) -> None:
    await log(storage, happened(10))
    for name in ("b", "a"):
        await ask(storage, name)
    await turn(storage, LIMITS)
    assert (await found(storage, "b")).status is Status.SUCCEEDED
    assert (await found(storage, "a")).status is Status.WAITING
    await turns(storage, LIMITS)
    assert (await found(storage, "a")).status is Status.SUCCEEDED


async def test_one_that_can_t_be_read_does_not_hold_up_the_others(
    storage: LoopStorage, here: Here
) -> None:
    await log(storage, happened(10))
    for name in ("broken", "fine"):
        await ask(storage, name)
    folder = evaluations(storage.blobs).folder("broken")
    await storage.blobs.write(f"{folder}document.json", b"{}")
    await turns(storage, LIMITS)
    assert (await found(storage, "fine")).status is Status.SUCCEEDED


async def test_no_folder_is_left(
    storage: LoopStorage, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN one that a process has left which was killed an hour ago, and one of another just now
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = (tmp_path / f"open-personalizer-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / "log").touch()
    os.utime(old, (1e9, 1e9))
    # WHEN an evaluation is worked on
    await log(storage, happened(10))
    await ask(storage)
    await turns(storage, LIMITS)
    # THEN it leaves none, and takes the old one away
    assert [folder.name for folder in os.scandir(tmp_path)] == [new.name]


async def test_pages_are_judged_slot_by_slot(storage: LoopStorage, here: Here) -> None:
    # GIVEN a log of pages, with decisions of a single slot among them
    await log(storage, [*happened(10), *pages(60, start=5_000)])
    policy = Policy(name="slots", arguments="--ccb_explore_adf --cb_type mtr -q FT")
    await ask(storage, policies=[policy], kind=LoopKind.MULTI_SLOT)
    # WHEN they are evaluated in parts
    await turn(storage, ONE_AT_A_TIME)
    await turns(storage, LIMITS)
    # THEN each slot is judged by itself
    assert (await found(storage)).status is Status.SUCCEEDED
    for judged_policy in (await result_of(storage)).policies:
        events = {slot.slot: sum(b.events for b in slot.buckets) for slot in judged_policy.slots}
        assert events == {"top": 60, "side": 60}


async def test_what_retention_takes_meanwhile_is_left_out(storage: LoopStorage, here: Here) -> None:
    # GIVEN an evaluation that is in the first of some files, when that file goes
    events = happened(80)
    await log(storage, events)
    await ask(storage)
    await turn(storage, ONE_AT_A_TIME)
    await storage.blobs.delete(JOINED_LOG.name(START, 0))
    # WHEN it goes on
    await turns(storage, LIMITS)
    # THEN it judges what is left
    await same_as_in_one_go(storage, [*events[:1], *events[PER_FILE:]])


async def test_better_policies_are_looked_for(storage: LoopStorage) -> None:
    # GIVEN a log in which each user likes another action
    events = happened(150)
    await log(storage, events)
    await ask(storage, policies=POLICIES[:1], optimises=True)
    # WHEN the evaluation may look for policies
    await turns(storage, LIMITS)
    # THEN it has judged some beside the custom one and the one in force
    result = await result_of(storage)
    sources = [policy.source for policy in result.policies]
    assert sources[3:6] == [Source.CUSTOM, Source.CUSTOM, Source.FOUND]
    assert {policy.name for policy in result.policies} >= {"current", "Inter-len1", "Hyper1"}
    # AND allows for their number in the intervals of those that were picked
    contenders = len(result.policies) - 3
    assert {p.comparisons for p in result.policies if p.source is Source.FOUND} == {contenders}
    assert {p.comparisons for p in result.policies[:3]} == {1}
