"""Counting what came of decisions, and when; and rewards that belong to none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from diagnosis.profile import DelayProfile, RewardsProfile, StraysProfile
from loop.events import SECOND, Micros, Reward
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent

_MOST_VALUES = 200
_MOST_STRAYS = 5000


def delay_profile(delays: Sequence[float]) -> DelayProfile | None:
    """Quantiles of seconds; None without any.

    >>> delay_profile([5.0, 1.0, 2.0])
    DelayProfile(rewards=3, median=2.0, p90=5.0, p95=5.0, longest=5.0)
    """
    if not delays:
        return None
    in_order = sorted(delays)

    def quantile(share: float) -> float:
        return in_order[min(len(in_order) - 1, int(share * len(in_order)))]

    return DelayProfile(
        rewards=len(in_order),
        median=quantile(0.5),
        p90=quantile(0.9),
        p95=quantile(0.95),
        longest=in_order[-1],
    )


class RewardSketch:
    """What came of decisions, and how long that took."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._values = Counter[float]()
        self._least = float("inf")
        self._greatest = float("-inf")
        self._total = 0.0
        self._delays: list[float] = []

    def add(self, event: Event) -> None:
        """Take in an event; what no model may learn from is left out."""
        if event.withheld:
            return
        if not event.activated:
            self._counts["inactive"] += 1
            self._counts["inactive_rewarded"] += event.rewarded
            return
        for rewards, outcome in _outcomes(event):
            self._counts["outcomes"] += 1
            self._counts["rewarded"] += bool(rewards)
            self._counts["several"] += len(rewards) > 1
            self._counts["outside"] += not -1 <= outcome <= 1
            self._least = min(self._least, outcome)
            self._greatest = max(self._greatest, outcome)
            self._total += outcome
            if outcome in self._values or len(self._values) < _MOST_VALUES:
                self._values[outcome] += 1
            if rewards:
                self._delays.append((rewards[0] - event.decision.time) / SECOND)

    def profile(self) -> RewardsProfile:
        """The counts so far."""
        outcomes = self._counts["outcomes"]
        if not outcomes:
            return RewardsProfile(**self._counts)
        return RewardsProfile(
            **self._counts,
            values=len(self._values),
            commonest=max(self._values.values()),
            least=self._least,
            greatest=self._greatest,
            mean=self._total / outcomes,
            delays=delay_profile(self._delays),
        )


def _outcomes(event: Event) -> Iterator[tuple[list[Micros], float]]:
    """When the rewards of each choice came, and what they came to."""
    if isinstance(event, MultiSlotEvent):
        for outcome in event.outcomes:
            yield [reward.time for reward in outcome.rewards], outcome.reward
    else:
        yield [o.time for o in event.observations if isinstance(o, Reward)], event.reward


class StraySketch:
    """Rewards that no event was learned with, held against the events of a sample."""

    def __init__(self) -> None:
        self._decided: dict[str, Micros] = {}
        self._plain: set[str] = set()
        self._counts = Counter[str]()
        self._delays: list[float] = []
        self._forgotten: list[float] = []

    def decided(self, event: Event) -> None:
        """Know an event of the sample; all of them come before the first stray."""
        decision = event.decision
        self._decided[decision.event_id] = decision.time
        self._plain.add(_plain(decision.event_id))

    def strayed(self, event_id: str, time: Micros, late: bool) -> None:
        """Take in a reward for ``event_id`` that arrived at ``time``.

        Args:
            late: Whether its event was still remembered.
        """
        if self._counts["looked"] >= _MOST_STRAYS:
            return
        self._counts["looked"] += 1
        decided = self._decided.get(event_id)
        if decided is not None and time > decided:
            self._counts["known"] += 1
            delays = self._delays if late else self._forgotten
            delays.append((time - decided) / SECOND)
        elif decided is None and _plain(event_id) in self._plain:
            self._counts["respelt"] += 1

    def profile(self) -> StraysProfile:
        """The counts so far."""
        return StraysProfile(
            **self._counts,
            delays=delay_profile(self._delays),
            forgotten=delay_profile(self._forgotten),
        )


def _plain(event_id: str) -> str:
    return event_id.strip().casefold()
