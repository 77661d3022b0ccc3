"""What a policy would have earned, from events that another policy has decided.

An event counts with the weight w = π(a|x) / p: the probability with which the judged policy would
have made the choice that was made, over the probability with which it was made (its propensity).

    IPS    (1/n) Σ w·r            Horvitz and Thompson, 1952; unbiased, and widely scattered
    SNIPS  v = Σ w·r / Σ w        Swaminathan and Joachims, NeurIPS 2015; the estimate used here
    its variance  Σ w²·(r - v)² / (Σ w)²    the delta method: Owen, Monte Carlo, 2013, chapter 9

All of it comes from sums, so that events can be judged one by one, in parts, by several processes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(slots=True)
class Sums:
    """Sums over judged events.

    Attributes:
        events: How many they are.
        matched: How many of them have a weight above 0.
        w: Σ w, and so on: ``wwr`` is Σ w²·r, ``wwrr`` is Σ w²·r².
    """

    events: int = 0
    matched: int = 0
    w: float = 0.0
    wr: float = 0.0
    ww: float = 0.0
    wwr: float = 0.0
    wwrr: float = 0.0

    def add(self, weight: float, reward: float) -> None:
        """Take in an event."""
        weighed = weight * reward
        self.events += 1
        self.matched += weight > 0
        self.w += weight
        self.wr += weighed
        self.ww += weight * weight
        self.wwr += weight * weighed
        self.wwrr += weighed * weighed

    def include(self, other: Sums) -> None:
        """Take in what was summed elsewhere."""
        self.events += other.events
        self.matched += other.matched
        self.w += other.w
        self.wr += other.wr
        self.ww += other.ww
        self.wwr += other.wwr
        self.wwrr += other.wwrr

    @property
    def reward(self) -> float:
        """The SNIPS estimate of the mean reward; 0 where no event has any weight."""
        return self.wr / self.w if self.w > 0 else 0.0

    @property
    def deviation(self) -> float:
        """The standard error of ``reward`` by the delta method; 0 where there is no weight."""
        if self.w <= 0:
            return 0.0
        mean = self.reward
        residual = self.wwrr - 2 * mean * self.wwr + mean * mean * self.ww
        return math.sqrt(max(0.0, residual)) / self.w

    def half_width(self, comparisons: int = 1) -> float:
        """Half the interval around ``reward`` that holds the true value with ``CONFIDENCE``.

        Args:
            comparisons: Among how many policies this one was picked; the interval is widened so
                that it holds for all of them at once (Bonferroni).
        """
        share = (1 - CONFIDENCE) / comparisons
        return NormalDist().inv_cdf(1 - share / 2) * self.deviation
