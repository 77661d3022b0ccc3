"""Reads the project's pages: their blocks of code, headings and links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.service import ROOT

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>\S*)\s*$")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_INLINE_CODE = re.compile(r"`[^`]*`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: Of its fence, counted from 1.
        heading: The one above it.
    """

    page: Path
    line: int
    heading: str
    language: str
    text: str

    @property
    def place(self) -> str:
        """How a test names it."""
        return f"{self.page.relative_to(ROOT)}:{self.line} ({self.heading})"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page, to wherever."""

    page: Path
    line: int
    target: str


def pages() -> list[Path]:
    """The pages that people read: at the root, and below ``docs``."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found = []
    heading = ""
    opened: tuple[int, re.Match[str]] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if opened is None:
            if match := _FENCE.match(line):
                opened, inside = (number, match), []
            elif match := _HEADING.match(line):
                heading = match[1]
        elif line.strip() == opened[1]["fence"]:
            start, fence = opened
            indent = len(fence["indent"])
            text = "".join(f"{inner[indent:]}\n" for inner in inside)
            found.append(Block(page, start, heading, fence["language"], text))
            opened = None
        else:
            inside.append(line)
    assert opened is None, f"{page}:{opened[0]} is never closed"
    return found


def anchors(page: Path) -> set[str]:
    """What can stand behind ``#`` in a link to the page, made as GitHub makes it."""
    names = []
    seen: Counter[str] = Counter()
    for _, line in _prose(page):
        if match := _HEADING.match(line):
            words = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
            names.append(words if not seen[words] else f"{words}-{seen[words]}")
            seen[words] += 1
    return set(names)


def links(page: Path) -> list[Link]:
    """All links of a page that stand in its prose."""
    return [
        Link(page, number, target)
        for number, line in _prose(page)
        for target in _LINK.findall(_INLINE_CODE.sub("", line))
    ]


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    inside = False
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if _FENCE.match(line) or (inside and line.strip().startswith("```")):
            inside = not inside
        elif not inside:
            yield number, line
