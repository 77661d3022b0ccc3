"""The time series of a loop: what they count, at every width, and how large they may grow."""

from __future__ import annotations

import random
from collections.abc import Sequence

import orjson
import pytest

from loop.activity import (
    LEVELS,
    MOST_ACTIONS,
    MOST_LOOKS,
    Activity,
    Span,
    delay_bin,
)
from loop.events import (
    SECOND,
    Decision,
    LearningMode,
    Micros,
    MultiSlotDecision,
    Reward,
    SlotDecision,
)
from loop.features import Action, compose
from loop.joined import JoinedEvent
from loop.joined_slots import MultiSlotEvent, SlotOutcome, SlotReward
from loop.manifest import Counts

T = Micros(1_612_456_280 * SECOND)
DAY = 86_400 * SECOND


def event(
    probabilities: Sequence[float] = (0.8, 0.2),
    *,
    chosen: int = 0,
    reward: float = 0.0,
    delay: float | None = 3.0,
    seconds: float = 0.0,
    mode: LearningMode = LearningMode.ONLINE,
    model: str = "m1",
    names: Sequence[str] = ("a", "b"),
    deferred: bool = False,
) -> JoinedEvent:
    """An event whose draw, ``chosen``, had the first of the probabilities."""
    time = Micros(T + round(seconds * SECOND))
    others = [action for action in range(len(names)) if action != chosen]
    features = orjson.dumps(compose([], [Action(name, []) for name in names]))
    decision = Decision(
        "e1", time, features, (chosen, *others), tuple(probabilities), model, mode, deferred
    )
    rewards = () if delay is None else (Reward("e1", Micros(time + round(delay * SECOND)), reward),)
    return JoinedEvent(decision, rewards, reward)


def settled(activity: Activity) -> Activity:
    return Activity.decode(activity.encode())


def of_actions(span: Span) -> dict[str, tuple[int, int, float]]:
    return {
        action: (counts.chosen, counts.offered, round(counts.propensities, 6))
        for action, counts in span.actions.items()
    }


def only_span(activity: Activity, level: int = 0) -> Span:
    [span] = settled(activity).levels[level].values()
    return span


def test_an_event_counts_for_online_baseline_and_random() -> None:
    # GIVEN the baseline drawn with 0.8 and rewarded, and another action drawn with 0.2
    activity = Activity()
    activity.add(event((0.8, 0.2), reward=1.0))
    activity.add(event((0.2, 0.8), chosen=1))
    # THEN they are weighed as an evaluation weighs them, at every width
    for level in range(len(LEVELS)):
        span = only_span(activity, level)
        assert (span.online.events, span.online.reward) == (2, 0.5)
        assert (span.baseline.w, span.baseline.reward) == (1.25, 1.0)
        assert span.random.w == pytest.approx(0.5 / 0.8 + 0.5 / 0.2)
        # AND the second one was explored: the model thought the other one better
        assert (span.drawn, span.explored) == (2, 1)
        # AND both rewards took three seconds
        assert span.delays == {delay_bin(3.0): 2}
        # AND each action was offered twice and drawn once
        assert span.looks == 2
        assert of_actions(span) == {"a": (1, 2, 1.6), "b": (1, 2, 0.4)}


def test_what_was_not_put_to_use_or_not_drawn_by_a_model_does_not_count_as_such() -> None:
    activity = Activity()
    # GIVEN a decision that was never activated, and one that no model may learn from
    activity.add(event(deferred=True))
    activity.add(event().withhold())
    # AND one before the first model, and one of an apprentice
    activity.add(event((0.5, 0.5), model="", delay=None))
    activity.add(event((0.2, 0.8), chosen=1, mode=LearningMode.APPRENTICE, reward=1.0))
    # THEN two count, neither of them as drawn by a model
    span = only_span(activity)
    assert (span.online.events, span.drawn, span.looks) == (2, 0, 2)
    # AND the apprentice's reward is the baseline's, and tells nothing of even choices
    assert (span.baseline.events, span.baseline.wr, span.random.events) == (2, 1.0, 1)


def test_each_slot_of_a_page_counts() -> None:
    features = orjson.dumps(compose([], [Action("a", []), Action("b", [])]))
    slots = (SlotDecision("top", (1, 0), (0.1, 0.9), 0), SlotDecision("side", (0,), (1.0,), 0))
    decision = MultiSlotDecision("e1", T, features, slots, "m1")
    top = SlotOutcome((SlotReward(Micros(T + SECOND), 1.0),), 1.0)
    activity = Activity()
    activity.add(MultiSlotEvent(decision, (top, SlotOutcome((), 0.0))))
    span = only_span(activity)
    assert (span.online.events, span.online.reward, span.looks) == (2, 0.5, 2)
    # Only the first slot had a choice.
    assert (span.drawn, span.explored) == (1, 1)
    assert span.delays == {0: 1}
    assert of_actions(span)["a"] == (1, 2, 1.9)


def test_counts_stand_at_the_time_when_they_became_known() -> None:
    activity = Activity()
    activity.count(T, Counts(decisions=7, late=4).since(Counts(decisions=5, late=1)))
    activity.count(Micros(T + 10 * SECOND), Counts(dropped=2))
    narrow, wide, *_ = settled(activity).levels
    assert [(span.counts.decisions, span.counts.late) for span in narrow.values()] == [
        (2, 3),
        (0, 0),
    ]
    assert [(span.counts.late, span.counts.dropped) for span in wide.values()] == [(3, 2)]


def test_run_by_run_it_comes_to_the_same_as_in_one_go() -> None:
    # GIVEN a stream over a day, and the same stream in runs that each go on from what was kept
    chance = random.Random(3)
    events = [
        event(
            (p := chance.choice((0.25, 0.5, 0.75)), 1 - p),
            reward=float(chance.randrange(3)),
            seconds=86_400 * i / 1_000,
        )
        for i in range(1_000)
    ]
    whole = Activity()
    by_run, kept = Activity(), Activity()
    for number, each in enumerate(events):
        whole.add(each)
        by_run.add(each)
        if number % 37 == 0 or number == len(events) - 1:
            kept.include(by_run)
            kept, by_run = settled(kept), Activity()
    for one, other in zip(settled(whole).levels, kept.levels, strict=True):
        assert one.keys() == other.keys()
        for number, span in one.items():
            found = other[number]
            assert (span.online.events, span.drawn) == (found.online.events, found.drawn)
            assert span.baseline.w == pytest.approx(found.baseline.w)
            assert span.random.wwrr == pytest.approx(found.random.wwrr)
            assert span.actions.keys() == found.actions.keys()
    # AND the widest level has every event
    assert sum(s.online.events for s in settled(whole).levels[-1].values()) == 1_000


def test_each_level_reaches_back_so_far_and_no_further() -> None:
    activity = Activity()
    for seconds in (0, 3_590, 3_610, 86_400, 20 * 86_400, 510 * 86_400):
        activity.count(Micros(T + seconds * SECOND), Counts(decisions=1))
    newest = T + 510 * DAY
    for level, spans in zip(LEVELS, settled(activity).levels, strict=True):
        assert spans
        assert all(newest - (n + 1) * level.width < level.reach for n in spans)
    # The first days are gone at every width, and the rest is in the widest one.
    assert sum(span.counts.decisions for span in settled(activity).levels[-1].values()) == 2


def test_what_is_forgotten_is_gone_at_every_width() -> None:
    activity = Activity()
    for day in range(5):
        activity.count(Micros(T + day * DAY), Counts(decisions=1))
    activity.forget(T + 4 * DAY)
    days = settled(activity).levels[-1]
    assert sum(span.counts.decisions for span in days.values()) == 1
    assert [len(spans) for spans in activity.levels] == [1, 1, 1, 1]


def test_it_stays_small_whatever_actions_there_are() -> None:
    # GIVEN ever new actions, 50 to a call, in calls all over a year
    activity = Activity()
    for number in range(3_000):
        names = [f"article-{number}-{i}" for i in range(50)]
        activity.add(event((1 / 50,) * 50, seconds=number * 10_000, names=names))
    kept = activity.encode()
    # THEN each span tells so many of them apart, and the others are counted together
    for spans in activity.levels:
        assert max(len(span.actions) for span in spans.values()) == MOST_ACTIONS
    for span in activity.levels[-1].values():
        offered = sum(counts.offered for counts in span.actions.values())
        assert offered + span.others.offered == 50 * span.looks
    # AND all of it is small
    assert len(kept) < 1_000_000


def test_in_a_busy_span_some_events_stand_for_all() -> None:
    activity = Activity()
    for _ in range(MOST_LOOKS + 50):
        activity.add(event())
    span = only_span(activity)
    assert (span.looks, span.online.events) == (MOST_LOOKS, MOST_LOOKS + 50)


@pytest.mark.parametrize("features", [b"", b"[1]", b'{"_multi":[{"_tag":"only"}]}'])
def test_features_that_name_no_actions_stop_nothing(features: bytes) -> None:
    activity = Activity()
    activity.add(event().with_features(features))
    assert only_span(activity).online.events == 1
