"""How the rewards of one event become the one number that is learned from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from loop.configuration import RewardAggregation


def aggregate(rewards: Sequence[float], how: RewardAggregation, default: float) -> float:
    """One reward for an event.

    Args:
        rewards: Finite values in order of arrival; those that arrived at the same time keep the
            order that they are in.
        how: The aggregation that the owner has chosen.
        default: What an event without rewards is worth.

    Returns:
        A finite number: where a sum leaves the range of a double, its largest of that sign.

    >>> [aggregate([0.5, 1.0, 0.0], how, -1.0) for how in RewardAggregation]
    [0.5, 0.5, 0.5, 1.5, 0.0, 1.0]
    >>> aggregate([], RewardAggregation.SUM, -1.0)
    -1.0
    >>> aggregate([1e308, 1e308], RewardAggregation.SUM, 0.0) == sys.float_info.max
    True
    """
    if not rewards:
        return default
    if how is RewardAggregation.EARLIEST:
        return rewards[0]
    if how is RewardAggregation.AVERAGE:
        return _finite(sum(rewards) / len(rewards))
    if how is RewardAggregation.MEDIAN:
        return _finite(median(rewards))
    if how is RewardAggregation.SUM:
        return _finite(sum(rewards))
    if how is RewardAggregation.MIN:
        return min(rewards)
    return max(rewards)


def _finite(value: float) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, value))


def imitation(choice: int, baseline: int = 0) -> float:
    """What an apprentice is rewarded with: 1 where its choice is the baseline's, 0 elsewhere.

    Args:
        choice: Index of the action that the model has drawn.
        baseline: Index of the action that the application was given.

    >>> imitation(0), imitation(2)
    (1.0, 0.0)
    """
    return 1.0 if choice == baseline else 0.0
