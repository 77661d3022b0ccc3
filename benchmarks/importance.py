"""How well feature importance tells which features tell.

python -m benchmarks.importance
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import fmean, pstdev

from benchmarks.report import Table
from benchmarks.telling_worlds import TellingWorld, telling_worlds
from evaluation.importance import Importance, importance
from evaluation.pieces import Feature

PAGE = Path(__file__).parent.parent / "docs" / "importance.md"

RUNS = 20
EVENTS = 4_000

CLEARLY = 0.1
"""How far two features are apart in truth that should be told apart."""

Scores = dict[Feature, float]


def scores_of(found: Importance) -> Scores:
    """The score of each feature."""
    return {Feature(scored.namespace, scored.name): scored.score for scored in found.scores}


def run(world: TellingWorld, seed: int) -> tuple[Scores, bool]:
    """The scores of a log of a world, and whether any feature stood out."""
    found = importance(world.events(EVENTS, seed), world.policy)
    return scores_of(found), found.loss > 0


def in_order(truth: Scores, scores: Scores) -> tuple[int, int]:
    """How many pairs of features, clearly apart in truth, are in the right order; of how many."""
    apart = [
        (more, less) for more in truth for less in truth if truth[more] - truth[less] > CLEARLY
    ]
    return sum(scores[more] > scores[less] for more, less in apart), len(apart)


def table(world: TellingWorld, runs: Sequence[tuple[Scores, bool]]) -> Table:
    """What the runs say of a world's features, beside what is true."""
    losses = world.losses()
    largest = max(losses.values()) or 1.0
    truth = {feature: loss / largest for feature, loss in losses.items()}
    found = [scores for scores, _ in runs]
    silent = sum(not stands_out for _, stands_out in runs)
    rows = [
        [
            f"`{feature.namespace}.{feature.name}`",
            f"{true:.2f}",
            f"{fmean(scores[feature] for scores in found):.2f}",
            f"{pstdev([scores[feature] for scores in found]):.2f}",
            f"{max(scores[feature] for scores in found):.2f}",
        ]
        for feature, true in sorted(truth.items(), key=lambda each: -each[1])
    ]
    remarks = [f"The loop learns with `{world.policy}`."]
    right, pairs = map(sum, zip(*[in_order(truth, each) for each in found], strict=True))
    if pairs:
        remarks.append(
            f"Of the pairs of features that are more than {CLEARLY} apart in truth,"
            f" {right / pairs:.1%} are in the right order."
        )
    if silent:
        remarks.append(f"Nothing stood out in {silent} of {len(runs)} runs: all scores are 0.")
    return Table(
        world.name[0].upper() + world.name[1:],
        "python -m benchmarks.importance",
        ["feature", "in truth", "score", "its spread", "highest"],
        rows,
        remarks,
    )


_HEAD = f"""\
# What feature importance finds

Written by `python -m benchmarks.importance`: {RUNS} logs of {EVENTS:,} events of each of some
worlds in which it is known what each action earns in each context. The loop draws with 20 %
exploration and learns each event before the next one.

- *In truth* is what one who knows all chances would lose, if a feature came from elsewhere, as a
  share of the largest such loss. A model that had to learn from these events can't be the same.
- *Score* and *its spread* are mean and standard deviation over the logs; *highest* is the largest.
"""


def main() -> int:
    """Measure all worlds on all cores, and write the page."""
    parts = [_HEAD]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for number, world in enumerate(telling_worlds()):
            runs = list(processes.map(partial(_run, number), range(RUNS)))
            parts.append(table(world, runs).markdown())
            print(parts[-1], flush=True)
    PAGE.write_text("\n".join(parts))
    return 0


def _run(number: int, seed: int) -> tuple[Scores, bool]:
    # By its number, since what a world draws with can't be sent to a process.
    return run(list(telling_worlds())[number], seed)


if __name__ == "__main__":
    sys.exit(main())
