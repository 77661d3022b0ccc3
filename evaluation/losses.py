"""What choices lose when a feature is exchanged; ``evaluation.importance`` says how it is meant."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from evaluation.pieces import Exchanged, Feature, TakenApart, Workbench
from loop.model import Model

SURE = 0.99
"""With how much confidence some feature has to matter for any to have a score above 0."""

TELLING = 2.0
"""Standard errors, from which on it counts that rewards are other than models expect."""

_Way = tuple[int, int]
"""Which third was judged, and which of the other two acted."""


@dataclass(slots=True)
class _Mean:
    """The mean of what was added for some of the choices, as if 0 had been added for the rest."""

    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.total += value
        self.squares += value * value

    def of(self, count: int) -> tuple[float, float]:
        """The mean and its standard error."""
        mean = self.total / count
        return mean, math.sqrt(max(0.0, self.squares / count - mean * mean) / count)


class Losses:
    """What choices lose, by feature and by the way that it was measured.

    Attributes:
        choices: How many were judged.
        work: How many pieces models have read for it.
    """

    def __init__(self) -> None:
        self.choices = 0
        self.work = 0
        self._ways: dict[_Way, dict[Feature, float]] = {}
        self._judged: Counter[_Way] = Counter()
        self._surprises: dict[Feature, _Mean] = defaultdict(_Mean)
        self._robust: dict[Feature, _Mean] = defaultdict(_Mean)

    def judge(
        self,
        bench: Workbench,
        choice: TakenApart,
        changed: Sequence[Exchanged],
        number: int,
        models: tuple[Model, Model],
    ) -> None:
        """Measure what a choice loses with each feature exchanged.

        Args:
            number: Of the third that it is of.
            models: Those of both other thirds: each acts, and the other one tells the rewards.
        """
        self.choices += 1
        self.work += len(models) * (1 + len(changed)) * choice.size
        lines = bench.lines(choice.context, choice.actions)
        weighed = [model.weigh(lines) for model in models]
        self._judged.update([(number, acting) for acting in range(len(models))])
        for change in changed:
            lines = bench.lines(change.context, change.actions)
            mean = surprise = 0.0
            for acting, model in enumerate(models):
                before, _ = weighed[acting]
                _, costs = weighed[1 - acting]
                after, _ = model.weigh(lines)
                shifts = [p - q for p, q in zip(before, after, strict=True)]
                loss = -sum(shift * cost for shift, cost in zip(shifts, costs, strict=True))
                way = self._ways.setdefault((number, acting), {})
                way[change.feature] = way.get(change.feature, 0.0) + loss
                mean += loss / len(models)
                unexpected = (choice.reward + costs[choice.chosen]) / choice.propensity
                surprise += shifts[choice.chosen] * unexpected / len(models)
            self._surprises[change.feature].add(surprise)
            self._robust[change.feature].add(mean + surprise)

    def of(self, features: Iterable[Feature]) -> dict[Feature, float]:
        """The loss of each feature, less its standard error."""
        found = {}
        for feature in features:
            ways = [way.get(feature, 0.0) / self._judged[name] for name, way in self._ways.items()]
            error = stdev(ways) / math.sqrt(len(ways)) if len(ways) > 1 else 0.0
            surprise, spread = self._surprises[feature].of(self.choices)
            told = max(0.0, 1.0 - (TELLING * spread / surprise) ** 2) if surprise else 0.0
            found[feature] = fmean(ways or [0.0]) - error + told * surprise
        return found

    def stand_out(self, features: Sequence[Feature]) -> bool:
        """Whether chance alone would seldom make the loss of any feature as large as it is."""
        if not features:
            return False
        needed = NormalDist().inv_cdf(1 - (1 - SURE) / len(features))
        means = [self._robust[feature].of(self.choices) for feature in features]
        return any(mean > needed * error for mean, error in means)
