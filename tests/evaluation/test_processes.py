from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from evaluation.child import NICENESS
from evaluation.processes import TaskFailed, TaskTimedOut, run_module
from tests.e2e.running import until
from tests.service import ROOT

CHORES = "tests.evaluation.chores"
SECONDS = 60.0

PARENT = f"""
import asyncio, sys
from pathlib import Path
from evaluation.processes import run_module
asyncio.run(run_module({CHORES!r}, Path(sys.argv[1]), {SECONDS}))
"""


def given(folder: Path, chore: str) -> Path:
    (folder / "chore").write_text(chore)
    return folder


async def begun(folder: Path) -> None:
    """Return when the child is at its work, which has no end."""

    async def look() -> bool | None:
        return True if (folder / "began").exists() else None

    await until("the child", look, SECONDS)


async def gone(folder: Path) -> None:
    """Return when the child is no more: what it holds falls free."""

    async def look() -> bool | None:
        with (folder / "alive").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
        return True

    await until("the end of the child", look, SECONDS)


async def test_a_child_says_how_far_it_is_and_gives_way(tmp_path: Path) -> None:
    heard: list[float] = []
    await run_module(CHORES, given(tmp_path, "report"), SECONDS, heard.append)
    assert heard == [0.25, 0.5, 1.0]
    assert int((tmp_path / "nice").read_text()) == min(19, os.nice(0) + NICENESS)


@pytest.mark.parametrize(
    ("chore", "reason"),
    [
        ("fail", "its process ended with exit code 1: ValueError: the milk is sour"),
        ("crash", "its process was ended by SIGSEGV"),
        ("chatter", "its process ended with exit code 1: the last word"),
    ],
)
async def test_what_goes_wrong_is_told_in_a_line(chore: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed) as raised:
        await run_module(CHORES, given(tmp_path, chore), SECONDS)
    assert raised.value.reason == reason


async def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match=r"No module named tests\.nowhere"):
        await run_module("tests.nowhere", tmp_path, SECONDS)


async def test_a_child_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(TaskTimedOut, match="it was not done within 2 s"):
        await run_module(CHORES, given(tmp_path, "hang"), 2.0)
    await gone(tmp_path)


async def test_a_child_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    waiting = asyncio.create_task(run_module(CHORES, given(tmp_path, "hang"), SECONDS))
    await begun(tmp_path)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await gone(tmp_path)


async def parent_of(folder: Path) -> Process:
    """A process with a child that is at its work, in a group of its own."""
    command = [sys.executable, "-c", PARENT, str(given(folder, "hang"))]
    parent = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    await begun(folder)
    return parent


async def test_a_child_ends_by_itself_when_its_parent_was_killed(tmp_path: Path) -> None:
    parent = await parent_of(tmp_path)
    parent.kill()
    await parent.communicate()
    await gone(tmp_path)


async def test_ctrl_c_in_a_terminal_is_the_parent_s_to_answer(tmp_path: Path) -> None:
    parent = await parent_of(tmp_path)
    # WHEN the whole group is interrupted
    os.killpg(parent.pid, signal.SIGINT)
    # THEN the parent gives up, and takes the child with it
    _, complaint = await parent.communicate()
    assert complaint.decode().strip().endswith("KeyboardInterrupt")
    await gone(tmp_path)
