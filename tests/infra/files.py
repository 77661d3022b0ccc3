"""The files of infra/, as they are and with something wrong in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from tests.infra.bicep import File, read, read_folder

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
SUBSCRIPTION = "main.bicep"
GROUP = "personalizer.bicep"

Files: TypeAlias = Mapping[str, File]
"""Parsed files by their paths from infra/."""


def sources() -> dict[str, str]:
    """What each Bicep file says, by its path from infra/."""
    return read_folder(INFRA)


def parsed(texts: Mapping[str, str]) -> Files:
    """Every file, parsed."""
    return {path: read(path, text) for path, text in texts.items()}


def broken(path: str, old: str, new: str) -> Files:
    """The files with one thing in one of them put otherwise, wherever it stands there."""
    texts = sources()
    assert old in texts[path], f"{path} does not say {old!r}"
    texts[path] = texts[path].replace(old, new)
    return parsed(texts)
