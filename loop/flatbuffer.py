"""Reading flatbuffers that anybody may have sent: nothing is read before its place is checked.

The runtime on PyPI reads wherever an offset points and cuts short what reaches beyond the end; it
has no verifier. This reader knows what the event batches need, and refuses everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

_BYTE = Struct("<B")
_UINT16 = Struct("<H")
_UINT32 = Struct("<I")
_INT32 = Struct("<i")
_FLOAT = Struct("<f")

_VTABLE_HEAD = 2 * _UINT16.size
"""A vtable begins with its own size and that of the table; then comes an offset for each field."""


class Field(NamedTuple):
    """A field of a table: its number in the schema, from 0, and its name there."""

    number: int
    name: str


class MalformedFlatBuffer(Exception):
    """Raised when a buffer is none, or not of the schema that it is read by.

    Args:
        reason: The rest of a sentence that begins with what the buffer is called.
        field: The name of the field that it is about; empty where it is the whole buffer.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class Table:
    """A table in a buffer; a field that is absent has the default of its type.

    Every method raises ``MalformedFlatBuffer`` where a field can't be what is asked for.
    """

    __slots__ = ("_at", "_data", "_vtable", "_vtable_size")

    def __init__(self, data: bytes, at: int, name: str = "") -> None:
        self._data = data
        self._at = at
        self._vtable = at - self._whole(_INT32, at, name)
        self._vtable_size = self._whole(_UINT16, self._vtable, name)
        if self._vtable_size < _VTABLE_HEAD:
            raise MalformedFlatBuffer("is no table", name)

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The table that a buffer is about."""
        if len(data) < _UINT32.size:
            raise MalformedFlatBuffer("is no flatbuffer")
        at: int = _UINT32.unpack_from(data)[0]
        return cls(data, at)

    def truth(self, field: Field) -> bool:
        """A bool; absent is false."""
        return self.byte(field) != 0

    def byte(self, field: Field) -> int:
        """A ubyte, or what is kept as one: an enumeration, the type of a union; absent is 0."""
        at = self._place(field)
        return self._whole(_BYTE, at, field.name) if at else 0

    def number(self, field: Field) -> float:
        """A float of 32 bits; absent is 0."""
        at = self._place(field)
        if not at:
            return 0.0
        self._check(at, _FLOAT.size, field.name)
        value: float = _FLOAT.unpack_from(self._data, at)[0]
        return value

    def text(self, field: Field) -> str | None:
        """A string."""
        at = self._pointed(field)
        return None if at is None else self._text(at, field.name)

    def octets(self, field: Field) -> bytes | None:
        """A vector of ubytes."""
        at = self._pointed(field)
        return None if at is None else self._octets(at, field.name)

    def table(self, field: Field) -> Table | None:
        """A table, by itself or in a union."""
        at = self._pointed(field)
        return None if at is None else Table(self._data, at, field.name)

    def uint64s(self, field: Field) -> tuple[int, ...]:
        """A vector of ulongs; absent is empty."""
        start, count = self._row(field, 8)
        return Struct(f"<{count}Q").unpack_from(self._data, start)

    def uint32s(self, field: Field) -> tuple[int, ...]:
        """A vector of uints; absent is empty."""
        start, count = self._row(field, _UINT32.size)
        return Struct(f"<{count}I").unpack_from(self._data, start)

    def int32s(self, field: Field) -> tuple[int, ...]:
        """A vector of ints; absent is empty."""
        start, count = self._row(field, _INT32.size)
        return Struct(f"<{count}i").unpack_from(self._data, start)

    def floats(self, field: Field) -> tuple[float, ...]:
        """A vector of floats of 32 bits; absent is empty."""
        start, count = self._row(field, _FLOAT.size)
        return Struct(f"<{count}f").unpack_from(self._data, start)

    def count(self, field: Field) -> int:
        """How many items a vector of tables or strings has; absent is 0."""
        return len(self._items(field))

    def tables(self, field: Field) -> Iterator[Table]:
        """The items of a vector of tables."""
        for at in self._items(field):
            yield Table(self._data, self._target(at, field.name), field.name)

    def texts(self, field: Field) -> Iterator[str]:
        """The items of a vector of strings."""
        for at in self._items(field):
            yield self._text(self._target(at, field.name), field.name)

    def _items(self, field: Field) -> range:
        """Where the offsets of a vector's items are."""
        start, count = self._row(field, _UINT32.size)
        return range(start, start + count * _UINT32.size, _UINT32.size)

    def _row(self, field: Field, size: int) -> tuple[int, int]:
        """Where the items of a field's vector begin, and how many there are of ``size`` bytes."""
        at = self._pointed(field)
        return (0, 0) if at is None else self._vector(at, size, field.name)

    def _text(self, at: int, name: str) -> str:
        try:
            return self._octets(at, name).decode()
        except UnicodeDecodeError:
            raise MalformedFlatBuffer("is no text in UTF-8", name) from None

    def _octets(self, at: int, name: str) -> bytes:
        start, count = self._vector(at, _BYTE.size, name)
        return self._data[start : start + count]

    def _vector(self, at: int, size: int, name: str) -> tuple[int, int]:
        """Where a vector's items begin, and how many there are of ``size`` bytes each."""
        count = self._whole(_UINT32, at, name)
        start = at + _UINT32.size
        self._check(start, count * size, name)
        return start, count

    def _pointed(self, field: Field) -> int | None:
        """Where what a field points to is."""
        at = self._place(field)
        return self._target(at, field.name) if at else None

    def _target(self, at: int, name: str) -> int:
        return at + self._whole(_UINT32, at, name)

    def _place(self, field: Field) -> int:
        """Where a field is; 0 where it is absent."""
        entry = _VTABLE_HEAD + field.number * _UINT16.size
        if entry + _UINT16.size > self._vtable_size:
            return 0
        offset = self._whole(_UINT16, self._vtable + entry, field.name)
        return self._at + offset if offset else 0

    def _whole(self, layout: Struct, at: int, name: str) -> int:
        self._check(at, layout.size, name)
        value: int = layout.unpack_from(self._data, at)[0]
        return value

    def _check(self, at: int, size: int, name: str) -> None:
        if not 0 <= at <= len(self._data) - size:
            raise MalformedFlatBuffer("points outside of the buffer", name)
