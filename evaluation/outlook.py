"""When a loop looks for a better policy by itself the next time, as far as that can be said."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.optimizing import (
    FIRST_EVENTS,
    Stage,
    grown,
    online_events,
    optimization_document,
    period_end,
)
from loop.configuration import ServiceConfiguration
from loop.events import Micros
from loop.features import JsonObject
from loop.iso import format_duration, format_instant, format_micros
from loop.manifest import Manifest
from loop.settings import LoopSettings
from storage.factory import LoopStorage


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run of auto-optimization waits for.

    Attributes:
        hindrance: Why none begins as things stand, in words; None where one will.
        running: Id of the evaluation of the run that is under way; None without one.
        events: How many have been decided in Online mode and joined.
        needed: With so many a run begins, whenever that is.
        due: From then on one begins with ``FIRST_EVENTS``; None before a first run.
    """

    configuration: ServiceConfiguration
    hindrance: str | None
    running: str | None
    events: int
    needed: int
    due: Micros | None

    def members(self) -> JsonObject:
        """What the API answers."""
        start = self.configuration.auto_optimization_start_date
        return {
            "isEnabled": self.configuration.is_auto_optimization_enabled,
            "hindrance": self.hindrance,
            "frequency": format_duration(self.configuration.auto_optimization_frequency),
            "startDate": None if start is None else format_instant(start),
            "runningEvaluationId": self.running,
            "events": self.events,
            "eventsNeeded": self.needed,
            "nextDue": None if self.due is None else format_micros(self.due),
            "leastEvents": FIRST_EVENTS,
        }


async def outlook(storage: LoopStorage, settings: LoopSettings, manifest: Manifest) -> Outlook:
    """What the next run waits for; from small documents, no log is read.

    Raises:
        StorageUnavailable: Storage is away.
    """
    configuration = settings.configuration
    last = (await optimization_document(storage.blobs).read()).value.run
    is_running = last is not None and last.stage is not Stage.OVER
    return Outlook(
        configuration=configuration,
        hindrance=settings.optimization_hindrance,
        running=last.evaluation.id if last is not None and is_running else None,
        events=await online_events(storage.blobs, manifest),
        needed=grown(manifest, last),
        due=None if last is None else period_end(configuration, last),
    )
