"""What every benchmark gives back, and the page that is made of it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Table:
    """One benchmark's result.

    Attributes:
        title: What was measured.
        command: What measures it again.
        columns: Heads of the columns.
        rows: One text for each column.
        remarks: How it was measured, a sentence each.
    """

    title: str
    command: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()

    def markdown(self) -> str:
        """The table as a section of a page.

        >>> print(Table("T", "run", ["a", "b"], [["1", "2"]]).markdown())
        ## T
        <BLANKLINE>
        `run`
        <BLANKLINE>
        | a | b |
        |---|---|
        | 1 | 2 |
        <BLANKLINE>
        """
        lines = [f"## {self.title}", "", f"`{self.command}`", ""]
        lines += [f"| {' | '.join(self.columns)} |", "|---" * len(self.columns) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        lines += ["", *(f"- {remark}" for remark in self.remarks)]
        return "\n".join(lines).rstrip() + "\n"


def machine() -> str:
    """The machine and what runs on it, in a sentence."""
    cpu = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    parts = [
        cpu[1] if cpu else platform.processor(),
        f"{os.cpu_count()} cores",
        f"{int(memory[1]) / 1024**2:.0f} GiB" if memory else "",
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"VowpalWabbit {version('vowpalwabbit')}",
    ]
    return ", ".join(part for part in parts if part)


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""
