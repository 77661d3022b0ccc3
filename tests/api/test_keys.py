"""Keys: which loop one opens, and how a refusal reads."""

from __future__ import annotations

import pytest

from api.keys import Keyring
from api.options import LoopKeys
from loop.errors import Unauthorized

LOOPS = (LoopKeys("default", ("first", "second")), LoopKeys("shop", ("third",)))


@pytest.mark.parametrize(
    ("key", "addressed", "loop"),
    [
        ("first", None, "default"),
        ("second", None, "default"),
        ("third", None, "shop"),
        ("third", "shop", "shop"),
        ("third", "SHOP", "shop"),
    ],
)
def test_both_keys_of_a_loop_open_it(key: str, addressed: str | None, loop: str) -> None:
    assert Keyring(LOOPS).open(key, addressed) == loop


@pytest.mark.parametrize("key", [None, "", "fourth", "FIRST", "first ", "schlüssel☕", "\udc80"])
def test_any_other_key_is_refused_by_the_header_and_without_an_echo(key: str | None) -> None:
    with pytest.raises(Unauthorized, match="Ocp-Apim-Subscription-Key") as error:
        Keyring(LOOPS).open(key)
    assert not key or key not in error.value.message


@pytest.mark.parametrize("addressed", ["default", "nowhere"])
def test_a_key_opens_only_its_own_loop(addressed: str) -> None:
    with pytest.raises(Unauthorized, match="does not open the loop"):
        Keyring(LOOPS).open("third", addressed)


def test_a_service_without_keys_says_what_to_set() -> None:
    with pytest.raises(Unauthorized, match="PERSONALIZER_KEY1 or PERSONALIZER_KEY2"):
        Keyring((LoopKeys("default", ()),)).open("anything")
