"""What an operator is told of training: what came of events, and how a loop's model stands."""

from __future__ import annotations

import asyncio
from array import array
from datetime import timedelta

from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Decision, LearningMode, Micros, Ranked
from loop.joined_log import Event
from loop.manifest import Counts, Manifest
from loop.metrics import has_weight
from telemetry import metrics
from telemetry.subject import attributes
from trainer.limits import Limits

_MICROSECOND = timedelta(microseconds=1)
_BREATH = 500
"""Rewards between two looks at the network, so that other loops of the process get their turn."""


class Tally:
    """What the metrics need to know of a run's events. It is told once the run is committed.

    Attributes:
        events: How many have been joined.
        explored: How many of them were given an action that the model thought less of.
    """

    def __init__(self) -> None:
        self.events = 0
        self.explored = 0
        self._rewards = array("d")

    def add(self, event: Event) -> None:
        """Take in an event."""
        self.events += 1
        self.explored += is_explored(event.decision)
        if has_weight(event):
            self._rewards.append(event.reward)

    async def tell(self, before: Counts, after: Counts, seconds: float) -> None:
        """Count what has been committed.

        Args:
            before: What the loop's manifest has counted up to the run.
            after: The same with the run.
            seconds: From the run's start to its commit.
        """
        loop = attributes()
        for counter, count in (
            (metrics.JOINED, self.events),
            (metrics.DEFAULTED, after.defaulted - before.defaulted),
            (metrics.LATE, after.late - before.late),
            (metrics.ORPHANED, after.orphaned - before.orphaned),
            (metrics.DUPLICATES, after.duplicates - before.duplicates),
            (metrics.NOT_ACTIVATED, after.not_activated - before.not_activated),
            (metrics.EXPLORED, self.explored),
        ):
            if count:
                counter.add(count, loop)
        metrics.LEARN_TIME.record(max(0.0, seconds), loop)
        for number, reward in enumerate(self._rewards):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            metrics.REWARD.add(reward, loop)


def is_explored(decision: Ranked) -> bool:
    """Whether an application was given what the model thought less probable than another action.

    In a page it is so if it is in one slot. Outside of ``LearningMode.ONLINE`` the application was
    given its baseline, whatever was drawn.

    >>> likely = Decision("e1", Micros(5), b"{}", (1, 0), (0.75, 0.25))
    >>> unlikely = Decision("e1", Micros(5), b"{}", (0, 1), (0.25, 0.75))
    >>> is_explored(likely), is_explored(unlikely)
    (False, True)
    """
    if decision.mode is not LearningMode.ONLINE:
        return False
    choices = (decision,) if isinstance(decision, Decision) else decision.slots
    return any(choice.probabilities[0] < max(choice.probabilities) for choice in choices)


def tell_standing(
    manifest: Manifest,
    configuration: ServiceConfiguration,
    limits: Limits,
    now: Micros,
    failed: bool,
) -> None:
    """Tell how old the loop's model is, and how long another one has been waited for.

    Args:
        manifest: As it is after the run.
        failed: Whether the run has: then nobody knows what there is to be learned, and there is
            taken to be something.
    """
    loop = attributes()
    if manifest.model is not None:
        metrics.MODEL_AGE.set(max(0, now - manifest.model.created) / SECOND, loop)
    metrics.MODEL_PERIODS.set(
        periods_without_model(manifest, configuration, limits, now, failed), loop
    )


def periods_without_model(
    manifest: Manifest,
    configuration: ServiceConfiguration,
    limits: Limits,
    now: Micros,
    failed: bool,
) -> float:
    """How many update periods ago a model could have been published that is not.

    It is counted from when there was first something to learn, or from the last model if that is
    newer; 0 where there is nothing to learn.
    """
    since = []
    if manifest.unpublished:
        since.append(int(manifest.unpublished))
    if manifest.position and (failed or manifest.backlog):
        wait = configuration.reward_wait_time // _MICROSECOND
        since.append(manifest.position + wait + limits.grace)
    if not since:
        return 0.0
    published = 0 if manifest.model is None else manifest.model.created
    waited = now - max(published, min(since))
    return max(0, waited) / (configuration.model_export_frequency // _MICROSECOND)
