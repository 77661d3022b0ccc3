"""Reads partitions of several tables and shards side by side, as one sequence of buckets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

from loop.events import Micros
from storage.table_rows import Kind, bucket_of, partition
from storage.table_service import Entity, Page, TableService


async def buckets(
    service: TableService,
    tables: Sequence[str],
    kind: Kind,
    shards: int,
    start: Micros,
    end: Micros,
) -> AsyncIterator[tuple[Micros, list[Entity]]]:
    """Whole buckets from ``start`` to before ``end`` in order of time, rows in no order.

    It holds the bucket that it gives, and two pages for each table and shard.
    """
    tails = [_Tail(service, table, kind, i, start, end) for table in tables for i in range(shards)]
    try:
        for tail in tails:
            await tail.advance()
        while present := [tail.bucket for tail in tails if tail.bucket is not None]:
            bucket = min(present)
            rows: list[Entity] = []
            for tail in tails:
                if tail.bucket == bucket:
                    rows += tail.rows
                    await tail.advance()
            yield bucket, rows
    finally:
        for tail in tails:
            tail.close()


class _Tail:
    """The rows of one table and shard. The next page is under way while one is used."""

    def __init__(
        self,
        service: TableService,
        table: str,
        kind: Kind,
        shard: int,
        start: Micros,
        end: Micros,
    ) -> None:
        self._service = service
        self._table = table
        self._start = partition(kind, shard, start)
        self._end = partition(kind, shard, end)
        self._groups: deque[tuple[Micros, list[Entity]]] = deque()
        self._coming: asyncio.Task[Page] | None = self._fetch(None)
        self.bucket: Micros | None = None
        self.rows: list[Entity] = []

    async def advance(self) -> None:
        """Go to the next bucket; ``bucket`` is None behind the last one."""
        # A bucket is whole once another one follows it, or nothing does.
        while len(self._groups) < 2 and self._coming is not None:
            page = await self._coming
            self._coming = None if page.next is None else self._fetch(page.next)
            self._take(page.rows)
        self.bucket, self.rows = self._groups.popleft() if self._groups else (None, [])

    def close(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            # A page that failed unseen is no news: the scan is over.
            self._coming.add_done_callback(lambda task: task.cancelled() or task.exception())

    def _fetch(self, after: tuple[str, str] | None) -> asyncio.Task[Page]:
        return asyncio.create_task(self._service.page(self._table, self._start, self._end, after))

    def _take(self, rows: list[Entity]) -> None:
        for key, group in groupby(rows, lambda row: str(row["PartitionKey"])):
            bucket = bucket_of(key)
            if self._groups and self._groups[-1][0] == bucket:
                self._groups[-1][1].extend(group)
            else:
                self._groups.append((bucket, list(group)))
