"""How an event is kept as a row of a table: its keys, its properties, and back again.

| row | PartitionKey | RowKey | properties |
|---|---|---|---|
| decision | ``e{shard:02d}_{bucket}`` | ``{h}`` | ``p0`` … ``p14`` or ``blob`` |
| reward | ``r{shard:02d}_{bucket}`` | ``{h}_{nonce}`` | ``id``, ``t``, ``v`` |
| multi-slot reward | ``r{shard:02d}_{bucket}`` | ``{h}_{nonce}`` | ``id``, ``t``, ``s`` |
| activation | ``r{shard:02d}_{bucket}`` | ``{h}_a`` | ``id``, ``t`` |
| drop report | ``r{shard:02d}_{bucket}`` | ``d_{nonce}`` | ``t``, ``n`` |

A decision's compressed payload is split over ``p0`` … ``p14``, or ``blob`` names where it is.
``h`` is the BLAKE2b hash of 96 bits of the event id, in hex; the shard is that of the hash, and
of the nonce for a drop report. ``bucket`` is the start of the bucket in seconds since 1970, in
ten digits. ``id`` is percent-encoded, since properties can't hold every character. ``s`` is a list
of slot ids and values, as compressed JSON: 50 of the longest ids take 51 KiB of its 64.
"""

from __future__ import annotations

import base64
import zlib
from datetime import datetime, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import Literal
from urllib.parse import quote, unquote

import orjson

from loop.events import (
    SECOND,
    Activation,
    Dropped,
    Micros,
    Observation,
    Ranked,
    Reward,
    SlotRewards,
    decode_decision,
)
from storage.event_log import BUCKET
from storage.table_service import Entity

Kind = Literal["e", "r"]
"""The log that a row is of: decisions (``e``) or observations (``r``)."""

DAY: int = 86_400 * SECOND
"""Length of a day in microseconds; each has its own table."""

_PROPERTY_BYTES = 64 * 1024
_PROPERTIES = 15
PAYLOAD_LIMIT = _PROPERTY_BYTES * _PROPERTIES
"""Most bytes of a payload in one row: the service takes 64 KiB a property and 1 MiB a row."""

_ACTIVATED = "a"
_DROPPED = "d"


def day_of(time: Micros) -> str:
    """The day of ``time`` (UTC), as the names of tables have it.

    >>> day_of(Micros(0))
    '19700101'
    """
    return _day(time // DAY)


def start_of(day: str) -> Micros:
    """When a day begins.

    >>> start_of("19700102") == DAY
    True
    """
    start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc)
    return Micros(int(start.timestamp()) * SECOND)


def partition(kind: Kind, shard: int, time: Micros) -> str:
    """The partition of the bucket that ``time`` is in."""
    return f"{kind}{shard:02d}_{time // BUCKET * BUCKET // SECOND:010d}"


def bucket_of(partition_key: str) -> Micros:
    """The start of a partition's bucket.

    >>> bucket_of(partition("e", 3, Micros(25 * SECOND))) == 20 * SECOND
    True
    """
    return Micros(int(partition_key[4:]) * SECOND)


def event_hash(event_id: str) -> str:
    """The hash that stands for an event id in keys: 24 hex digits."""
    return blake2b(event_id.encode(), digest_size=12).hexdigest()


def payload(decision: Ranked) -> bytes:
    """Everything about a decision, compressed."""
    return zlib.compress(decision.encode(), 1)


def decision_row(decision: Ranked, shards: int, content: bytes) -> bytes:
    """The row of a decision whose payload fits into it, as JSON."""
    row = _decision_keys(decision, shards)
    for i, start in enumerate(range(0, len(content), _PROPERTY_BYTES)):
        row[f"p{i}"] = base64.b64encode(content[start : start + _PROPERTY_BYTES]).decode()
        row[f"p{i}@odata.type"] = "Edm.Binary"
    return orjson.dumps(row)


def overflow_row(decision: Ranked, shards: int, blob: str) -> bytes:
    """The row of a decision whose payload is in a blob, as JSON."""
    return orjson.dumps(_decision_keys(decision, shards) | {"blob": blob})


def observation_row(observation: Observation, shards: int) -> bytes:
    """The row of a reward, an activation or a drop report, as JSON."""
    time = observation.time
    row: dict[str, str | float] = {"t": str(time), "t@odata.type": "Edm.Int64"}
    if isinstance(observation, Dropped):
        h, suffix = _DROPPED, observation.nonce
        shard = _shard(event_hash(observation.nonce), shards)
        row["n"] = observation.count
    else:
        h = event_hash(observation.event_id)
        shard = _shard(h, shards)
        row["id"] = quote(observation.event_id, safe=" ")
        if isinstance(observation, Reward):
            suffix = observation.nonce
            row |= {"v": observation.value, "v@odata.type": "Edm.Double"}
        elif isinstance(observation, SlotRewards):
            suffix = observation.nonce
            values = zlib.compress(orjson.dumps(observation.values), 1)
            row |= {"s": base64.b64encode(values).decode(), "s@odata.type": "Edm.Binary"}
        else:
            suffix = _ACTIVATED
    row |= {"PartitionKey": partition("r", shard, time), "RowKey": f"{h}_{suffix}"}
    return orjson.dumps(row)


def overflow_of(row: Entity) -> str | None:
    """The blob that holds the payload of a decision's row; None where the row does."""
    blob = row.get("blob")
    return None if blob is None else str(blob)


def payload_of(row: Entity) -> bytes:
    """The payload in a decision's row."""
    chunks: list[bytes] = []
    while (chunk := row.get(f"p{len(chunks)}")) is not None:
        chunks.append(base64.b64decode(str(chunk)))
    return b"".join(chunks)


def read_decision(content: bytes) -> Ranked:
    """The inverse of ``payload``."""
    return decode_decision(zlib.decompress(content))


def read_observation(row: Entity) -> Observation:
    """The inverse of ``observation_row``."""
    time = Micros(int(row["t"]))
    h, _, suffix = str(row["RowKey"]).partition("_")
    if h == _DROPPED:
        return Dropped(time, int(row["n"]), suffix)
    event_id = unquote(str(row["id"]))
    if suffix == _ACTIVATED:
        return Activation(event_id, time)
    if "s" in row:
        values = orjson.loads(zlib.decompress(base64.b64decode(str(row["s"]))))
        return SlotRewards(event_id, time, tuple((slot, value) for slot, value in values), suffix)
    return Reward(event_id, time, float(row["v"]), suffix)


def _decision_keys(decision: Ranked, shards: int) -> dict[str, str]:
    h = event_hash(decision.event_id)
    return {"PartitionKey": partition("e", _shard(h, shards), decision.time), "RowKey": h}


def _shard(h: str, shards: int) -> int:
    return int(h[:8], 16) % shards


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY // SECOND, timezone.utc).strftime("%Y%m%d")
