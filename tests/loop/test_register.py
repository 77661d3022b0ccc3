"""The register: what it takes, and what it never shows."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from loop.events import Micros
from loop.register import Register, RegisterError, checked_name

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


@pytest.mark.parametrize(("number", "keys"), [(1, ("new", "two")), (2, ("one", "new"))])
def test_one_key_is_replaced_and_the_other_stays(number: int, keys: tuple[str, str]) -> None:
    rotated = SHOP.with_key("shop", number, "new")
    assert (rotated.loop("shop").keys, rotated.loop("shop").created) == (keys, 5)
    assert SHOP.loop("shop").keys == ("one", "two")


def test_what_is_there_is_not_made_again() -> None:
    with pytest.raises(RegisterError, match="'shop' already"):
        SHOP.with_loop("shop", ("three", "four"), Micros(9))


def test_what_is_not_there_has_no_keys_and_is_not_removed() -> None:
    assert SHOP.without_loop("shop") == Register()
    with pytest.raises(RegisterError, match="no loop 'other'"):
        SHOP.without_loop("other")
    with pytest.raises(RegisterError, match="no loop 'other'"):
        SHOP.with_key("other", 1, "new")


@pytest.mark.parametrize(
    "content",
    [
        '{"loops": {"shop": {"created": 5, "keys": ["my-secret"]}}}',
        '{"loops": {"shop": {"created": 5, "keys": "my-secret"}}}',
        '{"loops": {"shop": {"created": 5, "keys": ["my-secret", "b"]}',
        '{"loops": "my-secret"}',
    ],
)
def test_neither_an_error_nor_a_log_line_shows_a_key(content: str) -> None:
    with pytest.raises(ValidationError) as error:
        Register.model_validate_json(content)
    assert "secret" not in str(error.value)
    assert "secret" not in repr(Register().with_loop("shop", ("secret", "secret"), Micros(0)))
