"""Rebuilding a model from the joined log, after a setting has changed that resets it.

The model before goes on serving, as it is, and learns no more: what is decided meanwhile goes into
the joined log, and the candidate learns it from there, so that each event is learned once by the
model that comes out. It takes over in the run in which it has read all that is committed: it then
learns the events of that run as they are joined.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Micros
from loop.manifest import Retrain
from storage.blobs import Blobs
from storage.joined_log import joined_events
from trainer.learner import Learner
from trainer.scan import start_of_bucket

DAY: int = 86_400 * SECOND


def begun(version: int, now: Micros, days: int) -> Retrain:
    """A rebuild that has read nothing yet.

    Args:
        days: How far back it begins.
    """
    start = start_of_bucket(max(0, now - days * DAY))
    return Retrain(version=version, start=start, position=start)


@dataclass(frozen=True, slots=True)
class Rereading:
    """How the joined log is read again.

    Attributes:
        configuration: What rewards are aggregated with.
        end: The committed log's end.
        deadline: When to stop, by ``clock``.
    """

    configuration: ServiceConfiguration
    end: Micros
    deadline: Micros
    clock: Callable[[], Micros]


async def reread(blobs: Blobs, retrain: Retrain, learner: Learner, how: Rereading) -> Micros:
    """Teach the joined log from ``retrain.position`` on.

    Returns:
        Every event before it has been taught: ``how.end``, or earlier where time was up.
    """
    bucket = retrain.position
    events = joined_events(blobs, retrain.position, how.end)
    async with aclosing(events):
        async for event in events:
            start = start_of_bucket(event.decision.time)
            if start > bucket:
                bucket = start
                if how.clock() >= how.deadline:
                    return bucket
            learner.teach(event.again(how.configuration))
    return max(how.end, retrain.position)
