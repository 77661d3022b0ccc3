"""The batches that local-inference clients send: what is round the events, and what bounds them.

A batch is a preamble of eight bytes, with its numbers in network order, and a flatbuffer::

    reserved: 1 byte, 0 | version: 1 byte, 0 | type: 2 bytes, 13 | bytes that follow: 4 bytes

Names are those of the public schema, version 2. The flatbuffer is an ``EventBatch``; each of its
events is a flatbuffer of its own, an ``Event`` with metadata and a payload; and so is the payload,
which may be compressed with zstd.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import NoReturn

import zstandard

from loop.errors import InvalidRequest, PayloadSizeExceeded
from loop.flatbuffer import Field, MalformedFlatBuffer, Table

MAX_EVENTS = 5_000
"""Most events in a batch; clients send some two hundred kilobytes at a time."""

MAX_UNPACKED_BYTES = 8 * 1024 * 1024
"""Most bytes that a batch may come to: payloads decompressed, shared actions where they stand."""

LONGEST_ID = 256

_PREAMBLE = Struct(">BBHI")
_EVENT_BATCH = 13
_CONTENT_ENCODINGS = ("IDENTITY", "DEDUP")
_IDENTITY, _ZSTD = 0, 1

_EVENTS = Field(0, "events")
_METADATA = Field(1, "metadata")
_CONTENT_ENCODING = Field(0, "content_encoding")
_SERIALIZED = Field(0, "payload")
_META = Field(0, "meta")
_PAYLOAD = Field(1, "payload")
_ID = Field(0, "meta.id")
_PAYLOAD_TYPE = Field(3, "meta.payload_type")
_PASS_PROBABILITY = Field(4, "meta.pass_probability")
_ENCODING = Field(5, "meta.encoding")


class PayloadType(Enum):
    """What the payload of an event is, by its name in the schema."""

    CB = 0
    CCB = 1
    SLATES = 2
    OUTCOME = 3
    CA = 4
    DEDUP_INFO = 5
    MULTI_STEP = 6
    EPISODE = 7


@dataclass(frozen=True, slots=True)
class BatchedEvent:
    """One event of a batch.

    Attributes:
        place: Where it is in the batch, such as ``events[3]``.
        id: The id of the event that it is about: 1 to 256 characters, but for ``DEDUP_INFO``.
        payload: A flatbuffer, not looked into yet.
    """

    place: str
    id: str
    type: PayloadType
    payload: bytes


class Allowance:
    """What a batch may still come to, in bytes."""

    def __init__(self) -> None:
        self._left = MAX_UNPACKED_BYTES

    def spend(self, size: int, place: str) -> None:
        """Take ``size`` bytes off.

        Raises:
            PayloadSizeExceeded: That is more than there are left.
        """
        self._left -= size
        if self._left < 0:
            raise PayloadSizeExceeded(
                f"The batch comes to more than {MAX_UNPACKED_BYTES} bytes at {place}.", place
            )


def refuse(place: str, reason: str) -> NoReturn:
    """Raise the error of a batch; ``reason`` ends a sentence that begins with ``place``."""
    raise InvalidRequest(f"{place} {reason}.", place)


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn what is wrong with a flatbuffer into an error of the batch, at a place in it."""
    try:
        yield
    except MalformedFlatBuffer as error:
        refuse(f"{place}.{error.field}" if error.field else place, error.reason)


def unpack(body: bytes, allowance: Allowance) -> Iterator[BatchedEvent]:
    """The events of a batch, in their order.

    Args:
        body: As it was sent.

    Raises:
        InvalidRequest: The batch is malformed, or of a kind that is not known; its target is the
            place, such as ``events[3].meta.id``.
        PayloadSizeExceeded: There are more than ``MAX_EVENTS`` events, or more bytes than allowed.
    """
    with reading("batch"):
        batch = Table.root(_message(body))
        count = batch.count(_EVENTS)
        if count > MAX_EVENTS:
            raise PayloadSizeExceeded(
                f"The batch has {count} events, and {MAX_EVENTS} is the most.", "events"
            )
        metadata = batch.table(_METADATA)
        encoding = metadata.text(_CONTENT_ENCODING) if metadata else None
        if encoding is not None and encoding.upper() not in _CONTENT_ENCODINGS:
            refuse("metadata.content_encoding", f"is none of {', '.join(_CONTENT_ENCODINGS)}")
        events = list(batch.tables(_EVENTS))
    for index, event in enumerate(events):
        place = f"events[{index}]"
        with reading(place):
            serialized = event.octets(_SERIALIZED)
            if serialized is None:
                refuse(place, "has no payload")
            allowance.spend(len(serialized), place)
            found = _event(place, Table.root(serialized), allowance)
        yield found


def _message(body: bytes) -> bytes:
    if len(body) < _PREAMBLE.size:
        refuse("preamble", f"takes {_PREAMBLE.size} bytes, and the body has {len(body)}")
    reserved, version, kind, size = _PREAMBLE.unpack_from(body)
    if reserved or version:
        refuse("preamble", f"begins with {reserved} and {version}, where both should be 0")
    if kind != _EVENT_BATCH:
        refuse("preamble", f"names the message type {kind}, and only {_EVENT_BATCH} is taken")
    message = body[_PREAMBLE.size :]
    if size != len(message):
        refuse("preamble", f"announces {size} bytes, and {len(message)} follow")
    return message


def _event(place: str, event: Table, allowance: Allowance) -> BatchedEvent:
    meta = event.table(_META)
    if meta is None:
        refuse(f"{place}.meta", "is missing")
    try:
        kind = PayloadType(meta.byte(_PAYLOAD_TYPE))
    except ValueError:
        refuse(f"{place}.{_PAYLOAD_TYPE.name}", "is not known")
    name = meta.text(_ID) or ""
    if kind is not PayloadType.DEDUP_INFO and not 0 < len(name) <= LONGEST_ID:
        refuse(f"{place}.{_ID.name}", f"has {len(name)} characters, not 1 to {LONGEST_ID}")
    if not 0.0 < meta.number(_PASS_PROBABILITY) <= 1.0:
        refuse(f"{place}.{_PASS_PROBABILITY.name}", "is not above 0 and at most 1")
    payload = event.octets(_PAYLOAD)
    if payload is None:
        refuse(f"{place}.{_PAYLOAD.name}", "is missing")
    encoding = meta.byte(_ENCODING)
    if encoding == _ZSTD:
        payload = _decompressed(payload, f"{place}.{_PAYLOAD.name}", allowance)
    elif encoding != _IDENTITY:
        refuse(f"{place}.{_ENCODING.name}", "is not known")
    return BatchedEvent(place, name, kind, payload)


def _decompressed(payload: bytes, place: str, allowance: Allowance) -> bytes:
    try:
        # Before anything is decompressed: it allocates whatever the frame says.
        size = zstandard.frame_content_size(payload)
        if size < 0:
            refuse(place, "does not say how long it is decompressed")
        allowance.spend(size, place)
        return zstandard.ZstdDecompressor().decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError:
        refuse(place, "is no zstd frame")
