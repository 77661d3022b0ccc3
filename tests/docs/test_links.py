"""Every link of every page leads somewhere, as far as it leads to this project."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import anchors, links, pages
from tests.service import ROOT


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if link.target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.target.partition("#")
        target = (page.parent / path).resolve() if path else page
        there = target.exists() and ROOT in (target, *target.parents)
        if not there or (anchor and anchor not in anchors(target)):
            broken.append(f"{page.relative_to(ROOT)}:{link.line} {link.target}")
    assert broken == []
