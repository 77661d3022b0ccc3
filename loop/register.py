"""The register: which loops a deployment has been given, and the keys that open them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from loop.events import Micros

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


class RegisteredLoop(BaseModel):
    """A loop that the owner has made.

    Attributes:
        created: When it came into the register.
        keys: Key 1 and key 2; each of them opens the loop, so that one can be rotated while the
            other is in use.
    """

    # Neither a log line nor an error about a register that was mended by hand may show a key.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    created: Micros
    keys: tuple[str, str] = Field(repr=False)


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

    def with_key(self, name: str, number: int, key: str) -> Register:
        """As it is when key ``number`` (1 or 2) of a loop has been replaced.

        Raises:
            RegisterError: There is no such loop.
        """
        loop = self.loop(name)
        first, second = loop.keys
        keys = (key, second) if number == 1 else (first, key)
        return self._with(name, loop.model_copy(update={"keys": keys}))

    def without_loop(self, name: str) -> Register:
        """As it is when a loop has been taken out.

        Raises:
            RegisterError: There is no such loop.
        """
        self.loop(name)
        return Register(loops={other: loop for other, loop in self.loops.items() if other != name})

    def _with(self, name: str, loop: RegisteredLoop) -> Register:
        return Register(loops={**self.loops, name: loop})
