"""Batches as a local-inference client makes them, written with the public flatbuffers runtime.

The field numbers follow the public schema, version 2. Any member may be given wrongly, or as None
to be left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson
import zstandard
from flatbuffers import Builder

from loop.features import JsonValue

CB, CCB, SLATES, OUTCOME, CA, DEDUP_INFO, MULTI_STEP, EPISODE = range(8)
ONLINE, APPRENTICE, LOGGING_ONLY = range(3)
IDENTITY, ZSTD = range(2)

CONTEXT: JsonValue = {
    "GUser": {"id": "a", "major": "eng", "hobby": "hiking"},
    "_multi": [{"TAction": {"a1": "f1"}}, {"TAction": {"a2": "f2"}}],
}

Write = Callable[[Builder], int]
"""Writes what a table points to, and gives back where it is."""


def text(value: str | None) -> Write | None:
    """A string."""
    return None if value is None else lambda builder: int(builder.CreateString(value))


def octets(value: bytes | None) -> Write | None:
    """A vector of ubytes."""
    return None if value is None else lambda builder: int(builder.CreateByteVector(value))


def uint64s(values: Sequence[int] | None) -> Write | None:
    """A vector of ulongs."""
    return _numbers(values, 8, "PrependUint64")


def uint32s(values: Sequence[int] | None) -> Write | None:
    """A vector of uints."""
    return _numbers(values, 4, "PrependUint32")


def int32s(values: Sequence[int] | None) -> Write | None:
    """A vector of ints."""
    return _numbers(values, 4, "PrependInt32")


def floats(values: Sequence[float] | None) -> Write | None:
    """A vector of floats of 32 bits."""
    return _numbers(values, 4, "PrependFloat32")


def _numbers(values: Sequence[float] | None, size: int, prepend: str) -> Write | None:
    if values is None:
        return None

    def write(builder: Builder) -> int:
        builder.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(builder, prepend)(value)
        return int(builder.EndVector())

    return write


def offsets(writes: Sequence[Write]) -> Write:
    """A vector of strings or tables."""

    def write(builder: Builder) -> int:
        places = [one(builder) for one in writes]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())

    return write


@dataclass(frozen=True, slots=True)
class Byte:
    """A field of one byte."""

    value: int


@dataclass(frozen=True, slots=True)
class Float:
    """A field of 32 bits."""

    value: float


@dataclass(frozen=True, slots=True)
class Time:
    """A ``TimeStamp``, which is a struct and stands in the table itself."""

    year: int = 2023
    subsecond: int = 1_234_567


def table(*fields: Write | Byte | Float | Time | None) -> Write:
    """A table with its fields in the order of the schema; None is left out."""

    def write(builder: Builder) -> int:
        places = [one(builder) if callable(one) else 0 for one in fields]
        builder.StartObject(len(fields))
        for slot, (one, place) in enumerate(zip(fields, places, strict=True)):
            if isinstance(one, Byte):
                builder.PrependUint8Slot(slot, one.value, 0)
            elif isinstance(one, Float):
                builder.PrependFloat32Slot(slot, one.value, 0.0)
            elif isinstance(one, Time):
                builder.PrependStructSlot(slot, _time(builder, one), 0)
            elif one is not None:
                builder.PrependUOffsetTRelativeSlot(slot, place, 0)
        return int(builder.EndObject())

    return write


def _time(builder: Builder, time: Time) -> int:
    builder.Prep(4, 12)
    builder.PrependUint32(time.subsecond)
    builder.Pad(1)
    for part in (59, 58, 23, 31, 12):
        builder.PrependUint8(part)
    builder.PrependUint16(time.year)
    return int(builder.Offset())


def buffer(root: Write) -> bytes:
    """A finished flatbuffer."""
    builder = Builder(256)
    builder.Finish(root(builder))
    return bytes(builder.Output())


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a batch, with its payload."""

    payload: bytes | None
    id: str | None = "e1"
    type: int = CB
    pass_probability: float = 1.0
    encoding: int = IDENTITY
    compressed: bool = field(default=False)

    def write(self, builder: Builder) -> int:
        """As a ``SerializedEvent``."""
        payload = self.payload
        encoding = ZSTD if self.compressed else self.encoding
        if payload is not None and self.compressed:
            payload = zstandard.compress(payload, 1)
        meta = table(
            text(self.id),
            Time(),
            text("app"),
            Byte(self.type),
            Float(self.pass_probability),
            Byte(encoding),
        )
        return table(octets(buffer(table(meta, octets(payload)))))(builder)


def cb(
    context: JsonValue | bytes = CONTEXT,
    action_ids: Sequence[int] | None = (2, 1),
    probabilities: Sequence[float] | None = (0.75, 0.25),
    deferred: bool = False,
    model: str | None = "m1",
    mode: int = ONLINE,
) -> bytes:
    """The payload of an interaction: a ``CbEvent``."""
    return buffer(
        table(
            Byte(deferred),
            uint64s(action_ids),
            octets(context if isinstance(context, bytes) else orjson.dumps(context)),
            floats(probabilities),
            text(model),
            Byte(mode),
        )
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """What a slot was given: a ``SlotEvent``."""

    action_ids: Sequence[int] | None
    probabilities: Sequence[float] | None
    id: str | None

    def write(self, builder: Builder) -> int:
        """As a table."""
        fields = uint32s(self.action_ids), floats(self.probabilities), text(self.id)
        return table(*fields)(builder)


PAGE: JsonValue = {
    "FromUrl": [{"device": "mobile"}],
    "_multi": [{"_tag": "a", "j": [{"p": 1}]}, {"_tag": "b", "j": []}, {"j": [{"hot": True}]}],
    "_slots": [{"_id": "top", "sj": [{"size": "large"}, {"_inc": [1, 2]}]}, {"_id": "side"}],
}
TOP = Slot((2, 1), (0.75, 0.25), "top")
SIDE = Slot((0, 1), (0.5, 0.5), "side")


def ccb(
    context: JsonValue | bytes = PAGE,
    slots: Sequence[Slot] = (TOP, SIDE),
    baselines: Sequence[int] | None = (1, 0),
    deferred: bool = False,
    model: str | None = "m1",
    mode: int = ONLINE,
) -> bytes:
    """The payload of an interaction with a page: a ``MultiSlotEvent``."""
    return buffer(
        table(
            octets(context if isinstance(context, bytes) else orjson.dumps(context)),
            offsets([slot.write for slot in slots]),
            text(model),
            Byte(deferred),
            int32s(baselines),
            Byte(mode),
        )
    )


def outcome(
    value: float | str | None = None,
    index: int | str | None = None,
    action_taken: bool = False,
) -> bytes:
    """The payload of an observation: an ``OutcomeEvent``."""
    number = table(Float(value)) if isinstance(value, (int, float)) else None
    place = table(Float(0.0)) if isinstance(index, int) else None
    return buffer(
        table(
            Byte(_union(value)),
            number or text(value if isinstance(value, str) else None),
            Byte(_union(index)),
            place or text(index if isinstance(index, str) else None),
            Byte(action_taken),
        )
    )


def _union(value: float | str | None) -> int:
    return 0 if value is None else 2 if isinstance(value, str) else 1


def dedup_info(actions: dict[int, str], ids: Sequence[int] | None = None) -> bytes:
    """The payload that holds actions which events of the batch refer to."""
    values = [one for value in actions.values() if (one := text(value))]
    return buffer(table(uint64s(list(actions) if ids is None else ids), offsets(values)))


def message(
    events: Sequence[Event],
    encoding: str | None = "IDENTITY",
    kind: int = 13,
    reserved: int = 0,
    version: int = 0,
    size: int | None = None,
) -> bytes:
    """A batch with its preamble; ``size`` is what the preamble says, where it is not the truth."""
    metadata = table(text(encoding))
    body = buffer(table(offsets([event.write for event in events]), metadata))
    told = len(body) if size is None else size
    return struct.pack(">BBHI", reserved, version, kind, told) + body


def interactions(*ids: str) -> bytes:
    """A batch with an ordinary decision for each id."""
    return message([Event(cb(), id=event_id) for event_id in ids])


def observations(**values: float) -> bytes:
    """A batch with a reward for each id."""
    return message(
        [Event(outcome(value), id=event_id, type=OUTCOME) for event_id, value in values.items()]
    )
