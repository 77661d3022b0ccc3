"""The page about findings, held against the findings there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import diagnosis.findings

ROOM = Path(diagnosis.findings.__file__).parent
PAGE = ROOM.parent / "docs" / "diagnostics.md"


def made() -> set[str]:
    """The ids of all findings that the code can make."""
    found = set()
    for file in ROOM.glob("*_findings.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                named = [part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                found |= {str(part.value) for part in named}
    return found


def test_every_finding_is_explained_and_no_other() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text().partition("## Findings")[2], re.M)
    explained = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    assert len(explained) == len(set(explained)) > 40
    assert set(explained) == made()
