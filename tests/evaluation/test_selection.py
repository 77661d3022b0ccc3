"""Which policy is told to be the best one, and when a loop changes over by itself."""

from __future__ import annotations

import pytest

from evaluation.jobs import JudgedPolicy, Source
from evaluation.judging import Series
from evaluation.search import CURRENT
from evaluation.selection import ENOUGH, optimal, verdict
from loop.events import SECOND, Micros

HOUR = 3_600 * SECOND


def policy(
    name: str,
    earned: float | tuple[float, float],
    source: Source = Source.FOUND,
    *,
    events: int = 1_000,
    weight: float = 2.0,
    comparisons: int = 1,
    slots: tuple[str, ...] = ("",),
) -> JudgedPolicy:
    """A policy that was judged by rewards of 0 and 1, as many as give this mean in every hour.

    Args:
        earned: The mean, or those of two hours.
    """
    series = Series()
    halves = earned if isinstance(earned, tuple) else (earned, earned)
    for slot in slots:
        for hour, mean in enumerate(halves):
            half = events // 2
            for number in range(half):
                reward = float(number < round(mean * half))
                series.add(slot, Micros(hour * HOUR), weight, reward)
    return JudgedPolicy(
        name=name, arguments="", source=source, slots=series.judged(), comparisons=comparisons
    )


def online(earned: float | tuple[float, float], events: int = 1_000) -> JudgedPolicy:
    return policy("online", earned, Source.ONLINE, events=events, weight=1.0)


def afresh(earned: float | tuple[float, float], events: int = 1_000) -> JudgedPolicy:
    return policy(CURRENT, earned, Source.CUSTOM, events=events)


def test_the_highest_estimate_is_optimal() -> None:
    policies = [online(0.5), policy("mine", 0.6, Source.CUSTOM), policy("Hyper1", 0.7)]
    assert optimal(policies) is policies[2]
    assert optimal(policies[:2]) is policies[1]
    assert optimal([online(0.5), policy("Hyper1", 0.4)]) == online(0.5)


def test_what_no_loop_can_run_is_not_optimal() -> None:
    policies = [
        policy("baseline1", 0.9, Source.BASELINE),
        policy("baselineRand", 0.8, Source.RANDOM),
        online(0.5),
    ]
    assert optimal(policies) is policies[2]


def test_of_equals_the_first_is_optimal() -> None:
    policies = [online(0.5), policy("Hyper1", 0.5), policy("Hyper2", 0.5)]
    assert optimal(policies) is policies[0]


def test_where_the_settings_in_force_are_best_that_is_the_online_policy() -> None:
    policies = [online(0.5), afresh(0.8), policy("Hyper1", 0.7)]
    assert optimal(policies) is policies[0]


def test_what_hardly_any_event_tells_of_is_not_optimal() -> None:
    # GIVEN a policy that chose the same as online in a few events, all of which went well
    lucky = policy("lucky", 1.0, Source.CUSTOM, events=int(ENOUGH) - 2)
    # THEN it is no optimum, and without any other there is none
    assert optimal([online(0.5), lucky]) == online(0.5)
    assert optimal([lucky]) is None
    assert optimal([]) is None


def test_a_policy_without_any_event_is_not_optimal() -> None:
    failed = JudgedPolicy(name="Hyper1", arguments="", source=Source.FOUND, slots=())
    assert optimal([online(0.5), failed]) == online(0.5)


def test_slots_count_together() -> None:
    policies = [
        policy("online", 0.5, Source.ONLINE, slots=("top", "side"), weight=1.0),
        policy("Hyper1", 0.6, slots=("top", "side")),
    ]
    assert optimal(policies) is policies[1]


def test_what_is_clearly_better_replaces_the_policy_in_force() -> None:
    # GIVEN a found policy that is beyond doubt, with its figures allowing for 21
    policies = [online(0.4), afresh(0.45), policy("Hyper3", 0.7, comparisons=21)]
    # WHEN it is asked whether to change over
    decided = verdict(policies)
    # THEN so it is, for reasons that name the figures
    assert decided.replacement == "Hyper3"
    assert decided.reason == (
        "Hyper3 would have earned 0.700 (0.651 to 0.749), best of 21; online has earned 0.400"
        " (0.368 to 0.432), and with its settings learned afresh it would have been 0.450 (0.417"
        " to 0.483)."
    )


def test_what_is_found_is_held_to_its_number() -> None:
    # GIVEN a lead that is none by chance if it was the only one, and may be the best of 21
    def decided(comparisons: int) -> str | None:
        found = policy("Hyper3", 0.545, comparisons=comparisons)
        return verdict([online(0.4), afresh(0.5), found]).replacement

    assert decided(1) == "Hyper3"
    assert decided(21) is None


def test_a_lead_over_a_lagging_online_policy_alone_is_none() -> None:
    # GIVEN settings that do as well as the found ones, once they learn as fast as those
    decided = verdict([online(0.4), afresh(0.69), policy("Hyper3", 0.7, comparisons=21)])
    # THEN they stay
    assert decided.replacement is None
    assert "may be chance, beside the same settings learned afresh" in decided.reason


def test_a_lead_over_the_settings_learned_afresh_alone_is_none() -> None:
    # GIVEN an online policy that has learned for longer than the log goes back
    decided = verdict([online(0.8), afresh(0.4), policy("Hyper3", 0.7, comparisons=21)])
    # THEN it stays
    assert decided.replacement is None
    assert "may be chance, beside what online has earned" in decided.reason


@pytest.mark.parametrize(
    ("in_force", "learned_afresh"),
    [((0.1, 0.75), (0.2, 0.5)), ((0.1, 0.5), (0.2, 0.75))],
)
def test_who_was_only_faster_in_the_beginning_replaces_nobody(
    in_force: tuple[float, float], learned_afresh: tuple[float, float]
) -> None:
    # GIVEN a found policy that learned at once, and was overtaken
    found = policy("Hyper3", (0.7, 0.7), comparisons=21)
    decided = verdict([online(in_force), afresh(learned_afresh), found])
    # THEN the policy stays, and it is told why
    assert decided.replacement is None
    assert "in the later half of the events it was 0.700, against" in decided.reason


def test_in_one_stretch_of_time_there_is_no_later_half() -> None:
    # GIVEN all events within five minutes
    def at_once(name: str, mean: float, source: Source, weight: float) -> JudgedPolicy:
        series = Series()
        for number in range(1_000):
            series.add("", Micros(0), weight, float(number < mean * 1_000))
        return JudgedPolicy(name=name, arguments="", source=source, slots=series.judged())

    policies = [
        at_once("online", 0.4, Source.ONLINE, 1.0),
        at_once(CURRENT, 0.4, Source.CUSTOM, 2.0),
        at_once("Hyper1", 0.7, Source.FOUND, 2.0),
    ]
    # THEN all of them are looked at together
    assert verdict(policies).replacement == "Hyper1"


def test_of_those_that_are_clearly_better_the_highest_estimate_is_taken() -> None:
    # GIVEN a found policy that is best by a few events, and two that are better beyond doubt
    policies = [
        online(0.4),
        afresh(0.4),
        policy("Hyper1", 0.66, events=60, comparisons=21),
        policy("Hyper2", 0.6, comparisons=21),
        policy("Hyper3", 0.65, comparisons=21),
    ]
    # THEN the better one of the two is taken
    assert verdict(policies).replacement == "Hyper3"


def test_what_is_not_found_replaces_nobody() -> None:
    policies = [online(0.4), afresh(0.4), policy("mine", 0.9, Source.CUSTOM)]
    decided = verdict(policies)
    assert decided.replacement is None
    assert decided.reason == "No other policy could be compared with the one in force."


@pytest.mark.parametrize(
    "policies",
    [
        [],
        [afresh(0.4), policy("Hyper1", 0.9)],
        [online(0.4), policy("Hyper1", 0.9)],
        [online(0.4, events=40), afresh(0.4), policy("Hyper1", 0.9)],
        [online(0.4), afresh(0.4, events=40), policy("Hyper1", 0.9)],
    ],
)
def test_without_enough_to_compare_with_nothing_is_replaced(policies: list[JudgedPolicy]) -> None:
    decided = verdict(policies)
    assert decided.replacement is None
    assert decided.reason == "There were too few events to compare policies by."
