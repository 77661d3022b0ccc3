"""Keeps what diagnosis knows of a loop fresh, in a document: a profile of its log, and counts.

It is made in the background, from a bounded sample of the newest log; whoever asks for a diagnosis
reads the document.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from diagnosis import profiling
from diagnosis.profile import Profile
from loop.events import SECOND, LearningMode, Micros
from loop.manifest import Counts, Manifest
from loop.metrics import LearningMetrics, Period
from loop.metrics import Sums as Observed
from loop.segments import HOUR, LATE_LOG
from storage.blobs import Blobs, Conflict
from storage.documents import Document
from storage.factory import LoopStorage
from storage.joined_log import lines, sampled_lines

logger = logging.getLogger(__name__)

DAY = 24 * HOUR
SAMPLED_EVENTS = 4_000
FIRST_SAMPLE = 1_000
"""How many events are looked at while it is not known how large they are."""

RECENT_EVENTS = 1_000

_WINDOWS = (HOUR, DAY, 30 * DAY)
_SAMPLED_BYTES = 24_000_000
_STRAYS = 5_000
_STRAY_FILES = 4
_SECONDS = 60.0
_GROWTH = 1_000
_LEAST_AGE = 300 * SECOND
_CHECKPOINTS_EVERY = HOUR
_PROFILE = TypeAdapter[Profile | None](Profile | None)

RunModule = Callable[[str, Path, float], Awaitable[None]]
"""Runs ``python -m module folder`` in a process of its own, for so many seconds at most.

Raises:
    ProfilingFailed: It has not done its work.
"""


class ProfilingFailed(Exception):
    """Raised when the profile could not be made; the text says why."""


class Checkpoint(BaseModel):
    """What had been counted by a time."""

    model_config = ConfigDict(frozen=True)

    time: Micros
    counts: Counts


class Standing(BaseModel):
    """What the learning metrics say of the stretch of one learning mode that goes on.

    Attributes:
        since: When its first event was decided.
        events: How many events it has had; ``matched`` of them chose the baseline.
        reward: Their mean reward.
        recent_events: The newest ones, ``RECENT_EVENTS`` or more where there are so many.
    """

    model_config = ConfigDict(frozen=True)

    mode: LearningMode
    since: Micros
    events: int
    matched: int
    reward: float
    recent_events: int
    recent_matched: int
    recent_reward: float


class Survey(BaseModel):
    """What is known of a loop beside its settings and its manifest.

    Attributes:
        generated: When it was last made; 0 before.
        counts: What had been counted then.
        profile: None where nothing was joined, or none could be made.
        standing: None where nothing was joined.
        checkpoints: In order of time, an hour apart or more, and one that is a day old or older
            where there is one.
    """

    model_config = ConfigDict(frozen=True)

    generated: Micros = Micros(0)
    counts: Counts = Field(default_factory=Counts)
    profile: Profile | None = None
    standing: Standing | None = None
    checkpoints: tuple[Checkpoint, ...] = ()

    def is_of(self, counts: Counts) -> bool:
        """Whether it is of the log that these counts are of; the owner may have deleted it."""
        return min(counts.since(self.counts)) >= 0

    def counts_before(self, now: Micros) -> Checkpoint | None:
        """What had been counted a day ago, or earlier; None where it is not known."""
        found = [each for each in self.checkpoints if each.time <= now - DAY]
        return found[-1] if found else None


def survey_document(blobs: Blobs) -> Document[Survey]:
    """The survey of a loop."""
    return Document(blobs, "survey.json", Survey())


def events_of(counts: Counts) -> int:
    """How many decisions have become events: all but the duplicates."""
    return counts.decisions - counts.duplicates


async def refresh(storage: LoopStorage, now: Micros, run: RunModule) -> bool:
    """Make the survey anew, if enough has happened since; whether it did.

    That is a fifth more events, a thousand more after five minutes, or any more after an hour; and
    a log that was deleted. A profile that can't be made leaves the former one, until so much has
    happened again.

    Raises:
        StorageUnavailable: Storage is away.
    """
    manifest = (await storage.manifest.read()).value
    document = survey_document(storage.blobs)
    read = await document.read()
    former = read.value
    if not former.is_of(manifest.counts):
        former = Survey()
    elif not _is_due(former, manifest.counts, now):
        return False
    profile = former.profile
    if events_of(manifest.counts):
        try:
            most = _affordable(former.profile)
            profile = await _profile(storage.blobs, manifest.position, most, run)
        except ProfilingFailed as error:
            logger.warning("profile_failed", extra={"reason": str(error)})
    survey = Survey(
        generated=now,
        counts=manifest.counts,
        profile=profile,
        standing=await _standing(storage.blobs, manifest),
        checkpoints=_checkpoints(former, manifest.counts, now),
    )
    try:
        await document.replace(survey, read)
    except Conflict:
        logger.info("survey_superseded")
    return True


def _is_due(former: Survey, counts: Counts, now: Micros) -> bool:
    before = events_of(former.counts)
    more = events_of(counts) - before
    age = now - former.generated
    return more > 0 and (
        more * 5 >= before or (more >= _GROWTH and age >= _LEAST_AGE) or age >= HOUR
    )


def _checkpoints(former: Survey, counts: Counts, now: Micros) -> tuple[Checkpoint, ...]:
    kept = former.checkpoints
    old = [each for each in kept if each.time <= now - DAY]
    kept = (*old[-1:], *kept[len(old) :])
    if kept and now - kept[-1].time < _CHECKPOINTS_EVERY:
        return kept
    return (*kept, Checkpoint(time=now, counts=counts))


def _affordable(former: Profile | None) -> int:
    """How many events to look at, by how large they were the last time."""
    if former is None:
        return FIRST_SAMPLE
    return max(1, min(SAMPLED_EVENTS, int(_SAMPLED_BYTES / max(1.0, former.bytes))))


async def _profile(blobs: Blobs, position: Micros, most: int, run: RunModule) -> Profile | None:
    sample: list[bytes] = []
    for window in _WINDOWS:
        start = Micros(max(0, position - window))
        sample = await sampled_lines(blobs, start, position, most)
        if len(sample) >= most / 2:
            break
    strays = await _strays(blobs, position)
    with tempfile.TemporaryDirectory(prefix="profile-") as name:
        folder = Path(name)
        (folder / profiling.SAMPLE).write_bytes(b"\n".join(sample))
        (folder / profiling.STRAYS).write_bytes(b"\n".join(strays))
        await run(profiling.__name__, folder, _SECONDS)
        return _PROFILE.validate_json((folder / profiling.PROFILE).read_bytes())


async def _strays(blobs: Blobs, position: Micros) -> list[bytes]:
    """Lines of the newest rewards that no event was learned with."""
    found: list[bytes] = []
    for hour in (position, position - HOUR):
        names = [entry.name async for entry in blobs.list(LATE_LOG.prefix(Micros(max(0, hour))))]
        for name in names[-_STRAY_FILES:]:
            reading = lines(blobs.stream(name))
            async with aclosing(reading):
                async for line in reading:
                    if len(found) >= _STRAYS:
                        return found
                    found.append(line)
    return found


async def _standing(blobs: Blobs, manifest: Manifest) -> Standing | None:
    blob = None if manifest.metrics is None else await blobs.read(manifest.metrics)
    if blob is None:
        return None
    periods = LearningMetrics.decode(blob.data).periods
    return standing_of(periods[-1]) if periods else None


def standing_of(period: Period) -> Standing:
    """What a stretch of one learning mode has come to."""
    total, recent = Observed(), Observed()
    total.add(period.before)
    for cell in reversed(period.cells):
        total.add(cell.sums)
        if recent.events < RECENT_EVENTS:
            recent.add(cell.sums)
    return Standing(
        mode=period.mode,
        since=period.start,
        events=total.events,
        matched=total.matched,
        reward=total.rewards / total.events if total.events else 0.0,
        recent_events=recent.events,
        recent_matched=recent.matched,
        recent_reward=recent.rewards / recent.events if recent.events else 0.0,
    )
