"""What a job hands to its children and gets back from them, as files of one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import zstandard
from pydantic import BaseModel, ConfigDict

from evaluation.jobs import Contender, Evaluation, JudgedSlot, Standing
from loop.events import LoopKind, Micros
from loop.manifest import PublishedModel
from loop.settings import Policy
from storage.joined_log import Cursor

TASK = "task.json"
REPORT = "report.json"
SAMPLE = "sample.zst"
RESULT = "result.json"

LOGGED = "logged"
"""The key of the policies whose weights the log itself tells, which are judged as one charge."""


class LogFile(BaseModel):
    """A file of the joined log that was fetched.

    Attributes:
        name: Of the blob.
        path: Of the copy.
        size: In bytes, compressed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: Path
    size: int


class Stretch(BaseModel):
    """A part of the log.

    Attributes:
        files: In the order of the log.
        before: Bytes of log, in the range of the evaluation, in front of it.
        total: Bytes of log in the range.
        following: Name of the file behind it; None where nothing of the range is.
    """

    model_config = ConfigDict(frozen=True)

    files: tuple[LogFile, ...]
    before: int
    total: int
    following: str | None


class Charge(BaseModel):
    """What is judged by itself: a contender, or the policies that the log tells of.

    Attributes:
        key: What its files are called: ``key.vw`` is its model, ``key.zst`` a ``State``. Neither is
            there where it begins.
        arguments: Those of its model, exploration included; None for ``LOGGED``.
        after: Where it stopped; None where it begins.
        share: Of the log in the range, how much is behind it: 0 to 1.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    arguments: str | None
    after: Cursor | None
    share: float


class Judging(BaseModel):
    """The task of ``evaluation.worker``.

    Attributes:
        start: Events decided from here to before ``end`` are judged.
        seconds: After so long it stops, wherever it is, but not before it has judged an event.
    """

    model_config = ConfigDict(frozen=True)

    kind: LoopKind
    start: Micros
    end: Micros
    stretch: Stretch
    charges: tuple[Charge, ...]
    seconds: float


class Advance(BaseModel):
    """How far a charge has come.

    Attributes:
        after: Where it goes on, if it does.
        share: As of ``Charge``.
        is_done: Whether all of it is.
        failure: Why it can't be judged, in words; None where it can.
    """

    model_config = ConfigDict(frozen=True)

    after: Cursor | None
    share: float
    is_done: bool
    failure: str | None = None


class Advances(BaseModel):
    """What ``evaluation.worker`` reports, by the keys of its charges."""

    model_config = ConfigDict(frozen=True)

    by_key: dict[str, Advance]


class State(BaseModel):
    """What a charge has come to, beside its model.

    Attributes:
        series: Of each policy of the charge, as ``Series.judged`` gives it: one of a contender; of
            ``LOGGED`` online, baseline and random.
        errors: At how many events a model has failed.
    """

    model_config = ConfigDict(frozen=True)

    series: tuple[tuple[JudgedSlot, ...], ...]
    errors: int = 0


class Surveying(BaseModel):
    """The task of ``evaluation.surveying``, which reads a sample from ``SAMPLE``.

    Attributes:
        policy: The one in force.
        taken: Names that contenders must not have.
    """

    model_config = ConfigDict(frozen=True)

    kind: LoopKind
    start: Micros
    end: Micros
    policy: Policy
    taken: tuple[str, ...]


class Found(BaseModel):
    """What ``evaluation.surveying`` reports."""

    model_config = ConfigDict(frozen=True)

    contenders: tuple[Contender, ...]


class Entry(BaseModel):
    """A contender at the end of its judging, in the order of the evaluation's ``contenders``.

    Attributes:
        key: That of its ``State``; without one where it has failed before it judged anything.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    model: PublishedModel | None
    failure: str | None


class Concluding(BaseModel):
    """The task of ``evaluation.concluding``, which writes the result to ``RESULT``.

    Attributes:
        feature_importance: As of ``Result``.
    """

    model_config = ConfigDict(frozen=True)

    evaluation: Evaluation
    entries: tuple[Entry, ...]
    feature_importance: tuple[tuple[str, ...], ...] = ()


class Conclusion(BaseModel):
    """What ``evaluation.concluding`` reports beside the result.

    Attributes:
        judged: How many events count for the online policy.
        notes: What the owner should know, a sentence each.
    """

    model_config = ConfigDict(frozen=True)

    judged: int
    optimal_policy: str | None
    standings: tuple[Standing, ...]
    notes: tuple[str, ...]


def model_file(folder: Path, key: str) -> Path:
    """Where the model of a charge is."""
    return folder / f"{key}.vw"


def state_file(folder: Path, key: str) -> Path:
    """Where the ``State`` of a charge is."""
    return folder / f"{key}.zst"


def read_state(file: Path) -> State:
    """The inverse of ``write_state``."""
    return State.model_validate_json(zstandard.decompress(file.read_bytes()))


def write_state(file: Path, state: State) -> None:
    """Keep a state, compressed."""
    file.write_bytes(zstandard.compress(state.model_dump_json().encode()))


def read_sample(file: Path) -> list[bytes]:
    """The inverse of ``write_sample``."""
    text = zstandard.decompress(file.read_bytes())
    return text.split(b"\n") if text else []


def write_sample(file: Path, lines: Sequence[bytes]) -> None:
    """Keep lines of the log, compressed."""
    file.write_bytes(zstandard.compress(b"\n".join(lines)))
