"""The event log on Azure Tables: one table per loop and day, one insert per event.

A table's name is ``log{loop}{yyyymmdd}{generation}``. Removing rows removes whole tables, and for
some forty seconds after that the service refuses their names. So whoever inserts then takes the
next generation, a letter: a day's rows may lie in several tables, and scans read all of them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from operator import attrgetter
from string import ascii_lowercase

from loop.errors import StorageUnavailable
from loop.events import (
    Activation,
    Decision,
    Dropped,
    Micros,
    MultiSlotDecision,
    Observation,
    Ranked,
)
from storage.blobs import Blobs, Conflict
from storage.event_log import EventLog
from storage.table_rows import (
    DAY,
    PAYLOAD_LIMIT,
    bucket_of,
    day_of,
    decision_row,
    event_hash,
    observation_row,
    overflow_of,
    overflow_row,
    partition,
    payload,
    payload_of,
    read_decision,
    read_observation,
    start_of,
)
from storage.table_scan import buckets
from storage.table_service import Entity, Insert, TableService

_OVERFLOW = "overflow/"

logger = logging.getLogger(__name__)


class TableLog(EventLog):
    """The event log of one loop.

    Args:
        blobs: Where payloads go that no row can hold, under ``overflow/``.
        loop: The loop's name, lower-case letters and digits.
        shards: See ``StorageOptions``.
    """

    def __init__(self, service: TableService, blobs: Blobs, loop: str, shards: int) -> None:
        self._service = service
        self._blobs = blobs
        self._prefix = f"log{loop}"
        self._name = re.compile(rf"{self._prefix}(\d{{8}})[a-z]")
        self._shards = shards
        self._generations: dict[str, str] = {}

    async def append(self, event: Ranked | Observation) -> None:
        if not isinstance(event, (Decision, MultiSlotDecision)):
            row = observation_row(event, self._shards)
        elif len(content := payload(event)) <= PAYLOAD_LIMIT:
            row = decision_row(event, self._shards, content)
        else:
            row = await self._overflow(event, content)
        await self._insert(day_of(event.time), row)

    async def decisions(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Ranked]]]:
        for tables in await self._days(start, end):
            async for bucket, rows in buckets(self._service, tables, "e", self._shards, start, end):
                found = [decision for row in rows if (decision := await self._decision(row))]
                found.sort(key=attrgetter("time", "event_id"))
                yield bucket, found

    async def observations(
        self, start: Micros, end: Micros
    ) -> AsyncIterator[tuple[Micros, list[Observation]]]:
        for tables in await self._days(start, end):
            async for bucket, rows in buckets(self._service, tables, "r", self._shards, start, end):
                found = [read_observation(row) for row in rows]
                found.sort(key=_observation_order)
                yield bucket, found

    async def earliest(self) -> Micros | None:
        tables = await self._tables()
        return min((start_of(day) for day in tables.values()), default=None)

    async def drop_before(self, time: Micros) -> None:
        for table, day in (await self._tables()).items():
            if start_of(day) + DAY <= time:
                await self._service.delete(table)
        async for entry in self._blobs.list(_OVERFLOW):
            if start_of(entry.name.split("/")[1]) + DAY <= time:
                await self._blobs.delete(entry.name)

    async def drop_all(self) -> None:
        for table in await self._tables():
            await self._service.delete(table)
        async for entry in self._blobs.list(_OVERFLOW):
            await self._blobs.delete(entry.name)

    async def _overflow(self, decision: Ranked, content: bytes) -> bytes:
        bucket = bucket_of(partition("e", 0, decision.time))
        name = f"{_OVERFLOW}{day_of(decision.time)}/{bucket}-{event_hash(decision.event_id)}"
        try:
            await self._blobs.replace(name, content, None)
        except Conflict:
            logger.info("overflow_repeated")  # the first one of a bucket wins, as with rows
        return overflow_row(decision, self._shards, name)

    async def _insert(self, day: str, row: bytes) -> None:
        for generation in ascii_lowercase[ascii_lowercase.index(self._generation(day)) :]:
            table = f"{self._prefix}{day}{generation}"
            outcome = await self._service.insert(table, row)
            if outcome is Insert.NO_TABLE:
                if not await self._service.create(table):
                    continue
                outcome = await self._service.insert(table, row)
            if outcome in (Insert.KEPT, Insert.HELD):
                if generation != self._generation(day):
                    self._generations[day] = generation
                return
        raise StorageUnavailable("The event log is being deleted.")

    def _generation(self, day: str) -> str:
        return self._generations.get(day, "a")

    async def _decision(self, row: Entity) -> Ranked | None:
        name = overflow_of(row)
        if name is None:
            return read_decision(payload_of(row))
        blob = await self._blobs.read(name)
        if blob is None:  # the log was dropped while it was read
            logger.warning("overflow_missing", extra={"blob": name})
            return None
        return read_decision(blob.data)

    async def _tables(self) -> dict[str, str]:
        """The loop's tables, by name, and the day that each is of."""
        names = await self._service.tables(f"{self._prefix}0", f"{self._prefix}:")
        found = {name: self._name.fullmatch(name) for name in names}
        return {name: match[1] for name, match in found.items() if match}

    async def _days(self, start: Micros, end: Micros) -> list[list[str]]:
        """The tables of each day from ``start`` to before ``end`` that has any."""
        days: dict[str, list[str]] = {}
        for table, day in (await self._tables()).items():
            if start_of(day) < end and start_of(day) + DAY > start:
                days.setdefault(day, []).append(table)
        return [days[day] for day in sorted(days)]


def _observation_order(observation: Observation) -> tuple[Micros, str, str]:
    if isinstance(observation, Dropped):
        return observation.time, "", observation.nonce
    nonce = "" if isinstance(observation, Activation) else observation.nonce
    return observation.time, observation.event_id, nonce
