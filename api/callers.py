"""Who calls: what a key or a token turns into once it has been believed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has been let in.

    Attributes:
        loop: The loop that the call goes to.
        limited: Whether only what is open to client keys may be called.
        identity: The same for all calls of one key, or of one principal, and for no others; not
            the key itself.
    """

    loop: str
    limited: bool
    identity: bytes = field(repr=False)
