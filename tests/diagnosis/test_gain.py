"""The gain and its interval, on worlds whose truth is known."""

from __future__ import annotations

from random import Random

import pytest

from diagnosis.gain import Gain
from diagnosis.profile import Comparison

BEST = 0.6
"""Chance of a reward with the one action of four that the model prefers; the others have half."""

EXPLORED = 0.2
TRUE_REWARD = 0.85 * BEST + 0.15 * BEST / 2
TRUE_GAIN = TRUE_REWARD - (BEST + 3 * BEST / 2) / 4


def played(seed: int, events: int) -> Gain:
    """Choices of an epsilon-greedy model among four actions, judged against even ones."""
    random = Random(seed)
    gain = Gain()
    for _ in range(events):
        preferred = random.random() < 0.85
        propensity = 0.85 if preferred else EXPLORED / 4
        chance = BEST if preferred else BEST / 2
        gain.add(0.25 / propensity, float(random.random() < chance))
    return gain


def test_the_interval_holds_the_true_gain_as_often_as_it_says() -> None:
    found = [played(seed, 1000).comparison() for seed in range(400)]
    intervals = [each for each in found if each is not None]
    covered = sum(abs(each.gain - TRUE_GAIN) <= each.half_width for each in intervals)
    assert covered >= 0.92 * len(intervals) == 0.92 * 400


def test_it_finds_what_is_true() -> None:
    gain = played(1, 4000)
    found = gain.comparison()
    assert found is not None
    assert (found.better, found.worse) == (True, False)
    assert gain.mean == pytest.approx(TRUE_REWARD, abs=0.03)
    assert found.reward == pytest.approx(TRUE_REWARD - TRUE_GAIN, abs=0.05)


def test_a_policy_that_was_never_followed_can_t_be_compared() -> None:
    gain = Gain()
    gain.add(0.0, 1.0)
    assert gain.comparison() is None
    assert Gain().comparison() is None
    assert Gain().mean == 0.0


def test_worse_is_the_other_way_round() -> None:
    found = Comparison(reward=0.5, gain=-0.2, half_width=0.1)
    assert (found.better, found.worse) == (False, True)
    found = Comparison(reward=0.5, gain=-0.2, half_width=0.3)
    assert (found.better, found.worse) == (False, False)


def test_a_policy_that_does_the_same_gains_nothing() -> None:
    gain = Gain()
    for reward in (0.0, 1.0, 1.0):
        gain.add(1.0, reward)
    found = gain.comparison()
    assert found is not None
    assert found.gain == pytest.approx(0.0)
    assert found.half_width == pytest.approx(0.0, abs=1e-6)
