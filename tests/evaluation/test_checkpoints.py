from __future__ import annotations

import pytest

from evaluation.checkpoints import Checkpoint, Kept, dealt
from evaluation.limits import MIB, Limits
from evaluation.tasks import LOGGED, Advance
from storage.joined_log import Cursor

PLAIN = "--cb_explore_adf --epsilon=0.2"


def kept(key: str, arguments: str | None = PLAIN, **changes: object) -> Kept:
    return Kept(key=key, arguments=arguments).model_copy(update=changes)


def keys(groups: list[list[Kept]]) -> list[str]:
    return [" ".join(sorted(each.key for each in group)) for group in groups]


def test_charges_are_shared_out_evenly() -> None:
    undone = [kept(LOGGED, None), *(kept(f"c{n}") for n in range(5))]
    assert keys(dealt(undone, Limits(processes=2))) == ["c1 c3 logged", "c0 c2 c4"]
    assert keys(dealt(undone, Limits(processes=1))) == ["c0 c1 c2 c3 c4 logged"]
    assert len(dealt(undone, Limits(processes=16))) == 6


def test_those_that_are_behind_are_shared_out_first() -> None:
    undone = [kept("c0", share=0.5), kept("c1", share=0.1), kept("c2", share=0.5), kept("c3")]
    assert keys(dealt(undone, Limits(processes=2))) == ["c0 c3", "c1 c2"]


@pytest.mark.parametrize(
    ("arguments", "groups"),
    [(PLAIN, 2), (f"{PLAIN} -b 20", 7), (f"{PLAIN} -b 20 --coin", 20), (f"{PLAIN} -b 22", 20)],
)
def test_models_that_are_judged_at_once_fit_into_memory(arguments: str, groups: int) -> None:
    undone = [kept(f"c{n}", arguments) for n in range(20)]
    found = dealt(undone, Limits(processes=2, model_bytes=192 * MIB))
    assert len(found) == groups
    assert sum(map(len, found)) == 20


def test_who_was_there_at_a_crash_is_judged_alone() -> None:
    undone = [kept("c0"), kept("c1", crashes=1), kept("c2"), kept("c3", crashes=2)]
    assert keys(dealt(undone, Limits(processes=1))) == ["c0 c2", "c1", "c3"]
    assert keys(dealt(undone[1:2], Limits(processes=4))) == ["c1"]


def test_a_charge_is_given_up_when_it_has_crashed_by_itself_again_and_again() -> None:
    charge = kept("c0")
    for _ in range(3):
        charge = charge.crashed("a crash", was_alone=False, most=3)
    assert (charge.crashes, charge.is_done) == (1, False)
    charge = charge.crashed("a crash", was_alone=True, most=3)
    assert (charge.crashes, charge.is_done) == (2, False)
    given_up = charge.crashed("a crash", was_alone=True, most=3)
    assert (given_up.is_done, given_up.failure, given_up.share) == (True, "a crash", 1.0)
    # Unless it gets on in between.
    advance = Advance(after=Cursor("log/a", 7), share=0.5, is_done=False)
    advanced = charge.advanced(advance)
    assert (advanced.crashes, advanced.after, advanced.share) == (0, Cursor("log/a", 7), 0.5)


def test_a_checkpoint_is_read_back_as_it_was() -> None:
    checkpoint = Checkpoint(
        kept=(kept(LOGGED, None, after=Cursor("log/a", 3), share=0.5), kept("c0").given_up("why"))
    )
    assert Checkpoint.model_validate_json(checkpoint.model_dump_json()) == checkpoint
    assert checkpoint.share == 0.75
    assert [each.key for each in checkpoint.undone()] == [LOGGED]
