"""The register: what it takes, and what it never shows."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from loop.events import Micros
from loop.register import KeyName, Register, RegisterError, checked_name

SHOP = Register().with_loop("shop", ("one", "two"), Micros(5))


def test_a_loop_is_found_again_in_what_was_written() -> None:
    read = Register.model_validate_json(SHOP.model_dump_json())
    assert read == SHOP
    assert (read.loop("shop").keys, read.loop("shop").created) == (("one", "two"), 5)


def test_there_is_always_the_default_loop_and_it_is_named_once() -> None:
    assert Register().names == ("default",)
    both = SHOP.with_loop("default", ("a", "b"), Micros(6)).with_loop("app", ("c", "d"), Micros(7))
    assert both.names == ("default", "app", "shop")


@pytest.mark.parametrize("name", ["abc", "default", "shop2", "a" * 24])
def test_names_that_a_loop_can_bear(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 25, "Shop", "1shop", "a-b", "a/b", "../a", "shop\n", "läden"]
)
def test_names_that_none_can_bear(name: str) -> None:
    with pytest.raises(RegisterError, match="3 to 24"):
        Register().with_loop(name, ("one", "two"), Micros(0))
    content = f'{{"loops": {{"{name}": {{"created": 0, "keys": ["one", "two"]}}}}}}'
    with pytest.raises(ValidationError):
        Register.model_validate_json(content)


def test_a_register_from_before_there_were_client_keys_still_reads() -> None:
    written = '{"loops": {"shop": {"created": 5, "keys": ["one", "two"]}}}'
    assert Register.model_validate_json(written) == SHOP
    assert SHOP.loop("shop").client_keys == (None, None)


@pytest.mark.parametrize(
    ("which", "keys", "client_keys"),
    [
        (KeyName.KEY1, ("new", "two"), (None, None)),
        (KeyName.KEY2, ("one", "new"), (None, None)),
        (KeyName.CLIENT1, ("one", "two"), ("new", None)),
        (KeyName.CLIENT2, ("one", "two"), (None, "new")),
    ],
)
def test_one_key_is_replaced_and_the_others_stay(
    which: KeyName, keys: tuple[str, str], client_keys: tuple[str | None, str | None]
) -> None:
    rotated = SHOP.with_key("shop", which, "new")
    loop = rotated.loop("shop")
    assert (loop.keys, loop.client_keys, loop.created) == (keys, client_keys, 5)
    assert SHOP.loop("shop").keys == ("one", "two")
    assert Register.model_validate_json(rotated.model_dump_json()) == rotated


def test_a_client_key_is_taken_away_and_the_others_stay() -> None:
    both = SHOP.with_key("shop", KeyName.CLIENT1, "c1").with_key("shop", KeyName.CLIENT2, "c2")
    left = both.without_key("shop", KeyName.CLIENT1)
    assert left.loop("shop").client_keys == (None, "c2")
    assert left.loop("shop").keys == ("one", "two")
    with pytest.raises(RegisterError, match="'shop' has no key client1"):
        left.without_key("shop", KeyName.CLIENT1)
    with pytest.raises(RegisterError, match="Every loop has a key 2"):
        left.without_key("shop", KeyName.KEY2)
    with pytest.raises(RegisterError, match="no loop 'other'"):
        left.without_key("other", KeyName.CLIENT1)


def test_what_is_there_is_not_made_again() -> None:
    with pytest.raises(RegisterError, match="'shop' already"):
        SHOP.with_loop("shop", ("three", "four"), Micros(9))


def test_what_is_not_there_has_no_keys_and_is_not_removed() -> None:
    assert SHOP.without_loop("shop") == Register()
    with pytest.raises(RegisterError, match="no loop 'other'"):
        SHOP.without_loop("other")
    with pytest.raises(RegisterError, match="no loop 'other'"):
        SHOP.with_key("other", KeyName.KEY1, "new")


@pytest.mark.parametrize(
    "content",
    [
        '{"loops": {"shop": {"created": 5, "keys": ["my-secret"]}}}',
        '{"loops": {"shop": {"created": 5, "keys": "my-secret"}}}',
        '{"loops": {"shop": {"created": 5, "keys": ["my-secret", "b"]}',
        '{"loops": "my-secret"}',
        '{"loops": {"shop": {"created": 5, "keys": ["a", "b"], "client_keys": ["my-secret"]}}}',
    ],
)
def test_neither_an_error_nor_a_log_line_shows_a_key(content: str) -> None:
    with pytest.raises(ValidationError) as error:
        Register.model_validate_json(content)
    assert "secret" not in str(error.value)
    register = Register().with_loop("shop", ("secret", "secret"), Micros(0))
    assert "secret" not in repr(register.with_key("shop", KeyName.CLIENT1, "secret"))
