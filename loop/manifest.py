"""What one run of the trainer leaves for the next run, and for everyone who decides.

The manifest is the one commit point of learning: whatever it names is immutable, and a run
counts only once its manifest is written over the one it started from.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from loop.events import Micros


class PublishedModel(BaseModel):
    """A model that ranks may be drawn with."""

    model_config = ConfigDict(frozen=True)

    id: str
    blob: str
    sha256: str
    arguments: str
    created: Micros


class Counts(BaseModel):
    """What has become of everything that was sent, since the loop's log began.

    ``decisions = learned + logged_only + not_activated + duplicates`` and
    ``rewards = joined + late + orphaned`` once both have been waited for.
    """

    model_config = ConfigDict(frozen=True)

    decisions: int = 0
    learned: int = 0
    logged_only: int = 0
    defaulted: int = 0
    not_activated: int = 0
    duplicates: int = 0
    dropped: int = 0
    rewards: int = 0
    joined: int = 0
    late: int = 0
    orphaned: int = 0
    activations: int = 0
    unlearnable: int = 0


class LogSegment(BaseModel):
    """A file of the joined log that a run has added to, with all its blocks in order."""

    model_config = ConfigDict(frozen=True)

    blob: str
    blocks: tuple[str, ...]


class Retrain(BaseModel):
    """A model being rebuilt from the joined log, beside the one that serves."""

    model_config = ConfigDict(frozen=True)

    version: int
    start: Micros
    blob: str | None = None
    after: str | None = None


class Manifest(BaseModel):
    """The committed state of a loop's learning.

    Attributes:
        run_id: The run that wrote it; a run that lost the answer to its commit finds itself here.
        position: Every decision before it is joined; it is a multiple of the bucket's length.
        training_version: The ``LoopSettings.training_version`` that ``model`` was learned under.
        join_state: Blob of observations still waited for, and of recently seen event ids.
        segments: The joined log's files that this run added to; committed after the manifest.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str = ""
    sequence: int = 0
    position: Micros = Micros(0)
    finished: Micros = Micros(0)
    training_version: int = 0
    model: PublishedModel | None = None
    first_model_created: Micros | None = None
    join_state: str | None = None
    segments: tuple[LogSegment, ...] = ()
    retrain: Retrain | None = None
    counts: Counts = Counts()
