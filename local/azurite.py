"""Azurite, the storage emulator, as a process of our own."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO

from local.failures import CannotRun

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".local" / "azurite"
"""Where ``make run`` keeps its data, unless ``AZURITE_DIR`` names another directory."""

CONNECTION_FILE = "connection-string"
"""In the directory of an Azurite while it runs: how the owner's tools find its ports."""

OLDEST_NODE = 18
START_SECONDS = 60.0
STOP_SECONDS = 30.0

# The account and key that every Azurite has; Microsoft publishes them for the purpose.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_SERVICES = ("Blob", "Queue", "Table")
_ROUTINE = re.compile(r"Azurite \w+ service ")
_LISTENING = re.compile(
    r"Azurite (Blob|Queue|Table) service is successfully listening at (https?://\S+)"
)


class Azurite:
    """An Azurite of blobs and tables in one directory, from entering the block to leaving it.

    It picks free ports itself, so that nothing can take them between asking and listening; the
    data doesn't depend on them. Two Azurites on one directory would overwrite each other's files:
    a lock on the directory, which lives as long as the Azurite that holds it, keeps a second one
    out. An Azurite whose starter was killed closes its files and ends by itself, and the next one
    waits for that.

    Args:
        directory: Where the data is kept; made if missing.
        blob_port: 0 stands for a free one.
        table_port: 0 stands for a free one.
        options: Further ones of Azurite's own command line.

    Raises:
        CannotRun: On entering, when Node or Azurite is missing, another Azurite holds the
            directory, or this one does not come up in its time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        blob_port: int = 0,
        table_port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        self._directory = directory.resolve()
        self._options = options
        self._ports = {"Blob": blob_port, "Queue": 0, "Table": table_port}
        self._process: subprocess.Popen[str] | None = None
        self._urls: dict[str, str] = {}
        self._last_line = ""
        self._progress = threading.Condition()
        self._ended = False
        self._stopping = False

    @property
    def connection_string(self) -> str:
        """What ``AzureWebJobsStorage`` is set to."""
        protocol, _, _ = self._urls["Blob"].partition(":")
        return (
            f"DefaultEndpointsProtocol={protocol};AccountName={_ACCOUNT};AccountKey={_KEY};"
            f"BlobEndpoint={self._urls['Blob']}/{_ACCOUNT};"
            f"QueueEndpoint={self._urls['Queue']}/{_ACCOUNT};"
            f"TableEndpoint={self._urls['Table']}/{_ACCOUNT};"
        )

    @property
    def pid(self) -> int:
        """The process id, for whoever wants to signal it."""
        assert self._process is not None, "only inside the block"
        return self._process.pid

    def __enter__(self) -> Azurite:
        command = [*_command(self._directory, self._ports), *self._options]
        with ExitStack() as undo:
            undo.callback(self.__exit__, None, None, None)
            with _lock(self._directory, time.monotonic() + STOP_SECONDS) as lock:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    # It inherits the lock and holds it until it ends.
                    pass_fds=(lock.fileno(),),
                    # Ctrl-C in a terminal reaches the whole group: it must outlive the service.
                    start_new_session=True,
                )
            threading.Thread(target=self._read, name="azurite", daemon=True).start()
            self._wait_until_listening(time.monotonic() + START_SECONDS)
            self._leave_word()
            undo.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True
        process = self._process
        if process is None:
            return
        (self._directory / CONNECTION_FILE).unlink(missing_ok=True)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def watch(self, died: Callable[[], None]) -> None:
        """Call ``died``, from a thread, if Azurite ends before the block is left."""

        def wait() -> None:
            assert self._process is not None, "only inside the block"
            self._process.wait()
            if not self._stopping:
                died()

        threading.Thread(target=wait, name="azurite-watch", daemon=True).start()

    def death(self) -> CannotRun:
        """What to say when Azurite has ended unasked."""
        assert self._process is not None, "only inside the block"
        with self._progress:
            # Its last words may still be on their way.
            self._progress.wait_for(lambda: self._ended, timeout=1.0)
            said = f": {self._last_line}" if self._last_line else ""
        return CannotRun(f"Azurite has stopped (exit code {self._process.poll()}){said}")

    def _leave_word(self) -> None:
        file = self._directory / CONNECTION_FILE
        # What another one has left that was killed may be anybody's to read.
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(self.connection_string)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._progress:
                    if not _ROUTINE.match(line):
                        self._last_line = line.strip() or self._last_line
                    if match := _LISTENING.match(line):
                        self._urls[match[1]] = match[2]
                        self._progress.notify_all()
        with self._progress:
            self._ended = True
            self._progress.notify_all()

    def _wait_until_listening(self, deadline: float) -> None:
        with self._progress:
            while len(self._urls) < len(_SERVICES):
                if self._ended:
                    assert self._process is not None
                    self._process.wait()
                    raise self.death()
                if not self._progress.wait(deadline - time.monotonic()):
                    raise CannotRun(f"Azurite did not start within {START_SECONDS:.0f} s")


def _command(directory: Path, ports: dict[str, int]) -> list[str]:
    script = ROOT / "node_modules/azurite/dist/src/azurite.js"
    if not script.exists():
        raise CannotRun("Azurite is not installed: run `npm ci` in the project's folder")
    command = [_node(), "--require", str(ROOT / "local/follow_parent.js"), str(script)]
    command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command += ["--location", str(directory)]
    for service, port in ports.items():
        command += [f"--{service.lower()}Port", str(port)]
    return command


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise CannotRun(f"Node.js is missing: install version {OLDEST_NODE} or newer for Azurite")
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = asked.stdout.strip()
    match = re.match(r"v(\d+)\.", version)
    if match is None or int(match[1]) < OLDEST_NODE:
        raise CannotRun(
            f"Node.js {version or 'of unknown version'} ({node}) is too old for Azurite: "
            f"install version {OLDEST_NODE} or newer"
        )
    return node


def _lock(directory: Path, deadline: float) -> IO[bytes]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / ".lock").open("ab")
    except OSError as error:
        raise CannotRun(f"Azurite can't keep its data in {directory}: {error.strerror}") from error
    while not _locked(file):
        if time.monotonic() > deadline:
            file.close()
            raise CannotRun(
                f"Another Azurite is running on {directory}: stop it, or set AZURITE_DIR"
            )
        time.sleep(0.05)
    return file


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
