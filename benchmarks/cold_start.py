"""A cold start: from the start of a process to all functions of the deployed package indexed.

    python -m benchmarks.cold_start

The package is built as it is deployed, and run by a Python that has nothing else installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.report import Table
from tests.package.build import PACKAGES, Package, build_package

ROUNDS = 11
TARGET_SECONDS = 3
SLOWEST = 10

_TITLE = "A cold start of the deployed package"
_COMMAND = "python -m benchmarks.cold_start"
_SETTINGS = {"AzureWebJobsStorage__accountName": "acme"}
_NOT_COMPILING = {**_SETTINGS, "PYTHONDONTWRITEBYTECODE": "1"}
_INDEX = """
import function_app
print(len(function_app.app.get_functions()), flush=True)
"""
_IMPORT_TIME = re.compile(r"import time: +(\d+) \| +\d+ \| +([\w.]+)")
_SPREAD_PACKAGES = {"azure", "opentelemetry"}
"""Namespaces that several packages share."""


def main() -> None:
    """Measure and print."""
    print("\n".join(table.markdown() for table in tables()))


def tables() -> list[Table]:
    """What the page shows."""
    with tempfile.TemporaryDirectory() as folder:
        package = build_package(Path(folder))
        uncompiled = _copied(package, Path(folder, "uncompiled"))
        functions = int(package.run(["-c", _INDEX], _SETTINGS).stdout)  # leaves it compiled
        starts = {
            "to all functions indexed": (package, _SETTINGS, _INDEX),
            "the same, the app's own files not compiled": (uncompiled, _NOT_COMPILING, _INDEX),
            "Python alone": (package, _SETTINGS, "print(0, flush=True)"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in starts}
        for _ in range(ROUNDS):
            for name, start in starts.items():
                seconds[name].append(_timed(*start))
        slowest = _slowest(package)
    total = sum(slowest.values())
    by_time = sorted(slowest.items(), key=lambda item: item[1], reverse=True)
    imports = [
        [name, f"{own * 1e3:.0f}", f"{100 * own / total:.0f} %"] for name, own in by_time[:SLOWEST]
    ]
    return [
        Table(
            _TITLE,
            _COMMAND,
            ["from the start of a process", "ms"],
            [_row(name, taken) for name, taken in seconds.items()],
            (
                f"{ROUNDS} starts each, taken in turn: the median and, in brackets, the fastest "
                f"and slowest. The target is {TARGET_SECONDS * 1e3:.0f} ms.",
                f"{functions} functions. The platform's own worker comes on top, and so does what "
                "the first request has to fetch.",
                "Installed packages are compiled when they are installed; the app's own files are "
                "compiled by the first process that may write beside them, which none may where "
                "the package is mounted to be read only.",
            ),
        ),
        Table(
            "What a cold start imports",
            _COMMAND,
            ["package", "ms", "share"],
            imports,
            (
                "The time of its own modules, without what they import in turn, under "
                "`-X importtime`, which costs something itself; one run, the slowest ten.",
            ),
        ),
    ]


def _row(name: str, seconds: Sequence[float]) -> list[str]:
    low, middle, high = (1e3 * f(seconds) for f in (min, median, max))
    return [name, f"{middle:.0f} ({low:.0f}–{high:.0f})"]


def _timed(package: Package, settings: Mapping[str, str], code: str) -> float:
    """Seconds until a process has printed its first line."""
    start = time.perf_counter()
    with subprocess.Popen(
        [str(package.python), "-c", code],
        cwd=package.root,
        env=package.environment(settings),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
    if not line:
        raise RuntimeError("The app could not be indexed.")
    return seconds


def _slowest(package: Package) -> dict[str, float]:
    """Seconds that each package's own modules take to be imported."""
    asked = package.run(["-X", "importtime", "-c", _INDEX], _SETTINGS)
    seconds: defaultdict[str, float] = defaultdict(float)
    for micros, module in _IMPORT_TIME.findall(asked.stderr):
        seconds[_owner(module, package)] += int(micros) / 1e6
    return dict(seconds)


def _owner(module: str, package: Package) -> str:
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return "Python's own library"
    if (package.root / parts[0]).is_dir() or parts[0] == "function_app":
        return "the app itself"
    return ".".join(parts[: 2 if parts[0] in _SPREAD_PACKAGES else 1])


def _copied(package: Package, root: Path) -> Package:
    """The same package once more, with the same installed packages."""
    shutil.copytree(package.root, root, ignore=shutil.ignore_patterns(PACKAGES.parts[0]))
    (root / PACKAGES.parts[0]).symlink_to(package.root / PACKAGES.parts[0])
    return Package(root, package.python)


if __name__ == "__main__":
    main()
