"""What is asked for in requirements/*.in, and what `make lock` has pinned for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {
    "app.in": "requirements.txt",
    "local.in": "requirements-local.txt",
    "dev.in": "requirements-dev.txt",
}
PYTHONS = ("3.10.0", "3.11.0", "3.12.0", "3.13.0")
SYSTEMS = ("linux", "darwin", "win32")

_PIN = re.compile(
    r"[a-z0-9][a-z0-9.-]*==[^\s;]+(?: ; [^\\\n]+?)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
)
_COMMENT = re.compile(r" *#.*\n")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where packages are installed."""

    python: str
    system: str

    def takes(self, requirement: Requirement) -> bool:
        """Whether it is meant for such a machine."""
        short = self.python.rpartition(".")[0]
        environment = {"python_full_version": self.python, "python_version": short}
        environment |= {"sys_platform": self.system, "extra": ""}
        return requirement.marker is None or requirement.marker.evaluate(environment)


def asked(name: str) -> Iterator[Requirement]:
    """What an `.in` file asks for, with the files that it takes in."""
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if line.startswith("-r "):
            yield from asked(line.removeprefix("-r "))
        elif line and not line.startswith(("#", "-c ")):
            yield Requirement(line)


def locked(name: str) -> list[Requirement]:
    """What a lock file pins."""
    text = _COMMENT.sub("", (ROOT / name).read_text())
    return [Requirement(pin.partition("\\")[0].strip()) for pin in _PIN.findall(text)]


def pinned(name: str, machine: Machine) -> dict[str, str]:
    """The version of each package that a lock file has installed on a machine."""
    return {
        canonicalize_name(pin.name): str(pin.specifier)
        for pin in locked(name)
        if machine.takes(pin)
    }


machines = pytest.mark.parametrize(
    "machine", [Machine(python, system) for python in PYTHONS for system in SYSTEMS], ids=str
)


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_is_nothing_but_pins_with_hashes(lock: str) -> None:
    text = _COMMENT.sub("", (ROOT / lock).read_text())
    # So that it names no index, no folder and no other file either.
    assert _PIN.sub("", text) == ""
    assert _PIN.search(text)


@machines
@pytest.mark.parametrize("wanted", LOCKS)
def test_what_is_asked_for_is_what_is_pinned(wanted: str, machine: Machine) -> None:
    pins = pinned(LOCKS[wanted], machine)
    for requirement in asked(wanted):
        if machine.takes(requirement):
            assert pins.get(canonicalize_name(requirement.name)) == str(requirement.specifier), (
                f"{requirement.name}: run `make lock`"
            )


@machines
def test_each_lock_holds_the_ones_before_it(machine: Machine) -> None:
    app, local, dev = (pinned(lock, machine) for lock in LOCKS.values())
    assert app.items() <= local.items() <= dev.items()


def test_the_readme_says_what_each_deployed_package_is_for() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(
        re.findall(r"[\w-]+", "".join(re.findall(r"^\| [a-z][a-z0-9, -]+ \|", readme, re.M)))
    )
    assert {requirement.name for requirement in asked("app.in")} <= named
