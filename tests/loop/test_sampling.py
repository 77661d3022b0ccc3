"""The seeded draw: the numbers that are known, and VW's own sampler."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from loop.sampling import draw, seed, uniform


@pytest.mark.parametrize(
    ("event_id", "hashed", "number"),
    [("event_id", 1209832024, 0.333498), ("a", 1009084850, 0.966362)],
)
def test_known_ids_draw_known_numbers(event_id: str, hashed: int, number: float) -> None:
    assert seed(event_id) == hashed
    assert uniform(hashed) == pytest.approx(number, abs=5e-7)


def test_the_first_sum_above_the_number_is_drawn() -> None:
    # GIVEN an id that draws 0.333498
    # THEN shares are walked in the order they are given, whatever they sum to
    assert draw("event_id", [0.3334, 0.6666]) == 1
    assert draw("event_id", [0.3335, 0.6665]) == 0
    assert draw("event_id", [0.0, 1.0, 0.0]) == 1
    assert draw("event_id", [2.0, 3.9]) == 0
    assert draw("event_id", [1.0]) == 0


def test_vw_draws_the_same() -> None:
    # GIVEN a bandit of one slot, inside which VW itself draws, seeded by the slot's tag
    with Workspace("--ccb_explore_adf --epsilon 0.7 --quiet") as vw:
        shared_and_actions = ["ccb shared |u x", *[f"ccb action |i id{i}" for i in range(5)]]
        for _ in range(10):
            vw.learn([*shared_and_actions, "ccb slot 3:-1:0.2,0:0.2,1:0.2,2:0.2,4:0.2 |s y"])
        for number in range(300):
            event_id = f"event {number}".replace(" ", "-")
            [slot] = vw.predict([*shared_and_actions, f"ccb slot 'seed={event_id} |s y"])
            # WHEN the same shares are drawn from here, the leader first
            leader_first = sorted(slot, key=lambda pair: (-pair[1], pair[0]))
            drawn = draw(event_id, [share for _, share in leader_first])
            # THEN VW has put the same action first
            assert leader_first[drawn][0] == slot[0][0]
    assert leader_first[0] == (3, pytest.approx(0.44, abs=1e-6))


@given(
    event_id=st.text(max_size=20),
    shares=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50).filter(any),
)
def test_a_draw_is_repeatable_and_possible(event_id: str, shares: list[float]) -> None:
    drawn = draw(event_id, shares)

    assert drawn == draw(event_id, shares)
    assert shares[drawn] > 0 or drawn == len(shares) - 1


def test_draws_follow_their_probabilities() -> None:
    shares = [0.6, 0.3, 0.1]
    draws = [draw(f"event {number}", shares) for number in range(20_000)]

    for index, share in enumerate(shares):
        assert draws.count(index) / len(draws) == pytest.approx(share, abs=0.015)
