"""What a diagnosis is made from: a few small documents, read together, and nothing of the log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from diagnosis.profile import Place, Profile
from diagnosis.survey import Checkpoint, Survey, events_of, survey_document
from loop.configuration import ServiceConfiguration
from loop.errors import InvalidPolicyConfiguration
from loop.events import Micros
from loop.interactions import Crossing
from loop.learning_settings import Setting, parse
from loop.manifest import Counts, Manifest
from loop.settings import LoopSettings
from storage.factory import LoopStorage

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Optimization:
    """What the loop's last attempt at better learning settings has come to.

    Attributes:
        finished: None while it is under way.
        applied: Whether it has changed the policy.
        description: What it has found and done, in words.
    """

    finished: Micros | None
    applied: bool
    description: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that findings are made from.

    Attributes:
        grace: How late a row of the event log may become visible and still count, in microseconds.
        called: Whether anything has ever been logged.
        optimization: None where the loop has never tried.
    """

    now: Micros
    grace: int
    settings: LoopSettings
    manifest: Manifest
    survey: Survey
    called: bool
    optimization: Optimization | None = None

    @property
    def configuration(self) -> ServiceConfiguration:
        """The service configuration."""
        return self.settings.configuration

    @property
    def profile(self) -> Profile | None:
        """What the newest log looks like; None where that is not known."""
        return self.survey.profile

    @property
    def wait(self) -> int:
        """The reward wait time in microseconds."""
        return self.configuration.reward_wait_time // _MICROSECOND

    @property
    def frequency(self) -> int:
        """How often the trainer is due, in microseconds."""
        return self.configuration.model_export_frequency // _MICROSECOND

    @property
    def before(self) -> Checkpoint | None:
        """What had been counted a day ago; None where everything counts as recent."""
        return self.survey.counts_before(self.now)

    @property
    def counts(self) -> Counts:
        """What has been counted in the last day or so; everything, where the log is younger."""
        before = self.before
        counts = self.manifest.counts
        return counts if before is None else counts.since(before.counts)

    @property
    def events(self) -> int:
        """How many events ``counts`` are of."""
        return events_of(self.counts)

    @property
    def policy_settings(self) -> tuple[Setting, ...] | None:
        """The policy's options; None where they are not allowed any more."""
        try:
            return parse(self.settings.policy_in_force().arguments)
        except InvalidPolicyConfiguration:
            return None

    @property
    def next_run(self) -> Micros:
        """When the trainer is due again; now, where it is overdue."""
        return Micros(max(self.now, self.manifest.finished + self.frequency))

    @property
    def next_run_after_wait(self) -> Micros:
        """When the trainer is due once all that has been decided by now has had its wait."""
        return Micros(max(self.next_run, self.now + self.wait + self.grace))


async def gather(storage: LoopStorage, now: Micros, grace: int) -> Facts:
    """Read the facts, but for ``optimization``.

    Raises:
        StorageUnavailable: Storage is away.
    """
    settings, manifest, survey = await asyncio.gather(
        storage.settings.read(), storage.manifest.read(), survey_document(storage.blobs).read()
    )
    called = bool(manifest.value.position) or await storage.log.earliest() is not None
    known = survey.value
    return Facts(
        now=now,
        grace=grace,
        settings=settings.value,
        manifest=manifest.value,
        survey=known if known.is_of(manifest.value.counts) else Survey(),
        called=called,
    )


def crossing_of(options: tuple[Setting, ...]) -> Crossing:
    """Which namespaces a policy multiplies with each other."""
    arguments = []
    for option in options:
        arguments.append(f"--{option.name}")
        if option.value is not None:
            arguments.append(option.value)
    return Crossing.read(arguments)


def first_bytes(profile: Profile, place: Place) -> dict[int, list[str]]:
    """By first bytes, as models know them: the namespaces of a place."""
    found: dict[int, list[str]] = {}
    for each in profile.namespaces:
        if each.place is place and each.name:
            found.setdefault(each.name.encode()[0], []).append(each.name)
    return found
