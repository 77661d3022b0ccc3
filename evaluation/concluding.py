"""``python -m evaluation.concluding folder``: what a judged evaluation has found, as its result."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.jobs import Contender, JudgedPolicy, JudgedSlot, Result, Source
from evaluation.search import CURRENT
from evaluation.selection import optimal
from evaluation.standings import standings
from evaluation.tasks import (
    LOGGED,
    REPORT,
    RESULT,
    TASK,
    Concluding,
    Conclusion,
    Entry,
    State,
    read_state,
    state_file,
)

_LOGGED = (
    ("online", Source.ONLINE),
    ("baseline1", Source.BASELINE),
    ("baselineRand", Source.RANDOM),
)


def _conclude(folder: Path, task: Concluding) -> tuple[Result, Conclusion]:
    contenders = task.evaluation.contenders or ()
    logged = read_state(state_file(folder, LOGGED)).series
    judged = [
        JudgedPolicy(name=name, arguments="", source=source, slots=slots)
        for (name, source), slots in zip(_LOGGED, logged, strict=True)
    ]
    notes: list[str] = []
    for contender, entry in zip(contenders, task.entries, strict=True):
        state = None if entry.failure else read_state(state_file(folder, entry.key))
        notes += _notes(contender, entry, state)
        slots: tuple[JudgedSlot, ...] = () if state is None else state.series[0]
        judged.append(
            JudgedPolicy(
                name=contender.name,
                arguments=contender.arguments,
                source=contender.source,
                slots=slots,
                model=entry.model,
            )
        )
    best = optimal(judged, CURRENT)
    policies = [_compared(policy, len(contenders), policy is best) for policy in judged]
    result = Result(policies=tuple(policies), feature_importance=task.feature_importance)
    return result, Conclusion(
        judged=_events(logged[0]),
        optimal_policy=None if best is None else best.name,
        standings=standings(policies),
        notes=tuple(notes),
    )


def _compared(policy: JudgedPolicy, contenders: int, is_best: bool) -> JudgedPolicy:
    """A policy with an interval that allows for its having been picked among all contenders."""
    is_contender = policy.source in (Source.CUSTOM, Source.FOUND)
    is_picked = is_contender and (is_best or policy.source is Source.FOUND)
    return policy.model_copy(update={"comparisons": contenders}) if is_picked else policy


def _notes(contender: Contender, entry: Entry, state: State | None) -> list[str]:
    if entry.failure is not None:
        return [f"{contender.name} could not be judged: {entry.failure}."]
    if state is not None and state.errors:
        return [f"The model of {contender.name} failed at {state.errors} events."]
    return []


def _events(slots: Sequence[JudgedSlot]) -> int:
    return sum(bucket.events for slot in slots for bucket in slot.buckets)


def main() -> None:
    """Do the task that the folder holds."""
    folder = Path(sys.argv[1])
    task = Concluding.model_validate_json((folder / TASK).read_bytes())
    result, conclusion = _conclude(folder, task)
    (folder / RESULT).write_text(result.model_dump_json())
    (folder / REPORT).write_text(conclusion.model_dump_json())


if __name__ == "__main__":
    main()
