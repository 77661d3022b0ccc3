"""What a policy would have earned, from events that another policy has decided.

An event counts with the weight w = π(a|x) / p: the probability with which the judged policy would
have made the choice that was made, over the probability with which it was made (its propensity).

    IPS    (1/n) Σ w·r            Horvitz and Thompson, 1952; unbiased, and widely scattered
    SNIPS  v = Σ w·r / Σ w        Swaminathan and Joachims, NeurIPS 2015; the estimate used here
    its variance  s² = Σ w²·(r - v)² / (Σ w)²    the delta method: Owen, Monte Carlo, 2013, ch. 9
    effective events  m = (Σ w)² / Σ w²          Kish, Survey Sampling, 1965
    its interval  v ± (z·√(s² + (z·u/2)²) + z²·u/2),  u = (highest - lowest reward) / m

Without u that is the usual v ± z·s. It fails where few of the events have earned anything: v then
comes out too low and s with it, and where none of them has, s is 0. What u adds makes up for such a
reward more or less, in the form of Wilson's interval for a share (JASA 1927); it vanishes faster
than s. With n weights of 1 and nothing but rewards of 0, in a log of 0 to 1, it gives 0 ± z²/n.

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

    Doubles hold them for weights up to 1e38 and rewards up to 1e6. Of rewards whose differences are
    a hundred-thousandth of their size or less, the interval is the rounding's.

    Attributes:
        events: How many they are.
        matched: How many of them have a weight above 0.
        w: Σ w, and so on: ``wwr`` is Σ w²·r, ``wwrr`` is Σ w²·r².
        lowest: The lowest reward, whatever its weight; 0 without events.
        highest: The highest one.

    >>> sums = Sums()
    >>> for weight, reward in [(4.0, 1.0), (0.0, 1.0), (2.0, 0.0), (2.0, 0.0)]:
    ...     sums.add(weight, reward)
    >>> sums.reward, round(sums.deviation, 3), round(sums.half_width(), 3)
    (0.5, 0.306, 1.0)
    """

    events: int = 0
    matched: int = 0
    w: float = 0.0
    wr: float = 0.0
    ww: float = 0.0
    wwr: float = 0.0
    wwrr: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0

    def add(self, weight: float, reward: float) -> None:
        """Take in an event."""
        weighed = weight * reward
        if self.events == 0:
            self.lowest = self.highest = reward
        elif reward < self.lowest:
            self.lowest = reward
        elif reward > self.highest:
            self.highest = reward
        self.events += 1
        self.matched += weight > 0
        self.w += weight
        self.wr += weighed
        self.ww += weight * weight
        self.wwr += weight * weighed
        self.wwrr += weighed * weighed

    def include(self, other: Sums) -> None:
        """Take in what was summed elsewhere."""
        if self.events == 0:
            self.lowest, self.highest = other.lowest, other.highest
        elif other.events > 0:
            self.lowest = min(self.lowest, other.lowest)
            self.highest = max(self.highest, other.highest)
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

    @property
    def effective_events(self) -> float:
        """How many events of weight 1 would tell as much; 0 where there is no weight."""
        return self.w / self.ww * self.w if self.ww > 0 else 0.0

    def half_width(self, comparisons: int = 1) -> float:
        """Half the interval around ``reward`` that holds the true value with ``CONFIDENCE``.

        Never wider than it takes to hold all rewards that were seen: where no event has any weight
        it is so wide, as nothing is known. Where all rewards are the same, weight or not, it is 0.

        Args:
            comparisons: Among how many policies this one was picked; the interval is widened so
                that it holds for all of them at once (Bonferroni).
        """
        if self.effective_events == 0:
            return max(abs(self.lowest), abs(self.highest))
        share = (1 - CONFIDENCE) / comparisons
        z = NormalDist().inv_cdf(1 - share / 2)
        spread = self.highest - self.lowest
        slack = z * z / 2 * spread / self.effective_events
        return min(spread, math.hypot(z * self.deviation, slack) + slack)
