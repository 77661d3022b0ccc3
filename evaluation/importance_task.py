"""``python -m evaluation.importance_task folder``: how much features matter, from a sample.

``measure`` makes such a folder of a loop's log, and has this done in a process of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict

from evaluation.child import tell
from evaluation.importance import MOST_EVENTS, Importance, NotMeasurable, importance
from evaluation.limits import Limits
from evaluation.processes import TaskFailed, run_module, work_folder
from evaluation.tasks import REPORT, SAMPLE, TASK, read_sample, write_sample
from loop.choices import is_judged
from loop.errors import InvalidPolicyConfiguration
from loop.events import LoopKind, Micros
from loop.joined_log import Event, read_line
from loop.learning_settings import kind_of
from loop.model import ModelError
from loop.segments import HOUR
from storage.blobs import Blobs
from storage.joined_log import joined_lines, sampled_lines

_SHORT = 2 * HOUR
"""Ranges up to here are read as a whole, since of the files that they are in much is outside."""

_MOST_LINES = 300_000
"""How many lines of such a range are read."""

_MOST_BYTES = 48 * 1024 * 1024
"""How large the lines of a sample are together, about."""

_FEW = 100


class _Measuring(BaseModel):
    """The task.

    Attributes:
        start: Events decided from here to before ``end`` are looked at.
        seconds: After so long no further choice is judged, however few there were.
    """

    model_config = ConfigDict(frozen=True)

    kind: LoopKind
    start: Micros
    end: Micros
    arguments: str
    seconds: float


class _Measured(BaseModel):
    """What is reported: one of the two."""

    model_config = ConfigDict(frozen=True)

    importance: Importance | None = None
    failure: str | None = None


async def measure(
    blobs: Blobs,
    start: Micros,
    end: Micros,
    arguments: str,
    limits: Limits,
    on_progress: Callable[[float], None] | None = None,
    most: int = MOST_EVENTS,
) -> Importance:
    """How much the features of a loop's events matter to a policy that learns from them.

    The same log gives the same answer, unless time runs out.

    Args:
        start: Events decided from here to before ``end`` are looked at, a sample of them.
        arguments: The policy's; events of its kind count.
        on_progress: Told how much is done, from 0 to 1.
        most: How many events are looked at.

    Raises:
        TaskFailed: It can't be said; the reason is in words.
        StorageUnavailable: Storage is away.
    """
    with work_folder() as folder:
        write_sample(folder / SAMPLE, await _sample(blobs, start, end, most))
        task = _Measuring(
            kind=kind_of(arguments),
            start=start,
            end=end,
            arguments=arguments,
            seconds=limits.importance_seconds,
        )
        (folder / TASK).write_text(task.model_dump_json())
        seconds = limits.importance_seconds + limits.late_seconds
        await run_module("evaluation.importance_task", folder, seconds, on_progress)
        measured = _Measured.model_validate_json((folder / REPORT).read_bytes())
    if measured.importance is None:
        raise TaskFailed(measured.failure or "it has no result")
    return measured.importance


async def _sample(blobs: Blobs, start: Micros, end: Micros, most: int) -> list[bytes]:
    few = await sampled_lines(blobs, start, end, _FEW)
    size = 1 + sum(map(len, few)) // max(1, len(few))
    most = min(most, _MOST_BYTES // size)
    if end - start > _SHORT:
        return await sampled_lines(blobs, start, end, most)
    return await _drawn(blobs, start, end, most)


async def _drawn(blobs: Blobs, start: Micros, end: Micros, most: int) -> list[bytes]:
    """Lines of a range, in order, each as likely as any other.

    Algorithm R: Vitter, ACM Transactions on Mathematical Software 11, 1985.
    """
    random = Random(start)
    sample: list[tuple[int, bytes]] = []
    seen = read = 0
    found = joined_lines(blobs, start, end)
    async with aclosing(found):
        async for _, line in found:
            read += 1
            if read > _MOST_LINES:
                break
            if not _is_within(line, start, end):
                continue
            seen += 1
            if len(sample) < most:
                sample.append((seen, line))
            elif (place := random.randrange(seen)) < most:
                sample[place] = (seen, line)
    return [line for _, line in sorted(sample)]


def _is_within(line: bytes, start: Micros, end: Micros) -> bool:
    try:
        return start <= read_line(line).decision.time < end
    except ValueError:
        return False


def _events(folder: Path, task: _Measuring) -> Iterator[Event]:
    for line in read_sample(folder / SAMPLE):
        try:
            event = read_line(line)
        except ValueError:
            continue
        if task.start <= event.decision.time < task.end and is_judged(event, task.kind):
            yield event


def _measured(folder: Path, task: _Measuring) -> _Measured:
    began = time.monotonic()
    try:
        found = importance(
            _events(folder, task),
            task.arguments,
            tell,
            time_spent=lambda: (time.monotonic() - began) / task.seconds,
        )
    except NotMeasurable as error:
        return _Measured(failure=str(error))
    except InvalidPolicyConfiguration as error:
        return _Measured(failure=f"the policy can't be used: {error.message}")
    except ModelError as error:
        return _Measured(failure=f"VowpalWabbit can't learn from the sample: {error.reason}")
    return _Measured(importance=found)


def main() -> None:
    """Do the task that the folder holds."""
    folder = Path(sys.argv[1])
    task = _Measuring.model_validate_json((folder / TASK).read_bytes())
    (folder / REPORT).write_text(_measured(folder, task).model_dump_json())


if __name__ == "__main__":
    main()
