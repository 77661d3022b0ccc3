"""A terminal in which the pages' blocks are run, one after the other, as a reader pastes them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.service import ROOT

PATIENCE_SECONDS = 120.0

_OWN = frozenset({".git", ".local", ".venv"})
_NEEDS_AZURE = ("az", "azd", "func", "gh")

# The variables of one block are there in the next one, as in a terminal; a command that fails ends
# the block, which in a terminal only its reader would notice.
_BLOCK = """\
set -a
[ ! -f {variables} ] || . {variables}
trap 'export -p > {variables}' EXIT
set -e -o pipefail
{text}"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a block."""

    code: int
    output: str


class Terminal:
    """A shell in a copy of the project's folder whose every entry is a link to the real one.

    ``make`` only says what it would do, so that a target that does not exist is found without
    setting anything up. The tools that need Azure fail, in case that a block calls one unnoticed.

    Args:
        folder: An empty one.
        keys: Text of the ``.local/keys.json`` that is to be found in there.
        variables: Of the environment, over those of the test.
    """

    def __init__(self, folder: Path, keys: str, variables: Mapping[str, str]) -> None:
        self._project = folder / "project"
        self._variables = folder / "variables"
        self._project.mkdir()
        for entry in ROOT.iterdir():
            if entry.name not in _OWN:
                (self._project / entry.name).symlink_to(entry)
        (self._project / ".venv").symlink_to(sys.prefix)
        (self._project / ".local").mkdir()
        (self._project / ".local" / "keys.json").write_text(keys)
        tools = folder / "tools"
        tools.mkdir()
        self._tool(tools / "make", f'exec {shlex.quote(_found("make"))} --dry-run "$@"')
        for name in _NEEDS_AZURE:
            self._tool(tools / name, f"echo '{name} needs Azure' >&2; exit 99")
        path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        self._environment = {**kept, "PATH": path, "PIP_NO_INDEX": "1", **variables}

    @property
    def project(self) -> Path:
        """The folder that blocks are run in."""
        return self._project

    def run(self, text: str) -> Ran:
        """Run a block of shell commands to its end, or to the first command that fails."""
        script = _BLOCK.format(variables=shlex.quote(str(self._variables)), text=text)
        ran = subprocess.run(
            [_found("bash"), "-c", script],
            cwd=self._project,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout)

    def run_python(self, text: str) -> Ran:
        """Run a block of Python, with the variables that blocks before it have exported."""
        (self._project / "pasted.py").write_text(text)
        return self.run("python pasted.py")

    @staticmethod
    def _tool(file: Path, line: str) -> None:
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)


def _found(tool: str) -> str:
    path = shutil.which(tool)
    assert path is not None, f"{tool} is missing: the pages are for machines that have it"
    return path
