"""The reader against buffers of the public runtime, whole and broken."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from loop.flatbuffer import Field, MalformedFlatBuffer, Table
from tests import batches

FIELDS = [Field(number, f"field {number}") for number in range(8)]
BYTE, FLOAT, TEXT, OCTETS, LONGS, FLOATS, TABLES, TEXTS = FIELDS

BUFFER = batches.buffer(
    batches.table(
        batches.Byte(7),
        batches.Float(0.5),
        batches.text("né"),
        batches.octets(b"\0\xff"),
        batches.uint64s([2**64 - 1, 0]),
        batches.floats([0.25, -1.0]),
        batches.offsets([batches.table(batches.Byte(1)), batches.table(batches.Byte(2))]),
        batches.offsets([lambda builder: int(builder.CreateString("a"))]),
    )
)
READS: dict[str, Callable[[Table], object]] = {
    "byte": lambda table: table.byte(BYTE),
    "float": lambda table: table.number(FLOAT),
    "text": lambda table: table.text(TEXT),
    "octets": lambda table: table.octets(OCTETS),
    "longs": lambda table: table.uint64s(LONGS),
    "floats": lambda table: table.floats(FLOATS),
    "tables": lambda table: [item.byte(BYTE) for item in table.tables(TABLES)],
    "texts": lambda table: list(table.texts(TEXTS)),
}


def test_what_the_runtime_has_written_is_read() -> None:
    table = Table.root(BUFFER)
    assert {name: read(table) for name, read in READS.items()} == {
        "byte": 7,
        "float": 0.5,
        "text": "né",
        "octets": b"\0\xff",
        "longs": (2**64 - 1, 0),
        "floats": (0.25, -1.0),
        "tables": [1, 2],
        "texts": ["a"],
    }
    assert table.truth(BYTE)
    assert (table.count(TABLES), table.count(TEXTS)) == (2, 1)


def test_what_is_absent_has_the_default_of_its_type() -> None:
    for buffer in (batches.table(), batches.table(*[None] * 8)):
        table = Table.root(batches.buffer(buffer))
        assert {name: read(table) for name, read in READS.items()} == {
            "byte": 0,
            "float": 0.0,
            "text": None,
            "octets": None,
            "longs": (),
            "floats": (),
            "tables": [],
            "texts": [],
        }
        assert not table.truth(BYTE)
        assert table.table(TABLES) is None


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\xff" * 4, b"\4\0\0\0", b"\0" * 64])
def test_what_is_no_buffer_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFlatBuffer):
        Table.root(data)


def readable(data: bytes) -> bool:
    try:
        table = Table.root(data)
        for read in READS.values():
            read(table)
    except MalformedFlatBuffer:
        return False
    return True


def test_every_cut_and_every_broken_byte_is_read_or_refused() -> None:
    # GIVEN buffers that are cut short, or have one byte changed
    cut = [BUFFER[:length] for length in range(len(BUFFER))]
    changed = [
        BUFFER[:at] + bytes([value]) + BUFFER[at + 1 :]
        for at in range(len(BUFFER))
        for value in (0, 1, 0x7F, 0x80, 0xFF)
    ]
    # WHEN everything in them is read
    outcomes = [readable(data) for data in (*cut, *changed)]
    # THEN it is, or is refused: nothing else is raised
    assert {True, False} == set(outcomes)


def test_the_error_names_the_field() -> None:
    # GIVEN a buffer whose text claims more characters than there are
    at = BUFFER.index(struct.pack("<I", len("né".encode())) + "né".encode())
    data = BUFFER[:at] + struct.pack("<I", 2**32 - 1) + BUFFER[at + 4 :]
    # WHEN it is read
    with pytest.raises(MalformedFlatBuffer) as error:
        Table.root(data).text(TEXT)
    # THEN it says which
    assert (error.value.field, error.value.reason) == ("field 2", "points outside of the buffer")


def test_text_is_utf8() -> None:
    data = BUFFER.replace("né".encode(), b"n\xc3n")
    with pytest.raises(MalformedFlatBuffer, match="UTF-8"):
        Table.root(data).text(TEXT)
