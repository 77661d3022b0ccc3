"""How far an evaluation has come: what a checkpoint names, and what is dealt to which child."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from evaluation.limits import Limits
from evaluation.tasks import Advance
from loop.learning_settings import parse
from loop.manifest import PublishedModel
from storage.joined_log import Cursor

_BITS = 18
"""What VW takes unless it is told: as many bits as an index into its table of weights has."""

_WEIGHT_BYTES, _COIN_WEIGHT_BYTES = 16, 32
_WORKSPACE_BYTES = 1024 * 1024


class Kept(BaseModel):
    """A charge as it stands.

    Attributes:
        key: As of ``tasks.Charge``, and so are ``arguments``, ``after`` and ``share``.
        is_done: Whether it is judged to the end, or given up.
        failure: Why it was given up, in words.
        crashes: How many processes have crashed with it, one after the other.
        state: Blob of its ``tasks.State``, and ``model`` what it has learned; None before.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    arguments: str | None
    after: Cursor | None = None
    share: float = 0.0
    is_done: bool = False
    failure: str | None = None
    crashes: int = 0
    state: str | None = None
    model: PublishedModel | None = None

    def blobs(self) -> list[str]:
        """Names of what it is kept in."""
        model = None if self.model is None else self.model.blob
        return [name for name in (self.state, model) if name is not None]

    def advanced(self, advance: Advance) -> Kept:
        """It, as a child reports it."""
        update = advance.model_dump(include={"share", "is_done", "failure"})
        return self.model_copy(update={**update, "after": advance.after, "crashes": 0})

    def crashed(self, reason: str, was_alone: bool, most: int) -> Kept:
        """It, after its process has crashed.

        Args:
            was_alone: Whether no other could have been to blame.
            most: How many crashes it may have.
        """
        if not was_alone:
            return self.model_copy(update={"crashes": max(1, self.crashes)})
        if self.crashes + 1 < most:
            return self.model_copy(update={"crashes": self.crashes + 1})
        return self.given_up(reason)

    def given_up(self, reason: str) -> Kept:
        """It, not to be judged any further."""
        return self.model_copy(update={"failure": reason, "is_done": True, "share": 1.0})


class Checkpoint(BaseModel):
    """All charges of an evaluation: online, baseline and random as one, then each contender."""

    model_config = ConfigDict(frozen=True)

    kept: tuple[Kept, ...]

    @property
    def share(self) -> float:
        """How much of the judging is done, from 0 to 1."""
        return sum(kept.share for kept in self.kept) / len(self.kept)

    def undone(self) -> list[Kept]:
        """What is still to be judged."""
        return [kept for kept in self.kept if not kept.is_done]


def dealt(undone: Sequence[Kept], limits: Limits) -> list[list[Kept]]:
    """Who is judged together, by one child that reads the log for all of them.

    There are as many groups as processes at once, more where the models would need too much memory
    together. Who was there when a process crashed is judged alone, to see whose fault it was.
    """
    suspects = [[kept] for kept in undone if kept.crashes]
    others = [kept for kept in undone if not kept.crashes]
    # Who is behind is spread evenly: those ahead have less to do.
    others.sort(key=lambda kept: kept.share)
    room = limits.model_bytes // limits.processes
    count = min(len(others), limits.processes)
    groups = [others[number::count] for number in range(count)]
    while count < len(others) and any(sum(map(_model_bytes, group)) > room for group in groups):
        count += 1
        groups = [others[number::count] for number in range(count)]
    return [*groups, *suspects]


def _model_bytes(kept: Kept) -> int:
    """What the model of a charge takes: its table, and half as much for its file, about."""
    if kept.arguments is None:
        return 0
    settings = {setting.name: setting.value for setting in parse(kept.arguments)}
    weight = _COIN_WEIGHT_BYTES if "coin" in settings else _WEIGHT_BYTES
    table = weight << int(settings.get("bit_precision") or _BITS)
    return _WORKSPACE_BYTES + table + table // 2
