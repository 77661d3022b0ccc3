"""What one run of the trainer leaves for the next run, and for everyone who decides.

The manifest is the one commit point of learning: whatever it names is immutable, and a run
counts only once its manifest is written over the one it started from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from operator import attrgetter

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


class StagedModel(PublishedModel):
    """A model that a run has learned: published at once, or staged for the owner to publish.

    Attributes:
        description: The owner's words.
        configured: When the configuration was last edited that it was learned under.
        first_event: Id of the first event that its run has learned from; empty for an import.
        last_event: Id of the last one.
        lessons: How many events that were.
        pinned: Whether it stays in the history however many come after it.
    """

    description: str = ""
    configured: Micros = Micros(0)
    first_event: str = ""
    last_event: str = ""
    lessons: int = 0
    pinned: bool = False


@dataclass(slots=True)
class Counts:
    """What has become of everything that was sent, since the loop's log began.

    ``decisions = learned + logged_only + not_activated + duplicates + unlearnable + other_kind``
    always;
    ``rewards = joined + late + orphaned`` and ``activations = activated + strayed`` once each of
    them has been waited for.

    Attributes:
        decisions: Decisions read from the event log.
        learned: Decisions that a model has learned from, or will when it is rebuilt from the log.
        logged_only: Decisions made while the loop only watched.
        not_activated: Deferred decisions without an activation in their window.
        duplicates: Repeats of an event id inside the dedup horizon.
        unlearnable: Decisions that no model could learn from, or that a broken model had learned.
        other_kind: Decisions of the other kind than the loop has become, single- or multi-slot.
        defaulted: How many of the decisions that are no duplicates had no reward.
        dropped: Decisions that were answered and could not be logged.
        rewards: Rewards read from the event log.
        joined: Rewards inside the window of at least one event.
        late: Rewards that came at or after the end of their event's window.
        orphaned: Rewards whose event is not known, or not known any more.
        slotless: Rewards for slots that their events don't have, each of a call by itself.
        repeated: Rewards of batches that were sent again; they are none of the others.
        activations: Activations read from the event log.
        activated: Activations inside the window of at least one event, deferred or not.
        strayed: Activations inside no window.
        broken_models: Models that were learned and could not be published.
        mirror_failures: Attempts at copying the log to the owner's mirror that have failed.
    """

    decisions: int = 0
    learned: int = 0
    logged_only: int = 0
    not_activated: int = 0
    duplicates: int = 0
    unlearnable: int = 0
    other_kind: int = 0
    defaulted: int = 0
    dropped: int = 0
    rewards: int = 0
    joined: int = 0
    late: int = 0
    orphaned: int = 0
    slotless: int = 0
    repeated: int = 0
    activations: int = 0
    activated: int = 0
    strayed: int = 0
    broken_models: int = 0
    mirror_failures: int = 0

    def since(self, before: Counts) -> Counts:
        """What has been counted since ``before``.

        >>> Counts(decisions=5, late=2).since(Counts(decisions=3)).decisions
        2
        """
        counted = zip(_COUNTED(self), _COUNTED(before), strict=True)
        return Counts(*[now - then for now, then in counted])

    def plus(self, other: Counts) -> Counts:
        """What has been counted here and there.

        >>> Counts(late=1).plus(Counts(late=2)).late
        3
        """
        counted = zip(_COUNTED(self), _COUNTED(other), strict=True)
        return Counts(*[here + there for here, there in counted])

    def __iter__(self) -> Iterator[int]:
        """Each count, in the order of the fields."""
        return iter(_COUNTED(self))


_COUNTED = attrgetter(*(member.name for member in fields(Counts)))


class LogSegment(BaseModel):
    """A file of the joined log that a run has added to, with all its blocks in order."""

    model_config = ConfigDict(frozen=True)

    blob: str
    blocks: tuple[str, ...]


class MirrorProgress(BaseModel):
    """How much of the joined log is in the owner's mirror.

    Attributes:
        container: Which one that is; in another one nothing is, yet.
        uri: Hash of the URI by which it was tried last.
        copied: The last file that is there; files go there in order of time.
        until: Every file of the hours before it is there.
        resting: It has failed, and is not tried again before then by the same URI; 0 otherwise.
    """

    model_config = ConfigDict(frozen=True)

    container: str = ""
    uri: str = ""
    copied: str = ""
    until: Micros = Micros(0)
    resting: Micros = Micros(0)


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
        trained: What learning goes on from, where that is another one than ``model``: it is staged
            and waits to be published.
        unpublished: When the first run was that had something to learn of which no published model
            has come yet; 0 where there is none, and where the owner publishes.
        staged: The history of models, newest first; ``model`` and ``trained`` may have left it.
        join_state: Blob of observations still waited for, and of recently seen event ids; None
            where there are none.
        metrics: Blob of the learning metrics; None where nothing has been joined.
        activity: Blob of what the loop has done by time; None where that is nothing.
        segments: The files of the joined log, and of late rewards, that this run added to; they
            are committed after the manifest, by this run or by the next.
        mirror: None before the log was ever mirrored.
        interventions: How often the owner has reset, imported or published a model, or has deleted
            the log.
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
    trained: PublishedModel | None = None
    unpublished: Micros = Micros(0)
    staged: tuple[StagedModel, ...] = ()
    first_model_created: Micros | None = None
    join_state: str | None = None
    metrics: str | None = None
    activity: str | None = None
    segments: tuple[LogSegment, ...] = ()
    retrain: Retrain | None = None
    mirror: MirrorProgress | None = None
    interventions: int = 0
    counts: Counts = Field(default_factory=Counts)

    def with_staged(self, model: StagedModel, length: int) -> Manifest:
        """As it is with a model that learning goes on from, ahead of the history.

        Args:
            length: How many models the history holds, beside those that are pinned.
        """
        history: list[StagedModel] = []
        free = length
        for staged in (model, *self.staged):
            free -= not staged.pinned
            if staged.pinned or free >= 0:
                history.append(staged)
        return self.model_copy(update={"trained": model, "staged": tuple(history)})

    def with_published(self, staged: StagedModel, now: Micros) -> Manifest:
        """As it is when a model of the history serves.

        Learning goes on from it, unless it is newer than the one that has served and a still
        newer one has been learned. So to publish an older one is to roll back.
        """
        model = PublishedModel(**staged.model_dump(include=set(PublishedModel.model_fields)))
        ahead = (
            self.trained is not None
            and model.created < self.trained.created
            and (self.model is None or model.created > self.model.created)
        )
        return self.model_copy(
            update={
                "model": model,
                "trained": self.trained if ahead else None,
                "unpublished": Micros(0),
                "first_model_created": self.first_model_created or now,
            }
        )

    def with_imported(
        self, model: StagedModel, training_version: int, length: int, now: Micros
    ) -> Manifest:
        """As it is when a model from elsewhere serves; nothing is rebuilt from the log."""
        settled = self.model_copy(update={"retrain": None, "training_version": training_version})
        serving = settled.with_staged(model, length).with_published(model, now)
        return serving.with_intervention()

    def with_applied(self, model: StagedModel, rebuild: Retrain, length: int) -> Manifest:
        """As it is when learning goes on from a model that an evaluation has trained.

        The model counts as learned under the training that ``rebuild`` asks for, so that it stays
        what learning goes on from if the rebuild is called off. The rebuild is due at once.

        Args:
            rebuild: How the model is taught what has been joined since.
            length: As for ``with_staged``.
        """
        update = {"retrain": rebuild, "training_version": rebuild.version, "backlog": True}
        return self.model_copy(update=update).with_staged(model, length)

    def with_intervention(self) -> Manifest:
        """As it is with one more change that the owner has made to models or log."""
        return self.model_copy(update={"interventions": self.interventions + 1})

    def without_model(self, training_version: int) -> Manifest:
        """As it is after the owner has reset the model: a fresh one is learned from here on.

        Args:
            training_version: That of the loop's settings; nothing is rebuilt from the log.
        """
        return self.model_copy(
            update={
                "model": None,
                "trained": None,
                "unpublished": Micros(0),
                "first_model_created": None,
                "retrain": None,
                "training_version": training_version,
            }
        ).with_intervention()

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
                "unpublished": Micros(0),
                "join_state": None,
                "metrics": None,
                "activity": None,
                "segments": (),
                "retrain": None,
                "counts": Counts(),
            }
        ).with_intervention()
