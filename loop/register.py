"""The register: which loops a deployment has been given, and the keys that open them."""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from loop.events import Micros

T = TypeVar("T")

DEFAULT_LOOP = "default"
"""The loop that every deployment has, whether or not it is in the register."""

_NAME = re.compile(r"[a-z][a-z0-9]{2,23}")


class RegisterError(ValueError):
    """Raised when the register can't be as asked for; the message says why."""


def checked_name(name: str) -> str:
    """``name``, if a loop can bear it: names of tables and folders are made from it.

    Raises:
        RegisterError: It can't.

    >>> checked_name("shop")
    'shop'
    """
    if not _NAME.fullmatch(name):
        raise RegisterError(
            f"A loop's name is 3 to 24 of a-z and 0-9, a letter first, not {name[:40]!r}."
        )
    return name


class KeyName(Enum):
    """The keys that a loop can have, as its owner calls them."""

    KEY1 = "1"
    KEY2 = "2"
    CLIENT1 = "client1"
    CLIENT2 = "client2"

    @property
    def is_client_key(self) -> bool:
        """Whether it is one for browsers and devices."""
        return self in (KeyName.CLIENT1, KeyName.CLIENT2)

    @property
    def is_first(self) -> bool:
        """Whether it is the first of its two."""
        return self in (KeyName.KEY1, KeyName.CLIENT1)


class RegisteredLoop(BaseModel):
    """A loop that the owner has made.

    Attributes:
        created: When it came into the register.
        keys: Key 1 and key 2; each of them opens the loop, so that one can be rotated while the
            other is in use.
        client_keys: Two for browsers and devices, which open little of the loop; each is None
            until the owner makes it.
    """

    # Neither a log line nor an error about a register that was mended by hand may show a key.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    created: Micros
    keys: tuple[str, str] = Field(repr=False)
    client_keys: tuple[str | None, str | None] = Field(default=(None, None), repr=False)


class Register(BaseModel):
    """The loops of a deployment by name; an empty one is that of a deployment without set-up."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    loops: dict[Annotated[str, AfterValidator(checked_name)], RegisteredLoop] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All loops of the deployment: the default one, then the others in order of name.

        >>> Register().names
        ('default',)
        """
        return (DEFAULT_LOOP, *sorted(self.loops.keys() - {DEFAULT_LOOP}))

    def loop(self, name: str) -> RegisteredLoop:
        """What the register says of a loop.

        Raises:
            RegisterError: Nothing.
        """
        if name not in self.loops:
            raise RegisterError(f"There is no loop {name[:40]!r} in the register.")
        return self.loops[name]

    def with_loop(self, name: str, keys: tuple[str, str], created: Micros) -> Register:
        """As it is with one more loop.

        Raises:
            RegisterError: There is one of that name, or no loop can bear it.
        """
        if checked_name(name) in self.loops:
            raise RegisterError(f"There is a loop {name!r} already.")
        return self._with(name, RegisteredLoop(created=created, keys=keys))

    def with_key(self, name: str, which: KeyName, key: str) -> Register:
        """As it is when a key of a loop has been replaced, or a client key has been made.

        Raises:
            RegisterError: There is no such loop.
        """
        loop = self.loop(name)
        if which.is_client_key:
            return self._with_client_key(name, which, key)
        keys = _put(loop.keys, which, key)
        return self._with(name, loop.model_copy(update={"keys": keys}))

    def without_key(self, name: str, which: KeyName) -> Register:
        """As it is when a client key of a loop has been taken away.

        Raises:
            RegisterError: There is no such loop or client key, or it is a key that every loop has.
        """
        loop = self.loop(name)
        if not which.is_client_key:
            raise RegisterError(f"Every loop has a key {which.value}: rotate it instead.")
        if loop.client_keys[0 if which.is_first else 1] is None:
            raise RegisterError(f"The loop {name!r} has no key {which.value}.")
        return self._with_client_key(name, which, None)

    def without_loop(self, name: str) -> Register:
        """As it is when a loop has been taken out.

        Raises:
            RegisterError: There is no such loop.
        """
        self.loop(name)
        return Register(loops={other: loop for other, loop in self.loops.items() if other != name})

    def _with_client_key(self, name: str, which: KeyName, key: str | None) -> Register:
        loop = self.loop(name)
        keys = _put(loop.client_keys, which, key)
        return self._with(name, loop.model_copy(update={"client_keys": keys}))

    def _with(self, name: str, loop: RegisteredLoop) -> Register:
        return Register(loops={**self.loops, name: loop})


def _put(pair: tuple[T, T], which: KeyName, key: T) -> tuple[T, T]:
    return (key, pair[1]) if which.is_first else (pair[0], key)
