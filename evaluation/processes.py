"""Work in processes of their own, so that no rank waits for it and no crash reaches the service.

A child ends with its parent, whatever ends that, and no later than at its own deadline.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PREFIX = "open-personalizer-"
_LEFT_BEHIND_SECONDS = 3600.0
_CHUNK = 4096
_LONGEST_REASON = 400


class TaskFailed(Exception):
    """Raised when a child has not done its work.

    Args:
        end: What ended it, in words.
        complaint: The last that it has said. It may quote events: it is for their owner alone, and
            for no log.

    Attributes:
        reason: Both of it.
    """

    def __init__(self, end: str, complaint: str = "") -> None:
        self.end = end
        self.reason = f"{end}: {complaint}" if complaint else end
        super().__init__(self.reason)


class TaskTimedOut(TaskFailed):
    """Raised when a child was not done in its time, and has been killed."""


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for the files of children, removed at the end.

    Those go as well that were left behind by processes that had no time for it.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if time.time() - _modified(left) > _LEFT_BEHIND_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield Path(folder)


async def run_module(
    module: str,
    folder: Path,
    seconds: float,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Run ``python -m module folder`` in a child, with the packages that this process has.

    It gets less of the processor than whoever serves. It is killed when it takes too long, when
    the task that waits here is cancelled, and by itself when this process is gone.

    Args:
        module: Its full name; run as ``__main__``. What it has to say it leaves in the folder.
        folder: Where the child finds its work and leaves what comes of it.
        seconds: How long it may take.
        on_progress: Told from 0 to 1, as often as the child calls ``evaluation.child.tell``.

    Raises:
        TaskFailed: It can't be started, or has ended in another way than it should.
        TaskTimedOut: It was not done in its time.
    """
    command = [sys.executable, "-m", "evaluation.child", module, str(folder), f"{seconds:f}"]
    path = os.pathsep.join([entry or str(Path.cwd()) for entry in sys.path])
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=PIPE,  # it ends when this end is closed, and nothing else closes it
            stdout=PIPE,
            stderr=PIPE,
        )
    except OSError as error:
        raise TaskFailed(f"its process can't be started: {error.strerror}") from error
    try:
        complaint = await asyncio.wait_for(_followed(process, on_progress or _ignore), seconds)
    except asyncio.TimeoutError:
        raise TaskTimedOut(f"it was not done within {seconds:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    if process.returncode != 0:
        raise _failed(process.returncode, complaint)


async def _followed(process: Process, on_progress: Callable[[float], None]) -> str:
    """The last line that it has complained with, once it has ended."""
    assert process.stdout is not None and process.stderr is not None
    _, complaint, _ = await asyncio.gather(
        _hear(process.stdout, on_progress), _last_line(process.stderr), process.wait()
    )
    return complaint


async def _hear(stdout: asyncio.StreamReader, on_progress: Callable[[float], None]) -> None:
    rest = b""
    while chunk := await stdout.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[-_CHUNK:]
        for line in whole:
            with suppress(ValueError):  # some library may have something to say
                on_progress(min(1.0, max(0.0, float(line))))


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # somebody else has just removed it
        return time.time()


def _ignore(share: float) -> None:
    pass


async def _last_line(stderr: asyncio.StreamReader) -> str:
    end = b""
    while chunk := await stderr.read(_CHUNK):
        end = (end + chunk)[-_CHUNK:]
    lines = end.decode(errors="replace").strip().splitlines()
    return lines[-1][:_LONGEST_REASON] if lines else ""


def _failed(code: int | None, complaint: str) -> TaskFailed:
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return TaskFailed(f"its process was ended by {name}")
    return TaskFailed(f"its process ended with exit code {code}", complaint)
