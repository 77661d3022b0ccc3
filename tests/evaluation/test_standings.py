"""How policies do over all slots of a page."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from evaluation.jobs import Source
from evaluation.standings import estimate_of, overall, pooled, standings
from loop.estimates import Sums
from tests.evaluation.results import judged

Draw = Callable[[], tuple[float, float]]


def drawn(seed: int) -> Draw:
    """Weights and rewards, as a policy that is not the online one has them."""
    chance = random.Random(seed)
    return lambda: (chance.choice([0.0, 0.5, 4.0]), float(chance.random() < 0.3))


def test_one_slot_is_as_it_is_by_itself() -> None:
    draw, sums = drawn(1), Sums()
    for _ in range(500):
        sums.add(*draw())
    estimate = pooled([sums], 7)
    assert estimate.sums == sums
    assert estimate.half_width == sums.half_width(7)


@pytest.mark.parametrize("count", [2, 5])
def test_slots_that_always_go_together_tell_no_more_than_one(count: int) -> None:
    # GIVEN pages all of whose slots are weighed and rewarded alike
    draw, slots = drawn(2), [Sums() for _ in range(count)]
    for _ in range(500):
        weight, reward = draw()
        for sums in slots:
            sums.add(weight, reward)
    # THEN the interval is that of one of them, however many they are
    estimate = pooled(slots, 3)
    assert estimate.sums.reward == pytest.approx(slots[0].reward)
    assert estimate.half_width == pytest.approx(slots[0].half_width(3))


def test_slots_that_go_their_own_ways_are_not_told_too_narrowly() -> None:
    # GIVEN slots that have nothing to do with each other, each with a mean of its own
    draw, slots, every = drawn(3), [Sums(), Sums()], Sums()
    for _ in range(2_000):
        for place, sums in enumerate(slots):
            weight, reward = draw()
            sums.add(weight, reward + place)
            every.add(weight, reward + place)
    estimate = pooled(slots, 1)
    # THEN the estimate is that of all slots, and its interval at least as wide, at most by √2
    assert estimate.sums.reward == pytest.approx(every.reward)
    assert every.half_width() <= estimate.half_width <= 1.5 * every.half_width()


def test_nothing_judged_gives_no_estimate() -> None:
    estimate = pooled([], 1)
    assert (estimate.sums.events, estimate.half_width) == (0, 0.0)


def test_a_standing_keeps_the_estimate() -> None:
    policy = judged("p", Source.FOUND, top=[(1, 2, 1.0), (9, 0.5, 0.0)], side=[(1, 1, 1.0)])
    [standing] = standings([policy.model_copy(update={"comparisons": 5})])
    estimate = estimate_of(standing)
    expected = overall(policy.model_copy(update={"comparisons": 5}))
    assert (standing.name, standing.source) == ("p", Source.FOUND)
    assert estimate.half_width == expected.half_width
    assert estimate.sums.reward == expected.sums.reward
    assert estimate.sums.events == 3
