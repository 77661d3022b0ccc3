"""``python -m tests.simulation.regret``: how well a search picks, as docs/evaluation.md shows it.

For each world and length of log: what the policy in force, the picked contender and the best one in
hindsight earn when each goes online with what it has learned, for 5,000 more visitors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from cli.world import World
from cli.worlds.coffee import Coffee
from cli.worlds.news import News
from evaluation.search import CURRENT
from evaluation.selection import optimal
from evaluation.standings import overall
from loop.learning_settings import DEFAULT_ARGUMENTS
from tests.simulation.searching import Contest, play
from tests.simulation.small_worlds import Apples, Linear, Mixed, Numeric, Segments, Wide

WORLDS: tuple[Callable[[Random], World], ...] = (
    *(Coffee, News, Apples, Mixed, Numeric, Linear, Wide, Segments),
)
LENGTHS = (1_000, 2_000, 10_000)
FRESH = 5_000
SEEDS = range(2)


@dataclass(frozen=True, slots=True)
class Search:
    """One search, and what would have come of each choice.

    Attributes:
        in_force: What the policy in force earns afterwards, learned afresh like the others.
        picked: What the policy earns that is told to be optimal.
        best: What the best one earns.
        agreement: Spearman's rank correlation of estimates with what is earned afterwards.
        replaced: Whether a loop would have changed over by itself.
    """

    in_force: float
    picked: float
    best: float
    agreement: float
    replaced: bool


def search(make: Callable[[Random], World], events: int, seed: int) -> Search:
    """A search in a log of the default policy."""
    log = play(make(Random(seed)), DEFAULT_ARGUMENTS, events)
    with Contest(DEFAULT_ARGUMENTS, log[:2_000]) as contest:
        contest.see(log)
        estimates = {p.name: overall(p).sums.reward for p in contest.judged()}
        best = optimal(contest.judged())
        assert best is not None
        replacement = contest.verdict().replacement
        later = {}
        for contender in contest.contenders:
            world = make(Random(seed))
            for _ in range(events):
                world.visit()
            later[contender.name] = contest.afterwards(contender.name, world, FRESH)
    found = [name for name in later if name != CURRENT]
    return Search(
        in_force=later[CURRENT],
        picked=later.get(best.name, later[CURRENT]),
        best=max(later.values()),
        agreement=spearman([estimates[n] for n in found], [later[n] for n in found]),
        replaced=replacement is not None,
    )


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation; of equals, the first counts as the lower one.

    >>> spearman([0.1, 0.2, 0.4], [5.0, 7.0, 6.0])
    0.5
    """
    count = len(first)
    ranks = [
        {place: rank for rank, place in enumerate(sorted(range(count), key=values.__getitem__))}
        for values in (first, second)
    ]
    apart = sum((ranks[0][place] - ranks[1][place]) ** 2 for place in range(count))
    return 1 - 6 * apart / (count * (count * count - 1))


def main() -> None:
    """Print the table, a line as soon as it is known."""
    chosen = [make for make in WORLDS if not sys.argv[1:] or make.__name__.lower() in sys.argv[1:]]
    print("| world | events | in force | picked | best | regret | Spearman | changes over |")
    print("|---|---|---|---|---|---|---|---|")
    for make in chosen:
        for events in LENGTHS:
            runs = [search(make, events, seed) for seed in SEEDS]
            in_force, picked, best, agreement = (
                fmean(column(run) for run in runs) for column in _COLUMNS
            )
            print(
                f"| {make.__name__.lower()} | {events:,} | {in_force:.3f} | {picked:.3f} |"
                f" {best:.3f} | {best - picked:.3f} | {agreement:.2f} |"
                f" {sum(run.replaced for run in runs)} of {len(runs)} |",
                flush=True,
            )


_COLUMNS: tuple[Callable[[Search], float], ...] = (
    lambda run: run.in_force,
    lambda run: run.picked,
    lambda run: run.best,
    lambda run: run.agreement,
)


if __name__ == "__main__":
    main()
