"""The service as a user starts it: `python -m local`, with a data folder and keys of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from api.deployment import now
from api.options import KEY_SETTINGS
from local.azurite import CONNECTION_FILE
from loop.register import DEFAULT_LOOP
from management.loops import add_loop
from storage.factory import open_storage
from storage.options import CONNECTION, storage_options

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90.0
STOP_SECONDS = 30.0

# What a test would otherwise spend its time waiting for.
QUICK = {
    "TRAINER_SCHEDULE": "* * * * * *",
    "TRAINER_GRACE_SECONDS": "1",
    "EVALUATOR_SCHEDULE": "*/2 * * * * *",
    "MODEL_REFRESH_SECONDS": "0.25",
}


# What `make run` tells its owner, once, before the first line of the log.
_GREETING = ("  key ", "  curl ")
_KEY_SETTINGS = re.compile(r"PERSONALIZER_\w*KEY\d")


class NotStarted(Exception):
    """Raised when the service does not come up; the text is what it printed."""


class KeyLogged(AssertionError):
    """Raised when a line of the log holds a key; the text is the line's event."""


async def make_loops(connection: str, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Make loops in a storage, as `python -m cli loops add` does; the keys of each."""
    async with open_storage(storage_options({CONNECTION: connection})) as storage:
        return {name: (await add_loop(storage.register, name, now())).keys for name in names}


class LocalService:
    """A service and its Azurite, from entering the block to leaving it.

    It may be killed and started again in between, and then has the same address, keys and data.

    Args:
        folder: For Azurite's data and the service's output; kept.
        loops: Names of loops to make beside ``default``, once it is started.
        settings: Environment variables over ``QUICK``.
        app: The folder of the app that is served.
        python: What it is served with.

    Attributes:
        endpoint: Where it answers, once it has been started.
        keys: Both keys of each loop that there is.
    """

    def __init__(
        self,
        folder: Path,
        loops: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        app: Path = ROOT,
        python: str = sys.executable,
    ) -> None:
        self._log = folder / "service.log"
        self._app = app
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""
        self.keys = {DEFAULT_LOOP: ("test-default-1", "test-default-2")}
        self._missing = tuple(loops)
        self._azurite = folder / "azurite"
        # What the developer's own settings name, in Azure or not, is none of a test's business.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if CONNECTION not in name and not name.startswith(("APPLICATIONINSIGHTS_", "OTEL_"))
        }
        self._environment = {
            **inherited,
            **QUICK,
            "PORT": "0",
            "AZURITE_DIR": str(self._azurite),
            **dict(zip(KEY_SETTINGS, self.keys[DEFAULT_LOOP], strict=True)),
            **(settings or {}),
        }

    @property
    def key(self) -> str:
        """The first key of the loop ``default``."""
        return self.keys[DEFAULT_LOOP][0]

    @property
    def connection(self) -> str:
        """The connection string of its storage."""
        named = self._environment.get(CONNECTION)
        return named or (self._azurite / CONNECTION_FILE).read_text()

    @property
    def output(self) -> str:
        """All that the service has printed since it was started last."""
        return self._log.read_text(errors="replace")

    @property
    def logged(self) -> list[str]:
        """The lines of its output but for the greeting, which shows its owner the keys."""
        return [line for line in self.output.splitlines() if not line.startswith(_GREETING)]

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None, "only while it runs"
        return self._process.pid

    def start(self) -> None:
        """Start and return when it answers.

        Raises:
            NotStarted: It has ended, or has not answered in its time.
        """
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [self._python, "-m", "local"],
                cwd=self._app,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own, as in a terminal of its own.
                start_new_session=True,
            )
        try:
            self.endpoint = self._wait_for_greeting()
        except NotStarted:
            self.stop()
            raise
        # The same one when it is started again.
        self._environment["PORT"] = self.endpoint.rpartition(":")[2]
        if self._missing:
            # In a thread, since whoever starts it may be inside an event loop.
            with ThreadPoolExecutor(1) as thread:
                made = make_loops(self.connection, self._missing)
                self.keys |= thread.submit(asyncio.run, made).result()
            self._missing = ()

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code; one that does not end is killed."""
        assert self._process is not None, "only while it runs"
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.assert_no_key_is_logged()
        return code

    def assert_no_key_is_logged(self) -> None:
        """Look through all that it has logged since it was started last.

        Raises:
            KeyLogged: A key of one of its loops is there.
        """
        named = self._environment.items()
        settings = {value for name, value in named if _KEY_SETTINGS.fullmatch(name)}
        keys = settings.union(*self.keys.values()) - {""}
        for line in self.logged:
            if any(key in line for key in keys):
                raise KeyLogged(line[:60])

    def kill(self) -> None:
        """End the serving process as a crash would: SIGKILL, with no time for anything."""
        assert self._process is not None, "only while it runs"
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> LocalService:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_for_greeting(self) -> str:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            # It greets when it answers, so that there is nothing else to wait for.
            if greeting := re.search(r"endpoint +(http://\S+)", self.output):
                return greeting[1]
            if self._process.poll() is not None:
                raise NotStarted(f"exit code {self._process.returncode}: {self.output}")
            time.sleep(0.05)
        raise NotStarted(f"no answer within {START_SECONDS:.0f} s: {self.output}")
