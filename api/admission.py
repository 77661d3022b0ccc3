"""Admission: a request comes in by its key, or by a token where Entra ID is on.

A key holds as long as the register says so, and so does a loop that a token is good for.

Nothing here runs by a clock of its own. A request that finds the last look at the register too
old starts a new one. Whoever shows a key that is known goes on meanwhile; a process that has been
idle, and a key that is not known, wait for the look. So a busy process follows the register
within one ``every``, and none goes by what is older than two, unless storage is away: then the
last register stays in force.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from api.callers import Caller
from api.entra import TOKEN_HEADER, Entra, bearer_token
from api.keys import KEY_HEADER, Keyring
from api.options import KEY_SETTINGS
from loop.errors import ResourceNotFound, StorageUnavailable, Unauthorized
from loop.register import DEFAULT_LOOP, Register
from storage.documents import Document
from telemetry.subject import leave_request

logger = logging.getLogger(__name__)

STALE_LOOKS = 2
"""After so many missed looks the process has been idle, and known keys wait for the next one."""

GUESS_SECONDS = 1.0
"""Unknown keys, however many are tried, cost one look in this time and no more."""

_PATIENCE_SECONDS = 1.0
"""What a request waits for a look at most: if it is slow, the last register has to do."""

_FIRST_PATIENCE_SECONDS = 5.0
"""The same where there is no last one; a first look may have to fetch a token before."""


class Admission:
    """Admits the requests of one process.

    Keys are those of the register. ``default`` is opened by the keys of the settings instead,
    where there are any: these hold from the start, with or without storage.

    Args:
        settings: The settings' keys.
        entra: Who may call with a token; None where nobody may.
        register: Where the other keys are.
        every: Seconds between two looks at it while requests come in.
        changed: Called with the register after each look that found another one.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        settings: Keyring,
        entra: Entra | None,
        register: Document[Register],
        every: float,
        changed: Callable[[Register], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._entra = entra
        self._registered = Keyring({}, {})
        self._names = frozenset({DEFAULT_LOOP})
        self._register = register
        self._every = every
        self._changed = changed
        self._clock = clock
        self._etag: str | None = None
        self._read = False
        self._looked = float("-inf")
        self._started = float("-inf")
        self._look: asyncio.Task[None] | None = None

    async def admit(self, headers: Mapping[str, str], addressed: str | None = None) -> Caller:
        """Who sends a request with these headers. A key stands over a token.

        Args:
            addressed: The loop that the path names, if it names one.

        Raises:
            Unauthorized: There is neither a key nor a token, or it is not valid, or the key opens
                another loop than the path names.
            PermissionDenied: The token is good, but not for this.
            ResourceNotFound: The token is good for a loop that nobody has made.
            StorageUnavailable: The key may be good, but the register could not be read yet.
            IssuerUnavailable: The token may be good, but nothing to verify it with was to be had.
        """
        if key := headers.get(KEY_HEADER):
            return await self._by_key(key, addressed)
        if self._entra is None:
            raise Unauthorized(f"The request has no key: the header {KEY_HEADER} is missing.")
        token = bearer_token(headers)
        if token is None:
            raise Unauthorized(
                f"The request has no key and no token: the header {KEY_HEADER} is missing, and "
                f"the header {TOKEN_HEADER} with a bearer token as well."
            )
        caller = await self._entra.caller(token, addressed)
        await self._look_for(caller.loop)
        return caller

    async def close(self) -> None:
        """Stop looking."""
        if self._entra is not None:
            await self._entra.close()
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait({self._look})

    async def _by_key(self, key: str, addressed: str | None) -> Caller:
        # Both are always gone through: the time of a refusal says nothing about any key.
        by_settings, by_register = self._settings.find(key), self._registered.find(key)
        stale = self._follow(known=(by_settings or by_register) is not None)
        if by_settings is None and (by_register is None or stale):
            await self._wait_for_look()
            by_register = self._registered.find(key)
        opened = by_settings or by_register
        if opened is None:
            raise self._refusal()
        if addressed is not None and addressed.lower() != opened.loop:
            raise Unauthorized(
                f"The key in the header {KEY_HEADER} does not open the loop that the path names."
            )
        return opened

    async def _look_for(self, loop: str) -> None:
        """Go on if there is a loop of that name; the settings may name one that was removed."""
        known = loop in self._names
        stale = self._follow(known)
        if loop != DEFAULT_LOOP and (stale or not known):
            await self._wait_for_look()
            if not self._read:
                raise StorageUnavailable("The register of the loops can't be read; try again.")
            if loop not in self._names:
                raise ResourceNotFound(
                    f"There is no loop {loop!r}: make it with `python -m cli loops add {loop}`."
                )

    def _follow(self, known: bool) -> bool:
        """Look at the register if it is time to; whether what is known of it is too old to go by.

        Args:
            known: Whether what a request shows is in the register as it is known.
        """
        age = self._clock() - self._looked
        if age >= (self._every if known else min(GUESS_SECONDS, self._every)):
            self._start_look()
        return age >= STALE_LOOKS * self._every

    def _start_look(self) -> None:
        if self._look is None:
            self._started = self._clock()
            self._look = asyncio.create_task(self._look_at_register())
            self._look.add_done_callback(self._looked_at_register)

    async def _wait_for_look(self) -> None:
        patience = _PATIENCE_SECONDS if self._read else _FIRST_PATIENCE_SECONDS
        left = self._started + patience - self._clock()
        if self._look is not None and left > 0:
            await asyncio.wait({self._look}, timeout=left)

    async def _look_at_register(self) -> None:
        leave_request()
        try:
            version = await self._register.read_if_changed(self._etag)
        except StorageUnavailable:
            logger.warning("register_refresh_failed", extra={"reason": "storage away"})
        except ValidationError:
            # Whoever has written it by hand has to mend it.
            logger.error("register_refused")
        else:
            self._read = True
            if version is not None:
                self._etag = version.etag
                self._adopt(version.value)
        finally:
            self._looked = self._clock()

    def _adopt(self, register: Register) -> None:
        self._names = frozenset(register.names)
        loops = {
            name: loop
            for name, loop in register.loops.items()
            if name != DEFAULT_LOOP or not self._settings
        }
        self._registered = Keyring(
            {name: loop.keys for name, loop in loops.items()},
            {name: filter(None, loop.client_keys) for name, loop in loops.items()},
        )
        self._changed(register)
        logger.info("register_followed", extra={"loops": len(register.names)})

    def _looked_at_register(self, task: asyncio.Task[None]) -> None:
        self._look = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("register_refresh_crashed", exc_info=error)

    def _refusal(self) -> Unauthorized | StorageUnavailable:
        if not self._read:
            return StorageUnavailable("The register of the loops' keys can't be read; try again.")
        if not self._settings and not self._registered:
            return Unauthorized(
                f"This service has no key yet. Set {' or '.join(KEY_SETTINGS)} in its settings."
            )
        return Unauthorized(f"The key in the header {KEY_HEADER} is not valid.")
