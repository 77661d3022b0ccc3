"""``python -m evaluation.surveying folder``: which policies are worth judging, from a sample."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from evaluation.layout import survey
from evaluation.search import contenders
from evaluation.tasks import REPORT, SAMPLE, TASK, Found, Surveying, read_sample
from loop.joined_log import Event, read_line


def _events(folder: Path, task: Surveying) -> Iterator[Event]:
    for line in read_sample(folder / SAMPLE):
        try:
            event = read_line(line)
        except ValueError:
            continue
        is_inside = task.start <= event.decision.time < task.end
        if is_inside and event.decision.kind is task.kind:
            yield event


def main() -> None:
    """Do the task that the folder holds."""
    folder = Path(sys.argv[1])
    task = Surveying.model_validate_json((folder / TASK).read_bytes())
    layout = survey(_events(folder, task))
    found = contenders(layout, task.policy, task.kind, task.taken)
    (folder / REPORT).write_text(Found(contenders=found).model_dump_json())


if __name__ == "__main__":
    main()
