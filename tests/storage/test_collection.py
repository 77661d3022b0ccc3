from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from storage.blobs import Conflict
from storage.collection import Collection
from storage.factory import LoopStorage

AWKWARD = "a/../b?c=#ü\n" * 20
"""An id that no blob could be named after."""


class Note(BaseModel):
    """What the tests keep."""

    text: str


@pytest.fixture
def notes(storage: LoopStorage) -> Collection[Note]:
    return Collection(storage.blobs, "notes/", Note)


async def ids(notes: Collection[Note]) -> tuple[str, ...]:
    return (await notes.agenda()).value.ids


async def test_what_was_written_is_read_back(notes: Collection[Note]) -> None:
    assert await notes.read("x") is None
    written = await notes.create(AWKWARD, Note(text="1"))
    assert await notes.read(AWKWARD) == written
    assert [note async for note in notes.read_all()] == [Note(text="1")]
    changed = await notes.replace(AWKWARD, Note(text="2"), written)
    assert await notes.read(AWKWARD) == changed


async def test_an_id_is_given_once(notes: Collection[Note]) -> None:
    await notes.create("x", Note(text="1"))
    with pytest.raises(Conflict):
        await notes.create("x", Note(text="2"))
    assert [note async for note in notes.read_all()] == [Note(text="1")]
    assert await ids(notes) == ("x",)


async def test_a_version_is_written_over_once(notes: Collection[Note]) -> None:
    read = await notes.create("x", Note(text="1"))
    await notes.replace("x", Note(text="2"), read)
    with pytest.raises(Conflict):
        await notes.replace("x", Note(text="3"), read)
    # AND one that was deleted stays deleted
    current = await notes.read("x")
    assert current is not None
    await notes.delete("x")
    with pytest.raises(Conflict):
        await notes.replace("x", Note(text="3"), current)
    assert await notes.read("x") is None


async def test_with_a_document_goes_all_that_belongs_to_it(
    notes: Collection[Note], storage: LoopStorage
) -> None:
    for name in ("x", "y"):
        await notes.create(name, Note(text=name))
        await storage.blobs.write(f"{notes.folder(name)}deep/in/it", b"1")
    assert await notes.delete("x")
    assert not await notes.delete("x")
    left = [entry.name async for entry in storage.blobs.list("notes/")]
    assert left == sorted(
        ["notes/agenda.json", f"{notes.folder('y')}deep/in/it", f"{notes.folder('y')}document.json"]
    )


async def test_what_is_new_is_on_the_agenda_until_it_is_struck_off(notes: Collection[Note]) -> None:
    assert await ids(notes) == ()
    for name in ("b", "a", "c"):
        await notes.create(name, Note(text=name))
    agenda = await notes.agenda()
    assert agenda.value.ids == ("b", "a", "c")
    await notes.strike({"b", "a", "unknown"}, agenda)
    assert await ids(notes) == ("c",)


async def test_what_came_again_is_not_struck_off(notes: Collection[Note]) -> None:
    # GIVEN an agenda as it was read by whoever then finds the document deleted
    await notes.create("x", Note(text="1"))
    agenda = await notes.agenda()
    await notes.delete("x")
    # WHEN it is made again before it is struck off
    await notes.create("x", Note(text="2"))
    await notes.strike({"x"}, agenda)
    # THEN it is to be done
    assert await ids(notes) == ("x",)


async def test_what_is_struck_off_while_it_is_made_comes_back(
    notes: Collection[Note], storage: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN somebody who looks at the agenda at the worst moment
    write = storage.blobs.replace

    async def late(name: str, data: bytes, etag: str | None) -> str:
        if name.endswith("document.json"):
            agenda = await notes.agenda()
            assert agenda.value.ids == ("x",)
            assert await notes.read("x") is None
            await notes.strike({"x"}, agenda)
        return await write(name, data, etag)

    monkeypatch.setattr(storage.blobs, "replace", late)
    # WHEN a document is made
    await notes.create("x", Note(text="1"))
    # THEN it is on the agenda all the same
    assert await ids(notes) == ("x",)


async def test_many_come_at_once(notes: Collection[Note]) -> None:
    names = [f"n{i}" for i in range(4)]
    await asyncio.gather(*(notes.create(name, Note(text=name)) for name in names))
    assert sorted(await ids(notes)) == names


async def test_many_are_counted_and_read(notes: Collection[Note]) -> None:
    # GIVEN more than are read at once, of which one was deleted
    expected = {str(number) for number in range(40)}
    for each in expected:
        await notes.create(each, Note(text=each))
    assert await notes.delete("7")
    # THEN all of them are there
    assert {note.text async for note in notes.read_all()} == expected - {"7"}
    assert await notes.count() == 39
