"""The package that is deployed, built as `azd deploy` and the remote build behind it do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = Path(".python_packages/lib/site-packages")
"""Where the remote build puts what ``requirements.txt`` asks for, inside the package."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is unpacked, and a Python that has nothing installed.

    Attributes:
        root: Where the app is, as ``/home/site/wwwroot``.
    """

    root: Path
    python: Path

    def environment(
        self, settings: Mapping[str, str], behind: Sequence[Path] = ()
    ) -> dict[str, str]:
        """That of a process in which the app finds its packages as in the platform's worker.

        Args:
            behind: Further folders of modules, which are looked at last.
        """
        path = os.pathsep.join(map(str, (self.root / PACKAGES, *behind)))
        return {"PATH": os.environ["PATH"], "PYTHONPATH": path, **settings}

    def run(
        self, arguments: Sequence[str], settings: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python in its folder to the end, and return what was printed."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.root,
            env=self.environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def build_package(folder: Path) -> Package:
    """Build it in a folder: the files that are not ignored, and the packages, nothing else."""
    package = Package(folder / "wwwroot", folder / "python/bin/python")
    for file in deployed_files(ROOT):
        target = package.root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, target)
    venv.create(folder / "python", symlinks=True)
    install(package, [sys.executable, "-m", "uv", "pip"], "--require-hashes")
    return package


def install(package: Package, installer: Sequence[str], *options: str) -> None:
    """Put in it what its ``requirements.txt`` asks for, and nothing that this machine has."""
    target = ["--target", str(PACKAGES), "--requirement", "requirements.txt"]
    subprocess.run(
        [*installer, "install", "--quiet", *options, *target], cwd=package.root, check=True
    )


def deployed_files(root: Path) -> list[Path]:
    """The files under ``root`` that ``.funcignore`` leaves, relative to it."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text().splitlines())
    found: list[Path] = []
    for folder, folders, files in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not ignored.match_file(f"{here / name}/")]
        found += [here / name for name in files if not ignored.match_file(here / name)]
    return sorted(found)
