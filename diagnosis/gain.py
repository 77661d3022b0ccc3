"""How much more the choices that were made have earned than another policy would have.

Both are estimated from the same events, so that what they have in common cancels out: with r the
reward of an event, w the weight that the other policy gives it (its probability of the choice that
was made, over that choice's propensity), m the mean of r over n events and v = Σ w·r / Σ w (SNIPS:
Swaminathan and Joachims, NeurIPS 2015)

    gain = m - v        its variance  Σ ((r - m)/n - w·(r - v)/Σw)²

which is the delta method for a difference of two ratios (Owen, Monte Carlo theory, methods and
examples, 2013, chapters 2 and 9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from diagnosis.profile import Comparison

_QUANTILE = NormalDist().inv_cdf(0.975)


@dataclass(slots=True)
class Gain:
    """Sums over events: ``wwr`` is Σ w²·r, and so on."""

    n: int = 0
    r: float = 0.0
    rr: float = 0.0
    w: float = 0.0
    wr: float = 0.0
    wrr: float = 0.0
    ww: float = 0.0
    wwr: float = 0.0
    wwrr: float = 0.0

    def add(self, weight: float, reward: float) -> None:
        """Take in an event.

        Args:
            weight: That of the other policy, 0 or more.
        """
        weighed = weight * reward
        self.n += 1
        self.r += reward
        self.rr += reward * reward
        self.w += weight
        self.wr += weighed
        self.wrr += weighed * reward
        self.ww += weight * weight
        self.wwr += weight * weighed
        self.wwrr += weighed * weighed

    @property
    def mean(self) -> float:
        """The mean reward of the choices that were made; 0 without any."""
        return self.r / self.n if self.n else 0.0

    def comparison(self) -> Comparison | None:
        """The gain with its 95 % interval; None where the other policy has no weight at all.

        >>> gain = Gain()
        >>> for weight, reward in ((0.5, 1.0), (0.5, 1.0), (2.0, 0.0), (2.0, 0.0)) * 100:
        ...     gain.add(weight, reward)
        >>> found = gain.comparison()
        >>> found is not None and found.better, gain.mean, found and round(found.reward, 3)
        (True, 0.5, 0.2)
        """
        if self.w <= 0 or self.n == 0:
            return None
        m, v = self.mean, self.wr / self.w
        own = self.rr - self.n * m * m
        cross = self.wrr - (m + v) * self.wr + m * v * self.w
        other = self.wwrr - 2 * v * self.wwr + v * v * self.ww
        variance = own / self.n**2 - 2 * cross / (self.n * self.w) + other / self.w**2
        half_width = _QUANTILE * math.sqrt(max(0.0, variance))
        return Comparison(reward=v, gain=m - v, half_width=half_width)
