"""Evaluations as they are kept: what was asked for, how far it is, and what came of it.

The document of a job is its one commit point: whatever it names is immutable.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from loop.events import SECOND, LoopKind, Micros
from loop.manifest import PublishedModel
from loop.settings import Policy
from storage.blobs import Blobs
from storage.collection import Collection

FOLDER = "evaluations/"
MOST_CUSTOM_POLICIES = 10

BUCKET = Micros(300 * SECOND)
"""How long the stretches are that sums are kept of, unless there are too many."""


class Status(str, Enum):
    """How far a job is; each generation of the API has names of its own for it."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    OPTIMAL_POLICY_APPLIED = "optimal-policy-applied"
    ONLINE_POLICY_RETAINED = "online-policy-retained"

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to do."""
        return self not in (Status.WAITING, Status.RUNNING)


class Origin(str, Enum):
    """Who asked for an evaluation: the owner, or the loop that optimises itself."""

    MANUAL = "Manual"
    AUTO = "Auto"


class Source(str, Enum):
    """Where a judged policy comes from, by the API's names."""

    ONLINE = "Online"
    BASELINE = "Baseline"
    RANDOM = "Random"
    CUSTOM = "Custom"
    FOUND = "OfflineExperimentation"


class Contender(BaseModel):
    """A policy that is trained and judged in the course of an evaluation.

    Attributes:
        arguments: As the policy says; models are built with the loop's exploration in them.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    arguments: str
    source: Source


class Standing(BaseModel):
    """How a policy does over all times and slots: what a list of evaluations says of it.

    Attributes:
        events: How many choices it was judged by, and so on as in ``Sums``.
        half_width: Half the interval around the estimate.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    source: Source
    events: int
    matched: int
    w: float
    wr: float
    ww: float
    wwr: float
    wwrr: float
    half_width: float


class Evaluation(BaseModel):
    """One evaluation.

    Attributes:
        id: The client's in the 2022 form, else made by the service.
        start: Events decided from here to before ``end`` are judged.
        optimises: Whether better policies are looked for.
        policies: The custom ones.
        kind: That of the loop when it was created.
        exploration: That of the loop when it was created; contenders explore as much.
        reach: Events before it were joined when the job began, and are what it judges; None before.
        contenders: None before the job has begun.
        progress: 0 to 1.
        checkpoint: Blob from which the job goes on; None where it has to begin.
        attempts: How many rounds have begun since it was written.
        spent: Seconds of work so far.
        description: In words: what there is to know about the outcome, or why it failed.
        optimal_policy: Name of the best one, once it is known.
        result: Blob of the ``Result``; None before the job has succeeded.
        standings: ``evaluation.standings.standings`` of the result; empty before.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    origin: Origin
    start: Micros
    end: Micros
    optimises: bool
    policies: tuple[Policy, ...] = ()
    kind: LoopKind
    exploration: float
    created: Micros
    status: Status = Status.WAITING
    reach: Micros | None = None
    contenders: tuple[Contender, ...] | None = None
    progress: float = 0.0
    checkpoint: str | None = None
    attempts: int = 0
    spent: float = 0.0
    description: str = ""
    optimal_policy: str | None = None
    result: str | None = None
    standings: tuple[Standing, ...] = ()
    finished: Micros | None = None


class Bucket(NamedTuple):
    """The ``Sums`` of the events decided in the stretch that begins at ``start``.

    There are up to hundreds of thousands in a result: a tuple takes a third of a model's memory.
    """

    start: Micros
    events: int
    matched: int
    w: float
    wr: float
    ww: float
    wwr: float
    wwrr: float
    lowest: float = 0.0
    highest: float = 0.0


class JudgedSlot(BaseModel):
    """How a policy does in one slot; a single-slot loop has one, with the id "".

    Attributes:
        buckets: In order of time; a stretch without events has none.
        width: How long each of them is, counted from 1970: ``BUCKET``, doubled now and then where
            a range is so long, or the slots so many, that the sums would be too many.
    """

    model_config = ConfigDict(frozen=True)

    slot: str
    buckets: tuple[Bucket, ...]
    width: Micros = BUCKET


class JudgedPolicy(BaseModel):
    """What an evaluation says of one policy.

    Attributes:
        arguments: Empty where there are none: online, baseline and random.
        comparisons: Among how many policies it was picked: its interval is widened for so many.
        model: What it had learned at the end; None where nothing learns.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    arguments: str
    source: Source
    slots: tuple[JudgedSlot, ...]
    comparisons: int = 1
    model: PublishedModel | None = None


class Result(BaseModel):
    """What an evaluation has found.

    Attributes:
        policies: Online, baseline and random first, then the contenders.
        feature_importance: Names of features in groups, the most important group first.
    """

    model_config = ConfigDict(frozen=True)

    policies: tuple[JudgedPolicy, ...]
    feature_importance: tuple[tuple[str, ...], ...] = ()


def evaluations(blobs: Blobs) -> Collection[Evaluation]:
    """All evaluations of a loop."""
    return Collection(blobs, FOLDER, Evaluation)
