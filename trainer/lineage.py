"""Which model a run goes on from, and which one it leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from loop.errors import InvalidPolicyConfiguration
from loop.events import Micros
from loop.iso import micros_of
from loop.learning_settings import with_exploration
from loop.manifest import Counts, Manifest, Retrain, StagedModel
from loop.model import ModelError
from loop.models import AnyModel, open_model
from loop.settings import LoopSettings
from storage.blobs import Blobs
from storage.models import BROKEN, MODELS, STATE, keep, load, works
from trainer.learner import Learner
from trainer.rebuilding import Rereading, begun, reread

logger = logging.getLogger(__name__)


class Lineage:
    """The model that a run learns with: the published one, a first one, or one being rebuilt.

    A rebuild is due where the settings ask for another training than the published model had, and
    where that model can't be read any more. While one is under way nothing else learns.

    Args:
        manifest: What the run has started from.
        now: When it has started.
        opened: Closes the models.

    Attributes:
        kind: That of the loop; decisions of the other kind are not learned from.
    """

    def __init__(
        self,
        blobs: Blobs,
        manifest: Manifest,
        settings: LoopSettings,
        now: Micros,
        opened: ExitStack,
    ) -> None:
        self._blobs = blobs
        self._manifest = manifest
        self._configuration = settings.configuration
        self._version = settings.training_version
        self._settings = settings
        self.kind = settings.kind
        self._now = now
        self._opened = opened
        self._learner: Learner | None = None
        self._rebuilt = False
        self._reread = 0
        self._rebuild = manifest.retrain
        asked = manifest.training_version if self._rebuild is None else self._rebuild.version
        if asked != self._version:
            self._rebuild = self._begun()

    @property
    def moved(self) -> bool:
        """Whether a rebuild has begun, gone on or ended."""
        return self._rebuild != self._manifest.retrain or self._rebuilt

    @property
    def behind(self) -> bool:
        """Whether a rebuild has more to do, and can do it."""
        return self._rebuild is not None and self.moved

    @property
    def lessons(self) -> int:
        """How many events were learned from in this run."""
        return 0 if self._learner is None else self._learner.lessons

    async def catch_up(self, end: Micros, deadline: Micros, clock: Callable[[], Micros]) -> None:
        """Go on with a rebuild, if there is one, towards the end of the committed log.

        Args:
            deadline: When to leave the rest to the next run, by ``clock``.
        """
        if self._rebuild is None:
            return
        try:
            self._learner = await self._candidate(self._rebuild)
        except ModelError as error:
            # Every policy is tried when it is put, so this one was put under another release of
            # VW or of the service. Events are logged, and learned once there is one that works.
            logger.error("policy_unusable", extra={"reason": str(error)})
            return
        how = Rereading(self._configuration, end, deadline, clock)
        reached = await reread(self._blobs, self._rebuild, self._learner, how)
        self._reread = self._learner.lessons
        self._rebuilt = reached >= end
        self._rebuild = (
            None if self._rebuilt else self._rebuild.model_copy(update={"position": reached})
        )

    async def learner(self) -> Learner | None:
        """What learns the events of this run; None while a rebuild is under way."""
        if self._rebuild is not None:
            return None
        if self._learner is None:
            try:
                self._learner = await self._current()
            except ModelError as error:
                logger.error("model_unusable", extra={"reason": str(error)})
                self._rebuild = self._begun()
        return self._learner

    async def conclude(self, run_id: str, now: Micros, counts: Counts) -> Manifest:
        """Write what was learned, and stage it if it works; publish it, unless the owner does.

        Args:
            counts: Corrected where what was learned comes to nothing.

        Returns:
            The manifest that the run has started from, with the models that it ends with.
        """
        if self._rebuild is not None:
            return self._with(retrain=await self._checkpointed(self._rebuild, run_id, now))
        manifest = self._with(retrain=None, training_version=self._version)
        learner = self._learner
        if learner is None or not (learner.lessons or self._rebuilt):
            return manifest
        if not learner.taught:
            return manifest.model_copy(update={"model": None, "trained": None})
        arguments, data = learner.model.arguments, learner.model.save()
        if not works(arguments, data, learner.last, learner.last_slots):
            logger.error("model_broken", extra={"run_id": run_id})
            await self._blobs.write(f"{BROKEN}{run_id}.vw", data)
            counts.broken_models += 1
            lost = learner.lessons - self._reread
            counts.learned -= lost
            counts.unlearnable += lost
            return manifest
        name = f"{MODELS}{run_id}.vw"
        kept = await keep(self._blobs, name, run_id, arguments, data, now)
        model = StagedModel(
            **kept.model_dump(),
            configured=micros_of(self._configuration.last_configuration_edit_date),
            first_event=learner.first_event,
            last_event=learner.last_event,
            lessons=learner.lessons,
        )
        staged = manifest.with_staged(model, self._configuration.staged_model_history_length)
        if not self._configuration.model_auto_publish:
            return staged
        return staged.with_published(model, now)

    def _with(self, retrain: Retrain | None, training_version: int | None = None) -> Manifest:
        version = self._manifest.training_version if training_version is None else training_version
        return self._manifest.model_copy(update={"retrain": retrain, "training_version": version})

    def _begun(self) -> Retrain:
        return begun(self._version, self._now, self._configuration.model_retrain_days)

    def _open(self, model: AnyModel) -> AnyModel:
        self._opened.enter_context(model)
        return model

    async def _current(self) -> Learner:
        current = self._manifest.trained or self._manifest.model
        if current is None:
            return self._fresh()
        model = self._open(await load(self._blobs, current))
        if model.kind is not self.kind:
            raise ModelError(f"it is {model.kind.value}, and the loop is {self.kind.value}")
        return Learner(model, taught=True)

    def _fresh(self) -> Learner:
        return Learner(self._open(open_model(_arguments(self._settings))), taught=False)

    async def _candidate(self, rebuild: Retrain) -> Learner:
        if rebuild.candidate is not None:
            try:
                model = await load(self._blobs, rebuild.candidate)
            except ModelError as error:
                logger.error("candidate_unusable", extra={"reason": str(error)})
                self._rebuild = self._begun()
            else:
                return Learner(self._open(model), taught=True)
        return self._fresh()

    async def _checkpointed(self, rebuild: Retrain, run_id: str, now: Micros) -> Retrain:
        learner = self._learner
        if learner is None or not learner.taught:
            return rebuild
        candidate = await keep(
            self._blobs,
            f"{STATE}{run_id}.vw",
            run_id,
            learner.model.arguments,
            learner.model.save(),
            now,
        )
        return rebuild.model_copy(update={"candidate": candidate})


def _arguments(settings: LoopSettings) -> str:
    text = settings.policy_in_force().arguments
    try:
        return with_exploration(text, settings.configuration.exploration_percentage)
    except InvalidPolicyConfiguration as error:
        raise ModelError(error.message) from error
