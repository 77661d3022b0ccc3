"""What is done for an evaluation at a time: a plan, a round of judging, or its result.

The document of an evaluation is the one commit point: whatever it names is immutable. Who begins a
turn writes that first, so that of two who work on one evaluation the earlier can't commit any more.
A crash loses what was judged since the last commit, and changes no number.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from evaluation.checkpoints import Checkpoint, Kept
from evaluation.claim import Claim, Superseded
from evaluation.examining import important_features
from evaluation.jobs import Contender, Evaluation, Source, Status, evaluations
from evaluation.limits import Limits
from evaluation.processes import TaskFailed, run_module, work_folder
from evaluation.rounds import Round, copy
from evaluation.search import CURRENT, in_force
from evaluation.stretches import fetch
from evaluation.tasks import (
    LOGGED,
    REPORT,
    RESULT,
    SAMPLE,
    TASK,
    Concluding,
    Conclusion,
    Entry,
    Found,
    Surveying,
    state_file,
    write_sample,
)
from loop.errors import InvalidPolicyConfiguration
from loop.events import Micros
from loop.iso import format_micros
from loop.learning_settings import kind_of, with_exploration
from storage.factory import LoopStorage
from storage.joined_log import log_files, sampled_lines
from storage.settling import settle

logger = logging.getLogger(__name__)

_Report = TypeVar("_Report", bound=BaseModel)

_SURVEYED = 0.02
_JUDGED = 0.97
"""How far an evaluation is when the log is surveyed, and when it is judged."""


class _Hopeless(Exception):
    """Raised when an evaluation can't go on; the text is its description."""


class Turn:
    """What is done for an evaluation at a time."""

    def __init__(
        self,
        storage: LoopStorage,
        claim: Claim,
        clock: Callable[[], Micros],
        limits: Limits,
    ) -> None:
        self._storage = storage
        self._blobs = storage.blobs
        self._collection = evaluations(storage.blobs)
        self._claim = claim
        self._folder = self._collection.folder(claim.evaluation.id)
        self._clock = clock
        self._limits = limits
        self._folders: list[str] = []
        self._spent = claim.evaluation.spent
        self._began = asyncio.get_running_loop().time()

    @property
    def _evaluation(self) -> Evaluation:
        return self._claim.evaluation

    async def take(self) -> None:
        """Go on by a round, or to the end."""
        try:
            with work_folder() as folder:
                await self._get_on(folder)
        except Superseded:
            for name in self._folders:
                await self._delete([entry.name async for entry in self._blobs.list(name)])
            raise
        except _Hopeless as reason:
            await self._end(Status.FAILED, description=str(reason))
            logger.warning("evaluation_failed", extra={"evaluation": self._evaluation.id})

    async def _get_on(self, folder: Path) -> None:
        limits, evaluation = self._limits, self._evaluation
        if evaluation.attempts >= limits.attempts:
            raise _Hopeless(
                f"It was broken off {evaluation.attempts} times in a row, together with the service"
                " that worked on it. Ask for a shorter range of time, or for fewer policies."
            )
        if evaluation.spent >= limits.total_seconds:
            description = (
                f"It has not come to its end in {limits.total_seconds / 3600:g} hours of work."
                " Ask for a shorter range of time, or for fewer policies."
            )
            await self._end(Status.TIMED_OUT, description=description)
            return
        await self._begin()
        if self._evaluation.contenders is None:
            await self._plan(folder)
        checkpoint = await self._checkpoint()
        if checkpoint.undone():
            checkpoint = await self._judge(checkpoint, folder)
        if not checkpoint.undone() and self._seconds() < limits.turn_seconds:
            await self._conclude(checkpoint, folder)

    async def _begin(self) -> None:
        reach = self._evaluation.reach
        if reach is None:
            manifest = (await self._storage.manifest.read()).value
            # What the manifest says was joined is seen once its last files are committed.
            await settle(self._blobs, manifest.segments)
            reach = manifest.position
        await self._write(
            status=Status.RUNNING, reach=reach, attempts=self._evaluation.attempts + 1
        )

    async def _plan(self, folder: Path) -> None:
        """Fix who is judged."""
        evaluation = self._evaluation
        contenders = [
            Contender(name=policy.name, arguments=policy.arguments, source=Source.CUSTOM)
            for policy in evaluation.policies
        ]
        if evaluation.optimises:
            settings = (await self._storage.settings.read()).value
            policy = settings.policy_in_force()
            if settings.kind is evaluation.kind:
                contenders.append(in_force(policy))
            start, end = self._range()
            sample = await sampled_lines(self._blobs, start, end, self._limits.sample)
            write_sample(folder / SAMPLE, sample)
            task = Surveying(
                kind=evaluation.kind,
                start=start,
                end=end,
                policy=policy,
                taken=(CURRENT, *(contender.name for contender in contenders)),
            )
            found = await self._child("surveying", folder, task, Found)
            contenders += found.contenders
        await self._write(contenders=tuple(contenders), progress=_SURVEYED)

    async def _checkpoint(self) -> Checkpoint:
        evaluation = self._evaluation
        if evaluation.checkpoint is None:
            contenders = enumerate(evaluation.contenders or ())
            kept = [_entrant(f"c{n}", c, evaluation) for n, c in contenders]
            return Checkpoint(kept=(Kept(key=LOGGED, arguments=None), *kept))
        blob = await self._blobs.read(evaluation.checkpoint)
        if blob is None:
            raise Superseded
        return Checkpoint.model_validate_json(blob.data)

    async def _judge(self, before: Checkpoint, folder: Path) -> Checkpoint:
        start, end = self._range()
        files = await log_files(self._blobs, start, end)
        places = [kept.after for kept in before.undone()]
        stretch = await fetch(self._blobs, files, places, folder, self._limits)
        kept_in = self._new_folder()
        kind = self._evaluation.kind
        judging = Round(self._blobs, folder, kept_in, kind, start, end, self._limits)
        after = await judging.judge(before, stretch, self._clock(), self._tell)
        name = f"{kept_in}checkpoint.json"
        await self._blobs.write(name, after.model_dump_json().encode())
        last = self._evaluation.checkpoint
        progress = max(self._evaluation.progress, _progress(after.share))
        await self._write(checkpoint=name, attempts=0, progress=progress)
        self._folders.clear()
        named = [blob for kept in after.kept for blob in kept.blobs()]
        stale = [blob for kept in before.kept for blob in kept.blobs()]
        await self._delete({*stale, *([] if last is None else [last])} - set(named))
        return after

    def _new_folder(self) -> str:
        """For blobs that count once the document names them, and are removed if it never will."""
        self._folders.append(f"{self._folder}{secrets.token_hex(8)}/")
        return self._folders[-1]

    async def _tell(self, share: float) -> None:
        await self._write(progress=max(self._evaluation.progress, _progress(share)))

    async def _conclude(self, checkpoint: Checkpoint, folder: Path) -> None:
        logged, *contenders = checkpoint.kept
        if logged.failure is not None:
            raise _Hopeless(f"The log could not be judged: {logged.failure}.")
        for kept in checkpoint.kept:
            if kept.state is not None:
                await copy(self._blobs, kept.state, state_file(folder, kept.key))
        task = Concluding(
            evaluation=self._evaluation,
            entries=tuple([Entry(key=k.key, model=k.model, failure=k.failure) for k in contenders]),
        )
        conclusion = await self._child("concluding", folder, task, Conclusion)
        if not conclusion.judged:
            start, end = map(format_micros, self._range())
            raise _Hopeless(
                f"The log has no event from {start} to {end} that could be judged: one that was"
                " put to use, and that the loop learns from."
            )
        importance = await self._feature_importance(conclusion.optimal_policy)
        if importance:
            task = task.model_copy(update={"feature_importance": importance})
            await self._child("concluding", folder, task, Conclusion)
        name = f"{self._new_folder()}{RESULT}"
        await self._blobs.write(name, (folder / RESULT).read_bytes())
        models = [k.model.blob for k in contenders if k.model is not None and k.failure is None]
        await self._end(
            Status.SUCCEEDED,
            keep=(name, *models),
            result=name,
            progress=1.0,
            optimal_policy=conclusion.optimal_policy,
            standings=conclusion.standings,
            description=" ".join(conclusion.notes),
        )
        logger.info(
            "evaluation_succeeded",
            extra={"evaluation": self._evaluation.id, "events": conclusion.judged},
        )

    async def _feature_importance(self, best: str | None) -> tuple[tuple[str, ...], ...]:
        """What matters to the best policy, or to the one in force where that is no contender."""
        start, end = self._range()
        contenders = {each.name: each for each in self._evaluation.contenders or ()}
        if best in contenders:
            arguments = contenders[best].arguments
        else:
            arguments = (await self._storage.settings.read()).value.policy_in_force().arguments
        return await important_features(self._blobs, start, end, arguments, self._limits)

    async def _end(self, status: Status, keep: Iterable[str] = (), **changes: object) -> None:
        await self._write(status=status, finished=self._clock(), checkpoint=None, **changes)
        await self._collection.tidy(self._evaluation.id, set(keep))

    async def _delete(self, names: Iterable[str]) -> None:
        await asyncio.gather(*(self._blobs.delete(name) for name in names))

    async def _child(
        self, step: str, folder: Path, task: BaseModel, report: type[_Report]
    ) -> _Report:
        (folder / TASK).write_text(task.model_dump_json())
        try:
            await run_module(f"evaluation.{step}", folder, self._limits.task_seconds)
        except TaskFailed as error:
            raise _Hopeless(f"It came to an end at {step}: {error.reason}.") from error
        return report.model_validate_json((folder / REPORT).read_bytes())

    async def _write(self, **changes: object) -> None:
        spent = self._spent + self._seconds()
        await self._claim.write(self._evaluation.model_copy(update={**changes, "spent": spent}))

    def _seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def _range(self) -> tuple[Micros, Micros]:
        evaluation = self._evaluation
        assert evaluation.reach is not None, "it has begun"
        return evaluation.start, min(evaluation.end, evaluation.reach)


def _entrant(key: str, contender: Contender, evaluation: Evaluation) -> Kept:
    arguments = contender.arguments
    if kind_of(arguments) is not evaluation.kind:
        reason = f"it is for a {kind_of(arguments).value} loop, not a {evaluation.kind.value} one"
        return Kept(key=key, arguments=arguments).given_up(reason)
    try:
        return Kept(key=key, arguments=with_exploration(arguments, evaluation.exploration))
    except InvalidPolicyConfiguration as error:
        return Kept(key=key, arguments=arguments).given_up(error.message.rstrip("."))


def _progress(share: float) -> float:
    return _SURVEYED + (_JUDGED - _SURVEYED) * share
