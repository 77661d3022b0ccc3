"""Keys: which loop one opens."""

from __future__ import annotations

import pytest

from api.keys import Keyring

LOOPS = {"default": ("first", "second"), "shop": ("third", "fourth")}


@pytest.mark.parametrize(
    ("key", "loop"),
    [("first", "default"), ("second", "default"), ("third", "shop"), ("fourth", "shop")],
)
def test_both_keys_of_a_loop_open_it(key: str, loop: str) -> None:
    assert Keyring(LOOPS).find(key) == loop


@pytest.mark.parametrize("key", ["", "fifth", "FIRST", "first ", "schlüssel☕", "\udc80"])
def test_any_other_key_opens_none(key: str) -> None:
    assert Keyring(LOOPS).find(key) is None


def test_a_keyring_without_keys_is_empty() -> None:
    assert not Keyring({"default": ()})
    assert Keyring(LOOPS)
