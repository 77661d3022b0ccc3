"""`python -m benchmarks` (`make bench`): runs all of them and writes docs/benchmarks.md."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import cold_start, decide, evaluation, http, trainer
from benchmarks.report import machine

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

_HEAD = """\
# Benchmarks

Written by `make bench` on {date}.

Machine: {machine}. Shared and noisy: read the ratios, taken in one run, before the times.
"""


def main() -> None:
    """Measure, saying what is under way, and write the page."""
    tables = []
    for name, measured in (
        ("a decision without I/O", decide.tables),
        ("rank and reward over HTTP", http.tables),
        ("the trainer", trainer.tables),
        ("an evaluation", evaluation.tables),
        ("a cold start", cold_start.tables),
    ):
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        tables += measured()
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    sections = [_HEAD.format(date=date, machine=machine())]
    sections += [table.markdown() for table in tables]
    PAGE.write_text("\n".join(sections))
    print(f"written to {PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
