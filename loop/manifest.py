"""What one run of the trainer leaves for the next run, and for everyone who decides.

The manifest is the one commit point of learning: whatever it names is immutable, and a run
counts only once its manifest is written over the one it started from.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from loop.events import Micros


class PublishedModel(BaseModel):
    """A model that ranks may be drawn with."""

    model_config = ConfigDict(frozen=True)

    id: str
    blob: str
    sha256: str
    arguments: str
    created: Micros


@dataclass(slots=True)
class Counts:
    """What has become of everything that was sent, since the loop's log began.

    ``decisions = learned + logged_only + not_activated + duplicates + unlearnable`` always;
    ``rewards = joined + late + orphaned`` and ``activations = activated + strayed`` once each of
    them has been waited for.

    Attributes:
        decisions: Decisions read from the event log.
        learned: Decisions that a model has learned from, or will when it is rebuilt from the log.
        logged_only: Decisions made while the loop only watched.
        not_activated: Deferred decisions without an activation in their window.
        duplicates: Repeats of an event id inside the dedup horizon.
        unlearnable: Decisions that no model could learn from, or that a broken model had learned.
        defaulted: How many of the decisions that are no duplicates had no reward.
        dropped: Decisions that were answered and could not be logged.
        rewards: Rewards read from the event log.
        joined: Rewards inside the window of at least one event.
        late: Rewards that came at or after the end of their event's window.
        orphaned: Rewards whose event is not known, or not known any more.
        activations: Activations read from the event log.
        activated: Activations inside the window of at least one event, deferred or not.
        strayed: Activations inside no window.
        broken_models: Models that were learned and could not be published.
    """

    decisions: int = 0
    learned: int = 0
    logged_only: int = 0
    not_activated: int = 0
    duplicates: int = 0
    unlearnable: int = 0
    defaulted: int = 0
    dropped: int = 0
    rewards: int = 0
    joined: int = 0
    late: int = 0
    orphaned: int = 0
    activations: int = 0
    activated: int = 0
    strayed: int = 0
    broken_models: int = 0


class LogSegment(BaseModel):
    """A file of the joined log that a run has added to, with all its blocks in order."""

    model_config = ConfigDict(frozen=True)

    blob: str
    blocks: tuple[str, ...]


class Retrain(BaseModel):
    """A model being rebuilt from the joined log, beside the one that serves.

    Attributes:
        version: The ``LoopSettings.training_version`` that asks for it.
        start: Events of the log before it are left out.
        position: Every event of the log from ``start`` to here is learned.
        candidate: What is learned so far; None before the first step.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    start: Micros
    position: Micros
    candidate: PublishedModel | None = None


class Manifest(BaseModel):
    """The committed state of a loop's learning.

    Attributes:
        run_id: The run that wrote it; a run that lost the answer to its commit finds itself here.
        sequence: How many runs have committed.
        position: Every decision before it is joined; it is a multiple of the bucket's length.
            0 before the first run.
        observed: Every reward and activation before it is read; never before ``position`` less
            the time that a reward may be early. 0 before the first run.
        finished: When the run committed.
        backlog: The run stopped before it was through; the next one is due at once.
        swept: When retention was last looked after.
        training_version: The ``LoopSettings.training_version`` that ``model`` was learned under.
        model: None before a first model is published, and after a reset.
        former_models: Blobs of models published before, that are still kept; newest first.
        join_state: Blob of observations still waited for, and of recently seen event ids; None
            where there are none.
        segments: The files of the joined log, and of late rewards, that this run added to; they
            are committed after the manifest, by this run or by the next.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str = ""
    sequence: int = 0
    position: Micros = Micros(0)
    observed: Micros = Micros(0)
    finished: Micros = Micros(0)
    backlog: bool = False
    swept: Micros = Micros(0)
    training_version: int = 0
    model: PublishedModel | None = None
    former_models: tuple[str, ...] = ()
    first_model_created: Micros | None = None
    join_state: str | None = None
    segments: tuple[LogSegment, ...] = ()
    retrain: Retrain | None = None
    counts: Counts = Field(default_factory=Counts)

    def without_model(self, training_version: int) -> Manifest:
        """As it is after the owner has reset the model: a fresh one is learned from here on.

        Args:
            training_version: That of the loop's settings; nothing is rebuilt from the log.
        """
        return self.model_copy(
            update={
                "model": None,
                "first_model_created": None,
                "retrain": None,
                "training_version": training_version,
            }
        )

    def without_log(self, bucket: Micros) -> Manifest:
        """As it is after the owner has deleted the log: the model stays, counting begins anew.

        Write it before anything is deleted, so that a run under way can't commit what it read.
        Then delete each blob that ``segments`` of this manifest names, after a commit of no blocks
        that drops what is staged, and every other one of the joined log.

        Args:
            bucket: Start of the bucket that is being written to now.
        """
        return self.model_copy(
            update={
                "position": bucket,
                "observed": bucket,
                "backlog": False,
                "join_state": None,
                "segments": (),
                "retrain": None,
                "counts": Counts(),
            }
        )
