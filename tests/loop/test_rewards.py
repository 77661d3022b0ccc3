from __future__ import annotations

import sys
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.configuration import RewardAggregation
from loop.rewards import aggregate, imitation

EARLIEST, AVERAGE, MEDIAN, SUM, MIN, MAX = RewardAggregation


@pytest.mark.parametrize(
    ("how", "expected"),
    [(EARLIEST, 0.25), (AVERAGE, 0.25), (MEDIAN, 0.375), (SUM, 1.0), (MIN, -0.5), (MAX, 0.75)],
)
def test_several_rewards_become_one(how: RewardAggregation, expected: float) -> None:
    assert aggregate([0.25, 0.75, -0.5, 0.5], how, default=9.0) == expected


@pytest.mark.parametrize("how", RewardAggregation)
def test_no_reward_is_the_default(how: RewardAggregation) -> None:
    assert aggregate([], how, default=-0.25) == -0.25


@pytest.mark.parametrize("how", RewardAggregation)
def test_a_single_reward_is_itself(how: RewardAggregation) -> None:
    assert aggregate([0.1], how, default=9.0) == 0.1


def test_of_rewards_of_the_same_time_the_first_in_line_is_the_earliest() -> None:
    assert aggregate([0.0, 1.0, 1.0], EARLIEST, default=9.0) == 0.0


@pytest.mark.parametrize("how", RewardAggregation)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_the_outcome_is_always_finite(how: RewardAggregation, rewards: list[float]) -> None:
    assert -sys.float_info.max <= aggregate(rewards, how, default=0.0) <= sys.float_info.max


@given(st.lists(st.floats(-1, 1), min_size=1))
def test_the_average_is_the_mean(rewards: list[float]) -> None:
    assert aggregate(rewards, AVERAGE, 0.0) == pytest.approx(fmean(rewards), abs=1e-12)


@pytest.mark.parametrize(("choice", "reward"), [(0, 1.0), (1, 0.0), (49, 0.0)])
def test_an_apprentice_is_rewarded_for_choosing_the_baseline(choice: int, reward: float) -> None:
    assert imitation(choice) == reward
