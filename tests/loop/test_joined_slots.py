"""Multi-slot events: what came of each slot, what is learned of it, and their lines in the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import orjson
import pylibvw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from loop.configuration import RewardAggregation, ServiceConfiguration
from loop.errors import InvalidRankRequest, PayloadSizeExceeded
from loop.events import (
    SECOND,
    Activation,
    Decision,
    LearningMode,
    Micros,
    MultiSlotDecision,
    Report,
    Reward,
    SlotDecision,
    SlotRewards,
)
from loop.features import Action, FeatureTree, JsonObject, Slot, compose, with_slots
from loop.joined import JoinedEvent
from loop.joined_log import join, read_line, without_slot
from loop.joined_slots import MultiSlotEvent
from loop.multi_slot_model import AskedSlot, MultiSlotModel, SlotLabel
from loop.vw_lines import MAX_FEATURES_IN_SLOT, vw_lines

T = Micros(1_612_456_289_246_000)
CONFIGURATION = ServiceConfiguration(default_reward=-0.25)
ARGUMENTS = "--ccb_explore_adf --epsilon 0.2 --cb_type mtr -q ::"
TREE = with_slots(
    compose([{"time": "noon"}], [Action(name, [{"kind": name}]) for name in "abc"]),
    [Slot("top", [{"size": "big"}], (0, 2)), Slot("side", [{"size": "small", "n": 0.5}])],
)
FEATURES = orjson.dumps(TREE)
SLOTS = (
    SlotDecision("top", (2, 0), (0.75, 0.25), baseline=0),
    SlotDecision("side", (1, 0), (0.5, 0.5), baseline=1),
)


def decision(**changes: object) -> MultiSlotDecision:
    made = MultiSlotDecision("e1", T, FEATURES, SLOTS, "m1")
    return replace(made, **changes)  # type: ignore[arg-type]


def rewards(seconds: float, *values: tuple[str, float]) -> SlotRewards:
    return SlotRewards("e1", Micros(T + round(seconds * SECOND)), values)


def activation(seconds: float) -> Activation:
    return Activation("e1", Micros(T + round(seconds * SECOND)))


def event(*reports: Report, **changes: object) -> MultiSlotEvent:
    return MultiSlotEvent.of(decision(**changes), reports, CONFIGURATION)


def test_each_slot_has_its_own_rewards_and_the_default_without_any() -> None:
    # GIVEN rewards in several calls, one of which has two for one slot
    calls = (rewards(1, ("top", 0.5), ("top", 1.0)), rewards(2, ("top", 0.0), ("left", 9.0)))
    # THEN each slot aggregates what is its own
    assert [o.reward for o in event(*calls).outcomes] == [0.5, -0.25]
    summed = replace(CONFIGURATION, reward_aggregation=RewardAggregation.SUM)
    assert [o.reward for o in event(*calls).again(summed).outcomes] == [1.5, -0.25]
    brief = replace(summed, reward_wait_time=timedelta(seconds=2))
    assert [o.reward for o in event(*calls).again(brief).outcomes] == [1.5, -0.25]
    assert event(*calls).reward == 0.25
    assert event(*calls).rewarded
    assert not event(rewards(1, ("left", 1.0))).rewarded


def test_rewards_that_no_slot_can_have_are_counted() -> None:
    found = (rewards(1, ("top", 1.0), ("left", 1.0)), rewards(2, ("", 1.0)), Reward("e1", T, 1.0))
    assert without_slot(decision(), found) == 3
    single = Decision("e1", T, FEATURES, (0, 1), (0.5, 0.5))
    assert without_slot(single, found) == 3
    assert join(single, found, CONFIGURATION).reward == 1.0


@pytest.mark.parametrize(
    ("mode", "lesson"),
    [
        (LearningMode.ONLINE, [SlotLabel((2, 0), -0.5, 0.75), SlotLabel((1, 0), 0.25, 0.5)]),
        (LearningMode.APPRENTICE, [SlotLabel((2, 0), -0.0, 0.75), SlotLabel((1, 0), -1.0, 0.5)]),
        (LearningMode.LOGGING_ONLY, None),
    ],
)
def test_each_learning_mode_learns_its_own_lesson(
    mode: LearningMode, lesson: list[SlotLabel] | None
) -> None:
    joined = event(rewards(1, ("top", 0.5)), mode=mode)
    assert joined.lesson == (None if lesson is None else tuple(lesson))
    line = orjson.loads(joined.line())
    assert [o["_original_label_cost"] for o in line["_outcomes"]] == [-0.5, 0.25]
    assert line.get("_skipLearn", False) is (lesson is None)
    if lesson is not None:
        assert [o["_label_cost"] for o in line["_outcomes"]] == [label.cost for label in lesson]


def test_a_deferred_page_is_learned_if_it_was_activated() -> None:
    assert event(rewards(1, ("top", 1.0)), deferred=True).lesson is None
    activated = event(rewards(1, ("top", 1.0)), activation(20), deferred=True)
    assert activated.lesson is not None
    brief = replace(CONFIGURATION, reward_wait_time=timedelta(seconds=20))
    assert activated.again(brief).lesson is None


def test_a_line_holds_everything_in_the_places_that_readers_look_at() -> None:
    # GIVEN a rewarded and activated page
    joined = event(rewards(1.5, ("top", 0.25), ("left", 1.0)), activation(2), deferred=True)
    # THEN its line has the members of the retired service's lines, in their order
    line = joined.line()
    assert list(orjson.loads(line).items()) == list(
        {
            "Timestamp": "2021-02-04T16:31:29.2460000Z",
            "Version": "1",
            "EventId": "e1",
            "DeferredAction": True,
            "LearningMode": "Online",
            "o": [
                {
                    "EventId": "e1",
                    "ActionTaken": True,
                    "Timestamp": "2021-02-04T16:31:31.2460000Z",
                }
            ],
            "c": orjson.loads(FEATURES),
            "_outcomes": [
                {
                    "_label_cost": -0.25,
                    "_id": "top",
                    "_a": [2, 0],
                    "_p": [0.75, 0.25],
                    "_o": [
                        {
                            "v": 0.25,
                            "Index": "top",
                            "EventId": "e1",
                            "ActionTaken": False,
                            "Timestamp": "2021-02-04T16:31:30.7460000Z",
                        }
                    ],
                    "_original_label_cost": -0.25,
                },
                {
                    "_label_cost": 0.25,
                    "_id": "side",
                    "_a": [1, 0],
                    "_p": [0.5, 0.5],
                    "_o": [],
                    "_original_label_cost": 0.25,
                },
            ],
            "_ba": [0, 1],
            "VWState": {"m": "m1"},
        }.items()
    )
    assert b"\n" not in line
    assert FEATURES in line


def test_a_line_of_another_writer_is_read() -> None:
    # GIVEN a line without what is ours, without slot ids and without baselines
    line = orjson.dumps(
        {
            "Timestamp": "2021-06-09T12:08:00.000000Z",
            "_skipLearn": True,
            "Version": "1",
            "EventId": "e9",
            "c": {"user": {"id": "u"}, "_multi": [{"t": {"a": 1}}, {}], "_slots": [{}, {}]},
            "_outcomes": [
                {"_label_cost": -0.0, "_a": [0, 1], "_p": [1, 0], "_original_label_cost": -0.5},
                {
                    "_label_cost": -1.5,
                    "_a": [1],
                    "_p": [1],
                    "_o": [{"v": 1.5, "EventId": "e9", "Index": "1", "ActionTaken": False}],
                },
            ],
            "VWState": {"m": "N/A"},
        }
    )
    # THEN it is an event, of which nothing is learned
    read = read_line(line)
    assert isinstance(read, MultiSlotEvent)
    assert [(slot.id, slot.baseline) for slot in read.decision.slots] == [("0", 0), ("1", 1)]
    assert [outcome.reward for outcome in read.outcomes] == [0.5, 1.5]
    assert [r.time for r in read.outcomes[1].rewards] == [read.decision.time]
    assert read.withheld
    assert read.lesson is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"_outcomes":[]}',
        b'{"Timestamp":"2021-06-09T12:08:00Z","EventId":"e","c":{},"_outcomes":[{"_a":[]}]}',
        b'{"Timestamp":"2021-06-09T12:08:00Z","EventId":"e","c":{},"_outcomes":[7]}',
        b'{"Timestamp":"2021-06-09T12:08:00Z","EventId":"e","c":{},"_ba":[0],"_outcomes":[]}',
        b"7",
    ],
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        read_line(line)


times = st.integers(0, 4_000_000_000 * SECOND).map(Micros)
ids = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
floats = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def events(draw: st.DrawFn) -> MultiSlotEvent:
    name = draw(ids)
    slots = tuple(
        replace(slot, id=f"{draw(ids)}{i}", baseline=draw(st.integers(0, 2)))
        for i, slot in enumerate(SLOTS)
    )
    made = MultiSlotDecision(
        name, draw(times), FEATURES, slots, draw(ids), draw(st.sampled_from(LearningMode))
    )
    some_slot = st.sampled_from([*(slot.id for slot in slots), "none"])
    reports = draw(
        st.lists(
            st.builds(
                SlotRewards,
                st.just(name),
                times,
                st.lists(st.tuples(some_slot, floats), max_size=3).map(tuple),
            )
            | st.builds(Activation, st.just(name), times)
        )
    )
    joined = MultiSlotEvent.of(replace(made, deferred=draw(st.booleans())), reports, CONFIGURATION)
    return replace(joined, withheld=joined.lesson is not None and draw(st.booleans()))


@given(events())
def test_a_line_is_read_back_as_it_was(joined: MultiSlotEvent) -> None:
    assert read_line(joined.line()) == joined


def test_both_kinds_lie_in_one_log() -> None:
    single = JoinedEvent.of(Decision("e1", T, b'{"_multi":[{}]}', (0,), (1.0,)), (), CONFIGURATION)
    assert read_line(single.line()) == single
    assert read_line(event().line()) == event()


# VW's own reader


def taught_by_line(joined: list[MultiSlotEvent]) -> list[list[tuple[int, float]]]:
    """What VW decides after it has read and learned our lines by itself."""
    vw = Workspace(f"--dsjson {ARGUMENTS} --quiet")
    for each in joined:
        examples = pylibvw.vw._parse(vw, each.line().decode())
        pylibvw.vw.learn_multi(vw, examples)
        pylibvw.vw._finish_example_multi_ex(vw, examples)
    examples = pylibvw.vw._parse(vw, event().line().decode())
    pylibvw.vw.predict_multi(vw, examples)
    decided: list[list[tuple[int, float]]] = examples[0].get_decision_scores()
    pylibvw.vw._finish_example_multi_ex(vw, examples)
    vw.finish()
    return decided


def test_vw_learns_the_same_from_our_lines_as_we_do() -> None:
    # GIVEN a log of all sorts
    other = (
        SlotDecision("top", (0, 2), (0.9, 0.1), baseline=0),
        SlotDecision("side", (2, 1), (0.6, 0.4), baseline=1),
    )
    log = [
        event(rewards(1, ("top", 1.0))),
        event(rewards(1, ("side", 1.0), ("top", 0.0)), slots=other),
        event(),
        event(rewards(1, ("top", 1.0)), deferred=True),
        event(rewards(1, ("top", 1.0)), activation(2), deferred=True),
        event(rewards(1, ("top", 1.0)), mode=LearningMode.LOGGING_ONLY),
        event(rewards(1, ("top", 1.0)), mode=LearningMode.APPRENTICE, slots=other),
    ]
    # WHEN VW's own reader learns from the lines, and we from the events
    theirs = taught_by_line([joined for joined in log if joined.lesson is not None])
    lines = vw_lines(TREE)
    with MultiSlotModel(ARGUMENTS) as model:
        for joined in log:
            if joined.lesson is not None:
                model.learn(lines, joined.lesson)
        ours = model.decide(lines, [AskedSlot((0, 2), "1"), AskedSlot((0, 1, 2), "2")])
        once = model.decide(lines, [AskedSlot((theirs[0][0][0],), "1"), AskedSlot((0, 1, 2), "2")])
    # THEN both think the same of the actions
    assert dict(theirs[0]) == pytest.approx(
        dict(zip(ours[0].ranking, ours[0].probabilities, strict=True))
    )
    assert dict(theirs[1]) == pytest.approx(
        dict(zip(once[1].ranking, once[1].probabilities, strict=True))
    )
    assert len(set(dict(theirs[0]).values())) > 1


def hashes(vw: Workspace, text: str) -> list[dict[int, list[tuple[int, float]]]]:
    """What VW makes of each example: its features' hashes and values, by namespace."""
    examples = pylibvw.vw._parse(vw, text)
    mask = (vw.num_weights() << 2) - 1  # four floats a weight
    found = []
    for each in examples:
        spaces = [each.namespace(i) for i in range(each.num_namespaces())]
        found.append(
            {
                space: [
                    (each.feature(space, i) & mask, round(each.feature_weight(space, i), 4))
                    for i in range(each.num_features_in(space))
                ]
                for space in sorted(spaces)
            }
        )
    pylibvw.vw._finish_example_multi_ex(vw, examples)
    return found


@pytest.fixture(scope="module")
def readers() -> tuple[Workspace, Workspace]:
    return Workspace(f"--dsjson {ARGUMENTS} --quiet"), Workspace(f"{ARGUMENTS} --quiet")


# What is safe for VW's JSON reader, as in test_vw_lines.
names = st.text("abcFslot019-.", min_size=1, max_size=6)
plain = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8),
    st.integers(-1_000_000, 1_000_000),
    st.booleans(),
)
objects: st.SearchStrategy[JsonObject] = st.dictionaries(
    names, plain | st.dictionaries(names, plain, max_size=3), max_size=4
)


@given(slots=st.lists(st.lists(objects, max_size=2), min_size=1, max_size=3), context=objects)
@settings(max_examples=150, deadline=None)
def test_vw_reads_our_lines_as_it_reads_the_log(
    readers: tuple[Workspace, Workspace], slots: list[list[JsonObject]], context: JsonObject
) -> None:
    # GIVEN a page whose slots have features
    actions = [Action(name, [{"kind": name}]) for name in "abc"]
    tree = with_slots(
        compose([context], actions), [Slot(f"s{i}", own) for i, own in enumerate(slots)]
    )
    outcomes = [
        {"_label_cost": 0.0, "_id": f"s{i}", "_a": [i], "_p": [1.0], "_o": []}
        for i in range(len(slots))
    ]
    line = orjson.dumps({"Version": "1", "c": tree, "_outcomes": outcomes}).decode()
    shared, *rest = vw_lines(tree)
    text = [f"ccb {shared}", *[f"ccb action {each}" for each in rest[:3]]]
    text += [f"ccb slot {each}" for each in rest[3:]]
    # THEN VW makes the same of its line and of ours
    of_json, of_text = readers
    assert hashes(of_text, "\n".join(text)) == hashes(of_json, line)


@pytest.mark.parametrize(
    ("features", "place"),
    [
        ([{}, {"tags": ["a"]}], "slots[1].features[1].tags[0]"),
        ([{"x": 1e9}], "slots[1].features[0].x"),
        ([{}, 3], "slots[1].features[1]"),
    ],
)
def test_what_is_no_feature_of_a_slot_is_refused_with_its_place(
    features: list[object], place: str
) -> None:
    tree = with_slots(
        compose([], [Action("a", []), Action("b", [])]),
        [Slot("top", []), Slot("side", cast("list[JsonObject]", features))],
    )
    with pytest.raises(InvalidRankRequest) as caught:
        vw_lines(tree)
    assert caught.value.target == place


def test_pages_are_bounded() -> None:
    def wide(features: int) -> list[JsonObject]:
        return [{f"f{i}": 1 for i in range(features)}]

    def written(actions: int, slots: int, own: int) -> FeatureTree:
        return with_slots(
            compose([], [Action(f"a{i}", wide(own)) for i in range(actions)]),
            [Slot(f"s{i}", wide(own)) for i in range(slots)],
        )

    assert len(vw_lines(written(50, 50, 18))) == 101
    assert vw_lines(with_slots(written(1, 0, 8), [Slot("s", wide(MAX_FEATURES_IN_SLOT - 10))]))
    with pytest.raises(PayloadSizeExceeded) as of_all:
        vw_lines(written(50, 50, 21))
    with pytest.raises(PayloadSizeExceeded) as of_one:
        vw_lines(with_slots(written(1, 0, 8), [Slot("s", wide(MAX_FEATURES_IN_SLOT - 9))]))
    assert of_all.value.target == "slots"
    assert of_one.value.target == "slots[0]"


nasty = st.text(" \t\r\n\0:|_ab\x0b\x85\u2028é'", max_size=6)


@given(name=nasty, value=nasty, event_id=nasty, slot_id=nasty)
@settings(max_examples=100, deadline=None)
def test_customers_stay_inside_their_names(
    name: str, value: str, event_id: str, slot_id: str
) -> None:
    tree = with_slots(
        compose([], [Action("a", []), Action("b", [])]), [Slot(slot_id, [{name: value}])]
    )
    lines = vw_lines(tree)
    assert len(lines) == 4
    assert not set(lines[3]) & set("\t\r\n\0")
    assert lines[3].count("|") == 1
    assert lines[3].count(" ") <= 1
