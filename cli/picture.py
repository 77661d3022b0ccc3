"""Draws the learning curve of a simulation. Importing this costs a second: do it when needed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from cli.playing import Played
from cli.summary import Summary, ceiling

CURVE = "#2563a8"
MEAN = "#8fb3d9"
CEILING = "#2e8b57"
RANDOM = "#b4552d"
QUIET = "#666666"
SMALLEST_WINDOW = 50


def window_for(events: int) -> int:
    """How many events a point of the curve averages: a twentieth of all, 50 to 500.

    >>> window_for(200), window_for(4000), window_for(10_000)
    (50, 200, 500)
    """
    return max(SMALLEST_WINDOW, min(500, events // 20))


def rolling_mean(values: Sequence[float], window: int) -> list[float]:
    """Mean of each value and up to ``window - 1`` before it.

    >>> rolling_mean([1.0, 0.0, 0.0, 1.0], 2)
    [1.0, 0.5, 0.0, 0.5]
    """
    sums = [0.0, *accumulate(values)]
    return [
        (sums[end] - sums[max(0, end - window)]) / min(window, end) for end in range(1, len(sums))
    ]


def draw(played: Sequence[Played], summary: Summary, path: Path) -> None:
    """Write the curve of the rewards, in their order, as a PNG.

    What is random and what is the best possible are drawn as means of the same events as the
    curve's, since both may change from visit to visit.

    Raises:
        OSError: The file can't be written.
    """
    window = window_for(len(played))
    # The first few points are means of next to nothing, and would only be noise.
    first = min(SMALLEST_WINDOW, len(played)) - 1
    events = range(first + 1, len(played) + 1)
    rewards = [entry.reward for entry in played]
    curve = rolling_mean(rewards, window)[first:]
    random = rolling_mean([entry.random_rate for entry in played], window)[first:]
    best = rolling_mean([entry.best_rate for entry in played], window)[first:]
    most = [ceiling(high, low, summary.exploration) for high, low in zip(best, random, strict=True)]

    figure = Figure(figsize=(9, 5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    best_label = f"best possible without exploration: {summary.best:.2f}"
    axes.plot(events, best, QUIET, linestyle=":", label=best_label)
    most_label = f"best possible at {summary.exploration:.0%} exploration: {summary.ceiling:.2f}"
    axes.plot(events, most, CEILING, linestyle="--", label=most_label)
    axes.plot(events, curve, CURVE, linewidth=2.0, label=f"mean of the last {window:,}")
    so_far = rolling_mean(rewards, len(played))[first:]
    axes.plot(events, so_far, MEAN, label=f"mean so far: {summary.mean:.2f}")
    axes.plot(events, random, RANDOM, linestyle="--", label=f"random: {summary.random:.2f}")

    axes.set_title(
        f"{summary.world}: {summary.mean_last:.2f} over the last {summary.last:,}"
        f" of {summary.answered:,} events",
        loc="left",
        fontweight="bold",
    )
    axes.set_xlabel("events")
    axes.set_ylabel("mean reward")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlim(0, len(played))
    axes.set_ylim(min(0.0, *curve), max(*best, *curve) * 1.05)
    axes.grid(color="#e6e6e6")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize="small")
    figure.savefig(path, format="png")
