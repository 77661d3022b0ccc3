"""With what weight events count, and what contenders learn of them, of both kinds of loops."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest

from evaluation.jobs import BUCKET, JudgedSlot
from evaluation.judging import (
    MOST_CELLS,
    MOST_SLOTS,
    OTHER_SLOTS,
    Judge,
    Logged,
    Series,
)
from loop.choices import choices, is_judged
from loop.estimates import Sums
from loop.events import (
    Activation,
    Decision,
    LearningMode,
    LoopKind,
    Micros,
    MultiSlotDecision,
    Reward,
    SlotDecision,
)
from loop.features import Action, Slot, compose, tree_of, with_slots
from loop.joined import JoinedEvent
from loop.joined_log import Event, read_line
from loop.joined_slots import MultiSlotEvent, SlotOutcome, SlotReward
from loop.learning_settings import with_exploration
from loop.model import MAX_COST, Model, Scores
from loop.multi_slot_model import AskedSlot, MultiSlotModel
from loop.vw_lines import vw_lines

T = Micros(1_612_456_289_246_000)
MINUTE = 60_000_000
SINGLE = with_exploration("--cb_explore_adf --cb_type mtr -q FT -l 0.5", 0.2)
MULTI = with_exploration("--ccb_explore_adf --cb_type mtr -q FT -l 0.5", 0.2)
NAMES = "abc"


def single(
    chosen: int,
    propensity: float,
    reward: float = 0.0,
    *,
    user: str = "u",
    minute: float = 0,
    mode: LearningMode = LearningMode.ONLINE,
    deferred: bool = False,
) -> JoinedEvent:
    tree = compose([{"user": user}], [Action(name, [{"T": {"kind": name}}]) for name in NAMES])
    others = [action for action in range(len(NAMES)) if action != chosen]
    decision = Decision(
        "e1",
        Micros(T + round(minute * MINUTE)),
        orjson.dumps(tree),
        (chosen, *others),
        (propensity, *[(1 - propensity) / 2] * 2),
        "m1",
        mode,
        deferred,
    )
    return JoinedEvent(decision, (Reward("e1", decision.time, reward, nonce=""),), reward)


def page(
    top: int,
    side: int,
    rewards: tuple[float, float] = (0.0, 0.0),
    *,
    user: str = "u",
    mode: LearningMode = LearningMode.ONLINE,
) -> MultiSlotEvent:
    """Even draws; the baselines are ``a`` at the top and ``b`` at the side."""
    tree = with_slots(
        compose([{"user": user}], [Action(name, [{"T": {"kind": name}}]) for name in NAMES]),
        [Slot("top", [{"place": "top"}]), Slot("side", [{"place": "side"}])],
    )
    left = [action for action in range(3) if action != top]
    slots = (
        SlotDecision("top", (top, *left), (1 / 3,) * 3, baseline=0),
        SlotDecision("side", (side, *[a for a in left if a != side]), (0.5,) * 2, baseline=1),
    )
    decision = MultiSlotDecision("e1", T, orjson.dumps(tree), slots, "m1", mode)
    outcomes = tuple([SlotOutcome((SlotReward(T, reward),), reward) for reward in rewards])
    return MultiSlotEvent(decision, outcomes)


def lines_of(event: Event) -> list[str]:
    return vw_lines(tree_of(event.decision.features))


def seen(judge: Judge, *events: Event) -> Series:
    for event in events:
        judge.see(event, lines_of(event))
    return judge.series


def logged(*events: Event) -> Logged:
    found = Logged()
    for event in events:
        found.see(event)
    return found


def stream(count: int, seed: int = 1) -> Iterator[JoinedEvent]:
    """Even draws for four users; each likes one of the three actions."""
    chance = random.Random(seed)
    for i in range(count):
        user, chosen = chance.randrange(4), chance.randrange(3)
        reward = float(chosen == user % 3)
        yield single(chosen, 1 / 3, reward, user=f"u{user}", minute=i / 4)


def opinions(model: Model | MultiSlotModel) -> list[Scores]:
    """What a model of ``stream`` would do for each of its users."""
    assert isinstance(model, Model)
    return [model.decide(lines_of(single(0, 1.0, user=f"u{user}"))) for user in range(4)]


def test_the_log_tells_the_weights_of_online_baseline_and_random() -> None:
    # GIVEN the baseline drawn with 0.5, and another action drawn with 0.2
    found = logged(single(0, 0.5, 1.0), single(2, 0.2, 0.5))
    # THEN online counts each, the baseline its own, and random both
    assert (found.online.total("").w, found.online.total("").wr) == (2.0, 1.5)
    assert (found.baseline.total("").w, found.baseline.total("").wr) == (2.0, 2.0)
    assert found.baseline.total("").events == 2
    assert found.random.total("").w == pytest.approx(1 / 1.5 + 1 / 0.6)


@pytest.mark.parametrize("mode", [LearningMode.APPRENTICE, LearningMode.LOGGING_ONLY])
def test_what_was_shown_as_the_baseline_tells_of_nothing_else(mode: LearningMode) -> None:
    # GIVEN events whose draws were not shown, but the baseline
    events = [single(2, 0.2, 1.0, mode=mode), single(0, 0.6, 0.0, mode=mode)]
    # THEN they count for online and baseline alike, and not at all for random
    found = logged(*events)
    assert found.online.total("") == found.baseline.total("")
    assert (found.online.total("").w, found.online.total("").reward) == (2.0, 0.5)
    assert found.random.total("").events == 0
    # AND not for contenders, which learn what a trainer would learn of them
    with Judge(SINGLE) as judge, Judge(SINGLE) as fresh:
        assert seen(judge, *events).slots() == []
        assert (judge.save() == fresh.save()) is (mode is LearningMode.LOGGING_ONLY)


def test_each_slot_has_weights_of_its_own() -> None:
    # GIVEN a page whose top shows the side's baseline, and one whose side does
    events = [page(1, 2, (1.0, 0.0)), page(2, 1, (0.0, 1.0))]
    assert all(is_judged(event, LoopKind.MULTI_SLOT) for event in events)
    found = logged(*events)
    # THEN each slot counts what it was given, of the actions that were left for it
    assert found.online.slots() == ["top", "side"]
    assert [found.online.total(slot).reward for slot in ("top", "side")] == [0.5, 0.5]
    assert [found.baseline.total(slot).w for slot in ("top", "side")] == [0.0, 2.0]
    assert [found.random.total(slot).w for slot in ("top", "side")] == pytest.approx([2.0, 2.0])
    # AND a page of baselines counts for them alone
    shown = logged(page(2, 1, (0.5, 0.5), mode=LearningMode.APPRENTICE))
    assert [shown.baseline.total(slot).w for slot in ("top", "side")] == [1.0, 1.0]
    assert shown.random.slots() == []


def test_only_what_can_be_learned_from_and_was_put_to_use_is_judged() -> None:
    event = single(0, 0.5)
    assert is_judged(event, LoopKind.SINGLE_SLOT)
    assert not is_judged(event, LoopKind.MULTI_SLOT)
    assert not is_judged(event.withhold(), LoopKind.SINGLE_SLOT)
    # deferred, and activated or not
    deferred = single(0, 0.5, deferred=True)
    assert not is_judged(deferred, LoopKind.SINGLE_SLOT)
    activated = replace(deferred, observations=(Activation("e1", T),))
    assert is_judged(activated, LoopKind.SINGLE_SLOT)
    # propensities that are none, and rewards that no model takes
    for propensity in (0.0, -0.5, 1.5, 1e-320, float("nan")):
        assert not is_judged(single(0, propensity), LoopKind.SINGLE_SLOT)
    for reward in (MAX_COST * 1.01, -1e300, float("nan"), float("inf")):
        watched = single(0, 0.5, reward, mode=LearningMode.LOGGING_ONLY)
        assert not is_judged(watched, LoopKind.SINGLE_SLOT)
        assert not is_judged(page(0, 1, (0.0, reward)), LoopKind.MULTI_SLOT)


def test_a_line_of_the_retired_service_is_judged() -> None:
    line = (
        b'{"_label_cost":-1,"_label_probability":0.8,"_label_Action":1,"_labelIndex":0,'
        b'"Timestamp":"2021-02-04T16:31:29.2460000Z","Version":"1","EventId":"e",'
        b'"a":[1,2],"p":[0.8,0.2],"c":{"FromUrl":[],"_multi":[{"_tag":"a"},{"_tag":"b"}]},'
        b'"VWState":{"m":"m"}}'
    )
    event = read_line(line)
    assert is_judged(event, LoopKind.SINGLE_SLOT)
    [choice] = choices(event)
    assert (choice.reward, choice.baseline, choice.random) == (1.0, 1.25, 0.625)


def test_a_contender_is_judged_by_what_it_knew_before_each_event() -> None:
    # GIVEN a stream, and a model that is asked before it learns, event by event
    events = list(stream(200))
    sums = Sums()
    with Model(SINGLE) as model, Judge(SINGLE) as judge:
        for event in events:
            scores = model.decide(lines_of(event))
            chance = dict(zip(scores.ranking, scores.probabilities, strict=True))
            lesson = event.lesson
            assert lesson is not None
            sums.add(chance[lesson.action] * 3, event.reward)
            model.learn(lines_of(event), lesson.action, lesson.cost, lesson.probability)
        # WHEN a contender with the same settings sees the stream
        total = seen(judge, *events).total("")
        # THEN it has earned the same, and learned the same
        assert (total.events, total.w, total.wr) == pytest.approx((200, sums.w, sums.wr))
        assert opinions(judge.model) == opinions(model)
    assert total.reward > 0.6


def test_a_contender_of_pages_is_judged_slot_by_slot() -> None:
    # GIVEN pages, and a model that is asked for each slot with those before it as they were
    chance = random.Random(3)
    drawn = [chance.sample(range(3), 2) for _ in range(600)]
    pages = [page(top, side, (float(top == 2), float(side == 0))) for top, side in drawn]
    top, side = Sums(), Sums()
    with MultiSlotModel(MULTI) as model, Judge(MULTI) as judge:
        for event in pages:
            slots = event.decision.slots
            asked = [[AskedSlot(slot.ranking, "0") for slot in slots]]
            asked.append([AskedSlot(slots[0].ranking[:1], "0"), asked[0][1]])
            for place, sums in enumerate((top, side)):
                scores = model.decide(lines_of(event), asked[place])[place]
                share = dict(zip(scores.ranking, scores.probabilities, strict=True))
                weight = share[slots[place].ranking[0]] / slots[place].probabilities[0]
                sums.add(weight, event.outcomes[place].reward)
            lesson = event.lesson
            assert lesson is not None
            model.learn(lines_of(event), lesson)
        # WHEN a contender with the same settings sees them
        series = seen(judge, *pages)
        # THEN each slot has earned the same, and the same was learned
        for slot_id, sums in (("top", top), ("side", side)):
            total = series.total(slot_id)
            assert (total.w, total.wr) == pytest.approx((sums.w, sums.wr))
            assert total.reward > 0.6
        assert isinstance(judge.model, MultiSlotModel)
        lines = lines_of(pages[0])
        assert judge.model.decide(lines, asked[0]) == model.decide(lines, asked[0])


def test_what_the_first_slot_earned_does_not_help_to_choose_for_the_second() -> None:
    # GIVEN visitors that are never seen again, each in the mood for one of three kinds of products,
    # which a model learns with the first slot of their page, and could use for the second
    arguments = with_exploration("--ccb_explore_adf --cb_type mtr -q Fj", 0.2)
    chance = random.Random(1)
    products = [Action(f"p{i}", [{"kind": "abc"[i % 3]}]) for i in range(6)]
    with Judge(arguments) as judge:
        for visitor in range(2000):
            mood, (top, side) = chance.randrange(3), chance.sample(range(6), 2)
            tree = with_slots(
                compose([{"visitor": f"v{visitor}"}], products), [Slot("1", []), Slot("2", [])]
            )
            left = tuple(i for i in range(6) if i != top)
            rest = tuple(i for i in left if i != side)
            slots = (
                SlotDecision("1", (top, *left), (1 / 6,) * 6, baseline=0),
                SlotDecision("2", (side, *rest), (1 / 5,) * 5, baseline=1),
            )
            decision = MultiSlotDecision(f"e{visitor}", T, orjson.dumps(tree), slots)
            outcomes = [SlotOutcome((), float(i % 3 == mood)) for i in (top, side)]
            seen(judge, MultiSlotEvent(decision, tuple(outcomes)))
        # THEN it is judged to earn what any policy would, that has to choose before anything is
        # known of the visitor: a third. With that knowledge it would be judged at 0.48.
        second = judge.series.total("2")
    assert abs(second.reward - 1 / 3) < second.half_width() < 0.07


def test_where_a_contender_fails_the_baseline_is_what_is_shown() -> None:
    # GIVEN a choice of the baseline, which a model can make nothing of
    good, bad = single(0, 0.5, 1.0), single(0, 0.25, 1.0)
    with Judge(SINGLE) as judge:
        judge.see(good, lines_of(good))
        weight = judge.series.total("").w
        before = judge.save()
        # WHEN it is judged
        judge.see(bad, ["shared |F"])
        # THEN it counts as a choice of the baseline, the failure is counted, nothing is learned
        assert judge.errors == 1
        assert judge.series.total("").w - weight == pytest.approx(4.0)
        assert judge.series.total("").events == 2
        assert judge.save() == before


def test_a_judge_goes_on_from_a_checkpoint_with_the_same_figures() -> None:
    events = list(stream(400))
    with Judge(SINGLE) as undisturbed:
        whole = seen(undisturbed, *events).judged()
        learned = opinions(undisturbed.model)
    # WHEN one stops in the middle, and another goes on from what it has left, as a document
    with Judge(SINGLE) as first:
        kept = [slot.model_dump_json() for slot in seen(first, *events[:150]).judged()]
        half, errors = first.save(), first.errors
    series = Series.of([JudgedSlot.model_validate_json(slot) for slot in kept])
    with Judge(SINGLE, half, series, errors) as second:
        # THEN all figures are the same, to the last digit, and so is what was learned
        assert seen(second, *events[150:]).judged() == whole
        assert opinions(second.model) == learned


def test_figures_are_kept_by_the_time_of_the_decision() -> None:
    found = logged(*[single(0, 0.5, 1.0, minute=minute) for minute in (0, 1, 7, 63)])
    [slot] = found.online.judged()
    assert (slot.slot, slot.width) == ("", BUCKET)
    assert [bucket.start % BUCKET for bucket in slot.buckets] == [0, 0, 0]
    assert [bucket.events for bucket in slot.buckets] == [2, 1, 1]
    assert slot.buckets[0].start <= T < slot.buckets[0].start + BUCKET
    # AND parts of a log add up
    parts = Series()
    for minutes in ((0, 1), (7, 63)):
        parts.include(logged(*[single(0, 0.5, 1.0, minute=m) for m in minutes]).online)
    assert parts.judged() == found.online.judged()


def test_a_long_range_is_kept_in_fewer_and_longer_stretches() -> None:
    # GIVEN more than three months, with an event every five minutes
    series, count = Series(), 3 * MOST_CELLS
    for i in range(count):
        series.add("", Micros(T + i * BUCKET), 1.0, float(i % 2))
    # THEN there are as many sums as may be, nothing is lost, and a restart changes nothing
    [slot] = series.judged()
    assert slot.width == 4 * BUCKET
    assert len(slot.buckets) <= MOST_CELLS
    assert all(bucket.start % slot.width == 0 for bucket in slot.buckets)
    assert (series.total("").events, series.total("").reward) == (count, 0.5)
    again = Series.of(series.judged())
    for i in range(count, 6 * MOST_CELLS):
        for each in (series, again):
            each.add("", Micros(T + i * BUCKET), 1.0, 0.0)
    assert again.judged() == series.judged()
    assert again.width == 8 * BUCKET
    # AND what was kept in shorter ones can be taken in, and takes it in
    short = Series()
    short.add("", T, 1.0, 1.0)
    short.include(again)
    assert short.width == again.width
    assert short.total("").events == 6 * MOST_CELLS + 1


def test_ids_of_slots_without_end_are_kept_together() -> None:
    # GIVEN pages that make up an id for each slot
    series = Series()
    for i in range(3 * MOST_SLOTS):
        series.add(f"slot{i}", Micros(T + i * BUCKET), 1.0, float(i >= MOST_SLOTS))
    series.add("slot0", T, 1.0, 0.0)
    # THEN the first ones are kept apart, and the rest is one
    slots = series.slots()
    assert len(slots) == MOST_SLOTS + 1
    assert slots[-1] == OTHER_SLOTS
    assert series.total("slot0").events == 2
    assert (series.total(OTHER_SLOTS).events, series.total(OTHER_SLOTS).reward) == (
        2 * MOST_SLOTS,
        1.0,
    )
    assert series.total(f"slot{MOST_SLOTS}").events == 0
