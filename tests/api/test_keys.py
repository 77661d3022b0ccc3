"""Keys: which loop one opens."""

from __future__ import annotations

import pytest

from api.keys import Keyring

KEYRING = Keyring(
    {"default": ("first", "second"), "shop": ("third", "fourth")},
    {"default": (), "shop": ("fifth",)},
)


@pytest.mark.parametrize(
    ("key", "loop", "limited"),
    [
        ("first", "default", False),
        ("second", "default", False),
        ("third", "shop", False),
        ("fourth", "shop", False),
        ("fifth", "shop", True),
    ],
)
def test_each_key_opens_its_loop(key: str, loop: str, limited: bool) -> None:
    caller = KEYRING.find(key)
    assert caller is not None
    assert (caller.loop, caller.limited) == (loop, limited)


@pytest.mark.parametrize("key", ["", "sixth", "FIRST", "first ", "schlüssel☕", "\udc80"])
def test_any_other_key_opens_none(key: str) -> None:
    assert KEYRING.find(key) is None


def test_each_key_has_an_identity_that_does_not_give_it_away() -> None:
    callers = [KEYRING.find(key) for key in ("first", "second", "third", "fourth", "fifth")]
    assert len({caller.identity for caller in callers if caller is not None}) == 5
    assert "first" not in repr(callers)
    assert b"first" not in b"".join(c.identity for c in callers if c is not None)


def test_a_keyring_without_keys_is_empty() -> None:
    assert not Keyring({"default": ()}, {"default": ()})
    assert KEYRING
