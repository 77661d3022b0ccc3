"""Changes that meet others: repeated, and given up after a bounded number of attempts."""

from __future__ import annotations

import pytest

from loop.errors import StorageUnavailable
from loop.settings import LoopSettings, Policy
from storage.documents import Document, Version
from storage.factory import LoopStorage
from storage.revising import revise


class Contested(Document[LoopSettings]):
    """A document that somebody else writes between a read and a write, ``times`` times."""

    def __init__(self, document: Document[LoopSettings], times: int) -> None:
        self._document = document
        self._times = times

    async def read(self) -> Version[LoopSettings]:
        return await self._document.read()

    async def replace(
        self, value: LoopSettings, read: Version[LoopSettings]
    ) -> Version[LoopSettings]:
        if self._times:
            self._times -= 1
            other = read.value.model_copy(
                update={"training_version": read.value.training_version + 10}
            )
            await self._document.replace(other, read)
        return await self._document.replace(value, read)


def one_more(settings: LoopSettings) -> LoopSettings:
    return settings.model_copy(update={"training_version": settings.training_version + 1})


async def test_a_change_is_made_to_what_others_wrote(storage: LoopStorage) -> None:
    former, value = await revise(Contested(storage.settings, 2), one_more)

    assert (former.value.training_version, value.training_version) == (20, 21)
    assert (await storage.settings.read()).value == value


async def test_a_change_that_never_gets_through_says_so(storage: LoopStorage) -> None:
    with pytest.raises(StorageUnavailable, match="at the same time"):
        await revise(Contested(storage.settings, 1000), one_more)


async def test_what_a_change_raises_ends_it(storage: LoopStorage) -> None:
    def refuse(settings: LoopSettings) -> LoopSettings:
        raise KeyError("no")

    with pytest.raises(KeyError):
        await revise(storage.settings, refuse)

    await revise(
        storage.settings, lambda s: s.model_copy(update={"policy": Policy(name="a", arguments="b")})
    )
    assert (await storage.settings.read()).value.policy == Policy(name="a", arguments="b")
