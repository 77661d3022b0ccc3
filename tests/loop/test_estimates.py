"""The estimates and their intervals, against what is known without them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from statistics import NormalDist, fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.estimates import Sums
from loop.model import MAX_COST

Z = NormalDist().inv_cdf(0.975)

weights = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
rewards = st.floats(-MAX_COST, MAX_COST)
samples = st.lists(st.tuples(weights, rewards), max_size=30)


def summed(sample: Iterable[tuple[float, float]]) -> Sums:
    sums = Sums()
    for weight, reward in sample:
        sums.add(weight, reward)
    return sums


def test_with_equal_weights_it_is_the_mean_and_its_standard_error() -> None:
    values = [0.0, 1.0, 0.25, 1.0, 0.5, 0.0]
    sums = summed((2.0, value) for value in values)
    assert sums.reward == pytest.approx(fmean(values))
    assert sums.deviation == pytest.approx(pstdev(values) / math.sqrt(6))
    assert sums.effective_events == pytest.approx(6)


def test_weights_count_by_their_share() -> None:
    # GIVEN three matched events of five, one with three times the weight of another
    sums = summed([(3.0, 1.0), (1.0, 0.0), (2.0, 0.5), (0.0, 1.0), (0.0, -1.0)])
    # THEN the formulas hold, as they stand
    assert (sums.events, sums.matched) == (5, 3)
    assert sums.reward == pytest.approx(4 / 6)
    residual = 9 * (1 / 3) ** 2 + 1 * (2 / 3) ** 2 + 4 * (1 / 6) ** 2
    assert sums.deviation == pytest.approx(math.sqrt(residual) / 6)
    assert sums.effective_events == pytest.approx(36 / 14)
    assert (sums.lowest, sums.highest) == (-1.0, 1.0)


@given(samples, samples)
def test_parts_add_up_to_the_whole(
    one: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    whole, parts = summed([*one, *other]), summed(one)
    parts.include(summed(other))
    assert (parts.events, parts.matched) == (whole.events, whole.matched)
    assert (parts.lowest, parts.highest) == (whole.lowest, whole.highest)
    scale = whole.ww * MAX_COST
    for name in ("w", "wr", "ww", "wwr", "wwrr"):
        assert math.isclose(
            getattr(parts, name), getattr(whole, name), rel_tol=1e-9, abs_tol=1e-12 * scale
        )


@given(samples, st.integers(1, 1000))
def test_every_interval_is_finite_and_holds_what_it_is_made_of(
    sample: list[tuple[float, float]], comparisons: int
) -> None:
    sums = summed(sample)
    spread = sums.highest - sums.lowest
    for width in (sums.half_width(), sums.half_width(comparisons)):
        assert math.isfinite(width)
        assert width >= 0.0
    assert sums.half_width(comparisons) >= sums.half_width()
    if sums.matched:
        rounding = 1e-9 * MAX_COST
        assert sums.lowest - rounding <= sums.reward <= sums.highest + rounding
        assert sums.half_width() <= spread


def test_without_any_weight_nothing_is_known() -> None:
    # GIVEN a policy that would have made none of the choices that were made
    sums = summed([(0.0, -0.5), (0.0, 2.0)])
    # THEN its interval holds every reward that was seen
    assert sums.reward == 0.0
    assert sums.half_width() == 2.0
    assert Sums().half_width() == 0.0


def test_few_equal_rewards_are_no_certainty() -> None:
    # GIVEN a log with rewards of 0 and 1, of which a policy has matched five of 0
    sums = summed([*[(1.0, 0.0)] * 5, (0.0, 1.0)])
    # THEN the delta method alone would be certain, and the interval is not: a share that shows
    # nothing in five trials is as high as 0.52 (Clopper and Pearson, 97.5 %)
    assert sums.deviation == 0.0
    assert 0.52 < sums.half_width() < 1.0
    # AND one matched event says nothing at all
    assert summed([(1.0, 0.0), (0.0, 1.0)]).half_width() == 1.0
    # AND where no other reward was ever seen, there is nothing to be uncertain of
    assert summed([(1.0, 0.5)] * 5).half_width() == 0.0


def test_with_equal_weights_and_shares_it_holds_wilsons_interval() -> None:
    for trials, hits in [(10, 1), (50, 1), (50, 25), (400, 8)]:
        share = hits / trials
        sums = summed((1.0, float(i < hits)) for i in range(trials))
        inner = Z * math.sqrt(share * (1 - share) / trials + (Z / (2 * trials)) ** 2)
        middle, scale = share + Z * Z / (2 * trials), 1 + Z * Z / trials
        assert share - sums.half_width() <= (middle - inner) / scale
        assert share + sums.half_width() >= (middle + inner) / scale


def test_what_makes_up_for_few_events_vanishes_with_many() -> None:
    chance = random.Random(1)
    sums = summed((2.0 * (chance.random() < 0.5), chance.random()) for _ in range(100_000))
    assert sums.half_width() == pytest.approx(Z * sums.deviation, rel=0.02)


def test_many_comparisons_widen_the_interval() -> None:
    sums = summed((1.0, float(i % 2)) for i in range(100_000))
    wider = NormalDist().inv_cdf(1 - 0.025 / 20)
    assert sums.half_width(20) / sums.half_width() == pytest.approx(wider / Z, rel=0.01)


def test_large_rewards_and_weights_lose_no_digits_that_matter() -> None:
    # GIVEN rewards near the largest that are learned, which differ by a ten-thousandth
    sums = summed((1.0, MAX_COST - 100 * (i % 2)) for i in range(100_000))
    assert sums.deviation == pytest.approx(50 / math.sqrt(100_000), rel=0.001)
    # AND weights as large as a chance of single precision can make them
    sums = summed([(1e38, MAX_COST), (1e38, -MAX_COST), (1.0, 0.0)] * 1000)
    assert sums.reward == pytest.approx(0.0, abs=1e-6)
    assert sums.deviation == pytest.approx(MAX_COST / math.sqrt(2000))
