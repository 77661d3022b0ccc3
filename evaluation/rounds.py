"""One round of judging: children go through a stretch of the log, and what they leave is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from evaluation.checkpoints import Checkpoint, Kept, dealt
from evaluation.claim import Superseded
from evaluation.limits import Limits
from evaluation.processes import TaskFailed, run_module
from evaluation.tasks import (
    REPORT,
    TASK,
    Advance,
    Advances,
    Charge,
    Judging,
    Stretch,
    model_file,
    state_file,
)
from loop.events import LoopKind, Micros
from storage.blobs import Blobs
from storage.models import keep

logger = logging.getLogger(__name__)

_TELL_SECONDS = 3.0

Tell = Callable[[float], Awaitable[None]]


class _Group:
    """Charges that one child judges, in a folder of their own."""

    def __init__(self, kept: list[Kept], folder: Path) -> None:
        self.kept = kept
        self.folder = folder
        self.share = sum(each.share for each in kept) / len(kept)
        self.advances: dict[str, Advance] = {}
        self.crash: str | None = None

    def hear(self, share: float) -> None:
        """The child says how far it is."""
        self.share = share


class Round:
    """Judges a stretch of the log.

    Args:
        folder: For its files.
        store: The folder of the blobs that it writes, of its own.
        start: Events decided from here to before ``end`` are judged.
    """

    def __init__(
        self,
        blobs: Blobs,
        folder: Path,
        store: str,
        kind: LoopKind,
        start: Micros,
        end: Micros,
        limits: Limits,
    ) -> None:
        self._blobs = blobs
        self._folder = folder
        self._store = store
        self._kind = kind
        self._start = start
        self._end = end
        self._limits = limits

    async def judge(
        self, checkpoint: Checkpoint, stretch: Stretch, now: Micros, tell: Tell
    ) -> Checkpoint:
        """Judge as much as there is time for, and write what came of it.

        Args:
            now: When models count as created.
            tell: Told the share of the judging that is done, every few seconds; what it raises
                ends the round.

        Returns:
            What stands now; nobody knows of it yet.

        Raises:
            Superseded: What it was to go on from is gone.
            StorageUnavailable: Nothing of the round counts.
        """
        groups = []
        for number, together in enumerate(dealt(checkpoint.undone(), self._limits)):
            groups.append(_Group(together, self._folder / f"group{number:02d}"))
            await self._lay_out(groups[-1])
        await self._work(groups, stretch, checkpoint, tell)
        changed: dict[str, Kept] = {}
        for group in groups:
            for kept in group.kept:
                changed[kept.key] = await self._outcome(group, kept, now)
        return Checkpoint(kept=tuple([changed.get(kept.key, kept) for kept in checkpoint.kept]))

    async def _lay_out(self, group: _Group) -> None:
        group.folder.mkdir()
        for kept in group.kept:
            if kept.state is not None:
                await copy(self._blobs, kept.state, state_file(group.folder, kept.key))
            if kept.model is not None:
                await copy(self._blobs, kept.model.blob, model_file(group.folder, kept.key))

    async def _work(
        self, groups: Sequence[_Group], stretch: Stretch, checkpoint: Checkpoint, tell: Tell
    ) -> None:
        limits = self._limits
        seconds = limits.round_seconds * min(1.0, limits.processes / len(groups))
        closing = asyncio.get_running_loop().time() + limits.round_seconds + limits.late_seconds
        gate = asyncio.Semaphore(limits.processes)
        work = [self._child(group, stretch, seconds, closing, gate) for group in groups]
        pending = {asyncio.create_task(each) for each in work}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=_TELL_SECONDS)
                for task in done:
                    task.result()
                if pending:
                    await tell(_share(groups, checkpoint))
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _child(
        self,
        group: _Group,
        stretch: Stretch,
        seconds: float,
        closing: float,
        gate: asyncio.Semaphore,
    ) -> None:
        task = Judging(
            kind=self._kind,
            start=self._start,
            end=self._end,
            stretch=stretch,
            charges=tuple([_charge(kept) for kept in group.kept]),
            seconds=seconds,
        )
        (group.folder / TASK).write_text(task.model_dump_json())
        async with gate:
            left = closing - asyncio.get_running_loop().time()
            if left < seconds:
                return  # others have taken too long; its turn is in the next round
            try:
                await run_module("evaluation.worker", group.folder, left, group.hear)
            except TaskFailed as error:
                keys = [kept.key for kept in group.kept]
                logger.warning("judging_broke_off", extra={"charges": keys})
                group.crash = error.reason
                return
        report = (group.folder / REPORT).read_bytes()
        group.advances = Advances.model_validate_json(report).by_key

    async def _outcome(self, group: _Group, kept: Kept, now: Micros) -> Kept:
        if group.crash is not None:
            return kept.crashed(group.crash, len(group.kept) == 1, self._limits.crashes)
        advance = group.advances.get(kept.key)
        if advance is None:
            return kept
        advanced = kept.advanced(advance)
        if advance.failure is not None:
            return advanced
        state = f"{self._store}{kept.key}.zst"
        await self._blobs.write(state, state_file(group.folder, kept.key).read_bytes())
        advanced = advanced.model_copy(update={"state": state})
        if kept.arguments is None:
            return advanced
        name = f"{self._store}{kept.key}.vw"
        model_id = f"{self._store.rstrip('/').rpartition('/')[2]}-{kept.key}"
        data = model_file(group.folder, kept.key).read_bytes()
        model = await keep(self._blobs, name, model_id, kept.arguments, data, now)
        return advanced.model_copy(update={"model": model})


async def copy(blobs: Blobs, name: str, file: Path) -> None:
    """Copy what a document names to a file.

    Raises:
        Superseded: It is gone; who removes it has written the document before.
    """
    blob = await blobs.read(name)
    if blob is None:
        raise Superseded
    await asyncio.to_thread(file.write_bytes, blob.data)


def _charge(kept: Kept) -> Charge:
    return Charge(key=kept.key, arguments=kept.arguments, after=kept.after, share=kept.share)


def _share(groups: Sequence[_Group], checkpoint: Checkpoint) -> float:
    moving = {kept.key for group in groups for kept in group.kept}
    resting = sum(kept.share for kept in checkpoint.kept if kept.key not in moving)
    return (resting + sum(group.share * len(group.kept) for group in groups)) / len(checkpoint.kept)
