"""Both logs as one sequence: no decision before all that may belong to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from loop.events import Micros, Observation, Ranked
from storage.event_log import BUCKET, EventLog


@dataclass(frozen=True, slots=True)
class Observed:
    """The rewards and activations of a bucket; all before ``end`` has been given by now."""

    end: Micros
    rows: list[Observation]


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions of a bucket; all before ``end`` has been given by now."""

    end: Micros
    rows: list[Ranked]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be read.

    Attributes:
        position: Decisions from here on are new.
        observed: Observations from here on are new.
        end: Decisions before it have had their wait.
        observed_end: Observations before it are all that those decisions can have.
        wait: The reward wait time in microseconds.
    """

    position: Micros
    observed: Micros
    end: Micros
    observed_end: Micros
    wait: int

    @classmethod
    def until(cls, complete: int, position: Micros, observed: Micros, wait: int) -> Stretch:
        """What can be read once every row before ``complete`` is visible.

        Nothing, where no further decision has had its wait: then nothing moves.
        """
        end = max(position, start_of_bucket(start_of_bucket(complete) - wait))
        reach = -(-(end + wait) // BUCKET) * BUCKET
        observed_end = max(observed, reach) if end > position else observed
        return cls(position, observed, end, Micros(observed_end), wait)


def start_of_bucket(time: int) -> Micros:
    """The start of the bucket that holds ``time``."""
    return Micros(time // BUCKET * BUCKET)


async def in_order(log: EventLog, stretch: Stretch) -> AsyncGenerator[Observed | Decided, None]:
    """Read a stretch: each bucket of decisions behind the observations in its windows.

    Both parts are in order of time, and buckets without rows are left out. It holds one bucket of
    each log at a time.
    """
    observations = log.observations(stretch.observed, stretch.observed_end)
    ahead = await anext(observations, None)
    async for bucket, decisions in log.decisions(stretch.position, stretch.end):
        bucket_end = Micros(bucket + BUCKET)
        while ahead is not None and ahead[0] < bucket_end + stretch.wait:
            yield _observed(ahead)
            ahead = await anext(observations, None)
        yield Decided(bucket_end, decisions)
    while ahead is not None:
        yield _observed(ahead)
        ahead = await anext(observations, None)


def _observed(bucket: tuple[Micros, list[Observation]]) -> Observed:
    return Observed(Micros(bucket[0] + BUCKET), bucket[1])
