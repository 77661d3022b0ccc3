"""How far the work on an evaluation may go."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the work on an evaluation.

    Attributes:
        processes: How many children work at once.
        round_seconds: How long children judge before what they have come to is kept: what a crash
            costs at most.
        late_seconds: How much longer than it should a child may take before it is killed: loading
            models, a single slow event, saving.
        task_seconds: How long the survey of the log may take, and the making of the result.
        turn_seconds: Once so much time has gone by, the result is left to the next call.
        total_seconds: After so much time of judging an evaluation has timed out.
        attempts: How many rounds may break off one after the other, with all that is around them.
        crashes: How many processes may a policy have to itself that crash, before it is given up.
        stretch_bytes: How much of the log, compressed, is fetched for a round, beside one file.
        stretch_files: How many files that may be.
        model_bytes: How much memory the models may take that are judged at once.
        importance_seconds: After how long no further choice is judged by which features matter.
        sample: How many lines of the log are surveyed for policies that may be worth judging.
    """

    processes: int = 2
    round_seconds: float = 20.0
    late_seconds: float = 30.0
    task_seconds: float = 40.0
    turn_seconds: float = 10.0
    total_seconds: float = 4 * 3600.0
    attempts: int = 10
    crashes: int = 3
    stretch_bytes: int = 32 * MIB
    stretch_files: int = 200
    model_bytes: int = 192 * MIB
    importance_seconds: float = 45.0
    sample: int = 2_000
