"""Scores are those of features that tell what an action earns, on worlds where that is known.

`python -m benchmarks.importance` says so with more and longer logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest

from benchmarks.importance import in_order, run, scores_of
from benchmarks.telling_worlds import TellingWorld, pages, telling_worlds
from evaluation import importance as room
from evaluation.importance import FEWEST_CHOICES, Importance, NotMeasurable, importance
from evaluation.pieces import Feature
from loop.errors import InvalidPolicyConfiguration
from loop.events import LearningMode
from loop.joined import JoinedEvent
from loop.joined_log import Event
from loop.learning_settings import DEFAULT_MULTI_SLOT_ARGUMENTS

EVENTS = 2_000
NEAR_ZERO = 0.1


def world(name: str) -> TellingWorld:
    return next(each for each in telling_worlds() if each.name == name)


def named(found: Importance) -> dict[str, float]:
    return {f"{feature.namespace}.{feature.name}": s for feature, s in scores_of(found).items()}


@pytest.fixture(scope="module")
def customers() -> list[Event]:
    return world("customers").events(EVENTS, seed=1)


def test_what_tells_most_comes_first_and_noise_is_near_zero(customers: Sequence[Event]) -> None:
    # GIVEN customers whose segment tells most of what they like, and other things some or nothing
    # WHEN it is asked which features matter
    found = importance(customers, world("customers").policy)
    # THEN the segment and the drink itself do, by far
    scores = named(found)
    assert {scored.name for scored in found.scores[:2]} == {"segment", "id"}
    assert found.scores[0].score == 1.0
    assert min(scores["FromUrl.segment"], scores["i.id"]) > 0.6
    # AND the temperature of a drink matters, as does that of the hour, and noise does not
    assert scores["j.kind"] > NEAR_ZERO
    for noise in ("FromUrl.noise", "FromUrl.visit", "address.city", "j.cup"):
        assert scores[noise] < NEAR_ZERO / 2
    # AND what every action has is no feature
    assert "i.constant" not in scores
    assert (found.features, found.learned, found.judged) == (9, EVENTS, EVENTS)
    assert found.loss > 0


def test_the_same_events_have_the_same_scores(customers: Sequence[Event]) -> None:
    policy = world("customers").policy
    some = customers[:400]
    assert importance(some, policy) == importance(some, policy)


def test_features_that_only_tell_together_all_matter() -> None:
    # GIVEN a world in which either of two features alone tells nothing
    pairs = world("pairs that only tell together")
    events = pairs.events(EVENTS, seed=1)
    # THEN both matter to a policy that combines them
    scores = named(importance(events, pairs.policy))
    assert min(scores["FromUrl.left"], scores["FromUrl.right"], scores["i.id"]) > 0.8
    assert scores["FromUrl.noise"] < NEAR_ZERO
    # AND to one that can't, they don't
    alone = importance(events, "--cb_explore_adf --cb_type mtr -q Fi")
    assert alone.loss < 0.05


def test_a_feature_that_another_one_repeats_still_matters() -> None:
    # GIVEN a segment that is there twice, by two names
    twins = world("twins")
    scores = named(importance(twins.events(EVENTS, seed=1), twins.policy))
    # THEN both matter, and equally
    assert scores["FromUrl.segment"] > 2 * NEAR_ZERO
    assert scores["FromUrl.copy"] == pytest.approx(scores["FromUrl.segment"], abs=0.05)


def test_where_nothing_tells_nothing_scores() -> None:
    nothing = world("nothing tells")
    found = importance(nothing.events(EVENTS, seed=1), nothing.policy)
    assert found.loss == 0
    assert len(found.scores) == 9
    assert {scored.score for scored in found.scores} == {0.0}
    # All in one group, in the order of the alphabet.
    [group] = found.groups()
    assert group == tuple(sorted(group))


def test_slots_of_pages_are_choices() -> None:
    # GIVEN pages on which the kind of an item has to suit the size of its slot
    found = importance(pages(EVENTS, seed=1), DEFAULT_MULTI_SLOT_ARGUMENTS)
    # THEN these two matter
    scores = named(found)
    assert {scored.name for scored in found.scores[:2]} == {"size", "kind"}
    for noise in ("slot.colour", "FromUrl.noise", "i.id"):
        assert scores[noise] < NEAR_ZERO
    # AND the place of a slot, which nobody has sent, is no feature
    assert "slot._place" not in scores
    assert found.learned == 2 * EVENTS


def test_only_what_was_shown_by_its_probability_counts(customers: Sequence[Event]) -> None:
    # GIVEN events of an apprentice among others
    events: list[Event] = []
    for number, event in enumerate(customers[:400]):
        assert isinstance(event, JoinedEvent)
        mode = LearningMode.APPRENTICE if number % 2 else LearningMode.ONLINE
        events.append(replace(event, decision=replace(event.decision, mode=mode)))
    # THEN the others count
    policy = world("customers").policy
    assert importance(events, policy) == importance(events[::2], policy)
    # AND nothing is said where there are none
    with pytest.raises(NotMeasurable, match="holds 0 choices"):
        importance(events[1::2], policy)


def test_too_few_choices_say_nothing(customers: Sequence[Event]) -> None:
    with pytest.raises(NotMeasurable, match=f"holds {FEWEST_CHOICES - 1} choices"):
        importance(customers[: FEWEST_CHOICES - 1], world("customers").policy)


def test_events_that_vw_can_not_be_given_are_passed_over(customers: Sequence[Event]) -> None:
    broken = [
        customers[0].with_features(b'{"FromUrl":[{"tags":["a","b"]}],"_multi":[{"i":{"id":"a"}}]}'),
        customers[0].with_features(b"[]"),
    ]
    policy = world("customers").policy
    found = importance([*broken, *customers[:200]], policy)
    assert found.learned == 200


def test_a_long_log_is_sampled(customers: Sequence[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN bounds below what there is
    monkeypatch.setattr(room, "MOST_EVENTS", 300)
    monkeypatch.setattr(room, "MOST_FEATURES", 4)
    monkeypatch.setattr(room, "MOST_WORK", 10_000)
    # THEN fewer events, features and choices are looked at, and it is said how many
    found = importance(customers, world("customers").policy)
    assert (found.learned, len(found.scores), found.features) == (300, 4, 9)
    assert FEWEST_CHOICES <= found.judged < 300
    # AND of choices with many features still fewer
    monkeypatch.setattr(room, "MOST_PIECES", 2_000)
    assert importance(customers, world("customers").policy).learned < 150


def test_it_ends_when_time_is_up(customers: Sequence[Event]) -> None:
    # GIVEN a clock that says that the time to learn is over
    policy = world("customers").policy
    shares = iter([*[0.0] * 20, *[0.5] * 50])
    # THEN models learn from what they have seen, and choices are judged until the end
    found = importance(customers, policy, time_spent=lambda: next(shares, 1.0))
    assert (found.learned, found.judged) == (63, 49)
    # AND nothing is said by too few of them
    shares = iter([0.0] * 10)
    with pytest.raises(NotMeasurable, match="only time to judge by 0 choices"):
        importance(customers, policy, time_spent=lambda: next(shares, 1.0))


def test_progress_is_told(customers: Sequence[Event]) -> None:
    told: list[float] = []
    importance(customers[:300], world("customers").policy, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_arguments_that_are_none_are_an_error(customers: Sequence[Event]) -> None:
    with pytest.raises(InvalidPolicyConfiguration, match="only one can be had"):
        importance(customers[:100], "--cb_explore_adf --first 2 --bag 3")


@pytest.mark.acceptance
def test_logs_of_all_worlds_agree_with_the_truth() -> None:
    for each in telling_worlds():
        # GIVEN some logs of each world
        losses = each.losses()
        largest = max(losses.values()) or 1.0
        truth = {feature: loss / largest for feature, loss in losses.items()}
        runs = [run(each, seed) for seed in range(5)]
        # THEN noise is near zero in the mean
        for feature in (Feature("FromUrl", "noise"), Feature("FromUrl", "visit")):
            if feature in truth:
                assert fmean(scores[feature] for scores, _ in runs) < NEAR_ZERO, each.name
        # AND what is clearly apart is nearly always in the right order
        right, pairs = map(sum, zip(*[in_order(truth, scores) for scores, _ in runs], strict=True))
        assert right >= 0.9 * pairs, each.name
        # AND where nothing tells, hardly any log seems to say something
        if each.name == "nothing tells":
            assert sum(stands_out for _, stands_out in runs) <= 1
