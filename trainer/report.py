"""What a run of the trainer has done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from loop.events import Micros


class Outcome(str, Enum):
    """How a run has ended."""

    NOT_DUE = "not_due"
    IDLE = "idle"
    COMMITTED = "committed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run has done.

    Attributes:
        position: Every decision before it is joined.
        events: Decisions that it has written to the joined log.
        lessons: Events that a model has learned from, those of a rebuild included.
        published: The id of the model that it has published.
        backlog: Whether it stopped before it was through.
    """

    outcome: Outcome
    position: Micros
    run_id: str = ""
    events: int = 0
    lessons: int = 0
    published: str | None = None
    backlog: bool = False
