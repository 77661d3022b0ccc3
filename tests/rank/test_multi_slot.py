"""Decide for a page: which multi-slot calls are taken, and what each of them is answered."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.configuration import ServiceConfiguration
from loop.errors import InvalidRankRequest, PersonalizerError
from loop.events import LearningMode, Micros, decode_decision
from loop.features import JsonObject, JsonValue
from loop.model import Model
from loop.multi_slot_model import MultiSlotModel, SlotLabel
from loop.vw_lines import vw_lines
from rank.decide import Served
from rank.multi_slot import MultiSlotAnswer, decide_slots
from rank.multi_slot_request import MultiSlotRankRequest

NOW = Micros(1_700_000_000_000_000)
NO_MODEL = Served(ServiceConfiguration(), None, "")
ARGUMENTS = "--ccb_explore_adf --epsilon 0.2 --cb_type mtr -q Fi"


def slot(name: str, baseline: str, excluded: str = "", **members: JsonValue) -> JsonObject:
    return {
        "id": name,
        "features": [{"place": name}],
        "excludedActions": list(excluded),
        "baselineAction": baseline,
        **members,
    }


def body_of(*slots: JsonObject, actions: str = "abcd", **members: JsonValue) -> bytes:
    request: JsonObject = {
        "eventId": "e1",
        "contextFeatures": [{"user": "u"}],
        "actions": [{"id": name, "features": [{"name": name}]} for name in actions],
        "slots": [*(slots or (slot("top", "a"), slot("side", "b")))],
        **members,
    }
    return json.dumps(request).encode()


def given_actions(answer: MultiSlotAnswer) -> list[str]:
    return [each["rewardActionId"] for each in orjson.loads(answer.body)["slots"]]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A model that prefers ``c`` at the top and ``d`` at the side."""
    lines = vw_lines(orjson.loads(decide_slots(body_of(), NOW, NO_MODEL).decision.features))
    with MultiSlotModel(ARGUMENTS) as model:
        for number in range(120):
            top, side = number % 4, (number + 1 + number // 4 % 3) % 4
            left = [i for i in range(4) if i not in (top, side)]
            model.learn(
                lines,
                [
                    SlotLabel([top, side, *left], -float(top == 2), 0.25),
                    SlotLabel([side, *left], -float(side == 3), 1 / 3),
                ],
            )
        yield Served(ServiceConfiguration(), model, "m1")


def test_the_answer_is_written_as_it_always_was() -> None:
    answer = decide_slots(
        body_of(slot("top", "a", "bcd"), slot("side", "b", "acd"), eventId="75269AD0"),
        NOW,
        NO_MODEL,
    )
    assert answer.body == (
        b'{"slots":[{"id":"top","rewardActionId":"a"},{"id":"side","rewardActionId":"b"}],'
        b'"eventId":"75269AD0"}'
    )


def test_before_a_first_model_each_slot_draws_evenly_from_what_is_left() -> None:
    seen: Counter[tuple[str, ...]] = Counter()
    for number in range(1_200):
        answer = decide_slots(body_of(eventId=f"e{number}"), NOW, NO_MODEL)
        top, side = answer.decision.slots
        assert top.probabilities == (0.25,) * 4
        assert side.probabilities == (1 / 3,) * 3
        assert set(side.ranking) == {0, 1, 2, 3} - {top.ranking[0]}
        seen[tuple(given_actions(answer))] += 1
    assert len(seen) == 12
    assert min(seen.values()) > 60
    assert answer.decision.model == ""


def test_the_same_call_is_answered_the_same(served: Served) -> None:
    for how in (served, NO_MODEL):
        answers = {decide_slots(body_of(eventId="e7"), NOW, how).body for _ in range(20)}
        assert len(answers) == 1
    assert decide_slots(body_of(eventId=None), NOW, NO_MODEL).decision.event_id != ""


def test_the_model_is_followed_and_its_propensities_are_logged(served: Served) -> None:
    leaders = Counter[tuple[str, ...]]()
    for number in range(300):
        answer = decide_slots(body_of(eventId=f"e{number}"), NOW, served)
        leaders[tuple(given_actions(answer))] += 1
        for each in answer.decision.slots:
            assert sum(each.probabilities) == pytest.approx(1.0)
    assert leaders["c", "d"] == pytest.approx(300 * 0.85 * (0.8 + 0.2 / 3), abs=40)
    assert answer.decision.model == "m1"
    assert decode_decision(answer.decision.encode()) == answer.decision


def test_what_is_excluded_from_a_slot_is_not_given_to_it(served: Served) -> None:
    for number in range(100):
        answer = decide_slots(
            body_of(slot("top", "a", "bc"), slot("side", "b", "d"), eventId=f"e{number}"),
            NOW,
            served,
        )
        top, side = given_actions(answer)
        assert top in "ad"
        assert side in "abc"
        assert top != side
    tree = orjson.loads(answer.decision.features)
    assert [each["_inc"] for each in tree["_slots"]] == [[0, 3], [0, 1, 2]]
    assert [each["_id"] for each in tree["_slots"]] == ["top", "side"]


def test_what_is_excluded_from_the_call_is_given_to_no_slot() -> None:
    for number in range(50):
        answer = decide_slots(
            body_of(excludedActions=["c", "x"], eventId=f"e{number}"), NOW, NO_MODEL
        )
        assert "c" not in given_actions(answer)


def test_no_slot_is_left_without_an_action(served: Served) -> None:
    # GIVEN a last slot that can only have what the others could take as well
    page = [slot("top", "a"), slot("side", "b"), slot("foot", "c", "abd")]
    for how in (served, NO_MODEL):
        for number in range(100):
            # WHEN the page is decided
            answer = decide_slots(body_of(*page, eventId=f"e{number}"), NOW, how)
            # THEN its only action was kept for it, and the others' chances say so
            top, side, foot = given_actions(answer)
            assert foot == "c"
            assert len({top, side, foot}) == 3
            assert 2 not in answer.decision.slots[0].ranking
            assert answer.decision.slots[2].probabilities == pytest.approx((1.0,))


@given(
    st.lists(st.sets(st.integers(0, 4), max_size=4), min_size=1, max_size=5),
    st.permutations(range(5)),
    st.integers(0, 10_000),
)
@settings(max_examples=200, deadline=None)
def test_every_slot_always_gets_an_action_that_it_may_have(
    excluded: list[set[int]], baselines: list[int], number: int
) -> None:
    # GIVEN slots with any exclusions but those of their own baselines
    names = "abcde"
    page = [
        slot(f"s{i}", names[baselines[i]], "".join(names[j] for j in out - {baselines[i]}))
        for i, out in enumerate(excluded)
    ]
    # WHEN the page is decided
    answer = decide_slots(body_of(*page, actions=names, eventId=f"e{number}"), NOW, NO_MODEL)
    # THEN each slot has an action of its own
    chosen = given_actions(answer)
    assert len(set(chosen)) == len(page)
    for i, action in enumerate(chosen):
        assert names.index(action) not in excluded[i] - {baselines[i]}


@pytest.mark.parametrize("mode", [LearningMode.APPRENTICE, LearningMode.LOGGING_ONLY])
def test_an_apprentice_answers_with_the_baselines(served: Served, mode: LearningMode) -> None:
    watching = replace(served, configuration=replace(served.configuration, learning_mode=mode))
    drawn = set()
    for number in range(50):
        answer = decide_slots(body_of(eventId=f"e{number}"), NOW, watching)
        assert given_actions(answer) == ["a", "b"]
        drawn.add(tuple(each.ranking[0] for each in answer.decision.slots))
        assert [each.baseline for each in answer.decision.slots] == [0, 1]
    assert answer.decision.mode is mode
    assert (2, 3) in drawn


def test_a_model_of_the_other_kind_is_not_asked() -> None:
    with Model("--cb_explore_adf") as other:
        answer = decide_slots(body_of(), NOW, Served(ServiceConfiguration(), other, "m1"))
    assert answer.decision.slots[0].probabilities == (0.25,) * 4
    assert answer.decision.model == ""


@pytest.mark.parametrize(
    ("slots", "place", "says"),
    [
        ([], "slots", "between 1 and 4"),
        ([slot(f"s{i}", "abcda"[i]) for i in range(5)], "slots", "between 1 and 4"),
        ([slot("top", "a"), slot("top", "b")], "slots[1].id", "'top'"),
        ([slot("top", "a"), slot("side", "a")], "slots[1].baselineAction", "'a'"),
        ([slot("top", "x")], "slots[0].baselineAction", "'x'"),
        ([slot("top", "a"), slot("side", "b", "cb")], "slots[1].baselineAction", "excluded"),
        ([slot("", "a")], "slots[0].id", "at least 1"),
        ([slot("s" * 257, "a")], "slots[0].id", "at most 256"),
        ([{"id": "top", "features": []}], "slots[0].baselineAction", "required"),
        ([{"baselineAction": "a"}], "slots[0].id", "required"),
        ([slot("top", "a", features=[3])], "slots[0].features[0]", "object"),
        ([slot("top", "a", features={})], "slots[0].features", "list"),
        ([slot("top", "a", features=[{"x": ["y"]}])], "slots[0].features[0].x[0]", "text"),
        ([slot("top", "a", excludedActions="b")], "slots[0].excludedActions", "frozenset"),
        ([7], "slots[0]", "object"),
        (None, "slots", "list"),
        ("top", "slots", "list"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_place(
    slots: JsonValue, place: str, says: str
) -> None:
    body = orjson.dumps({**orjson.loads(body_of()), "slots": slots})
    with pytest.raises(InvalidRankRequest) as caught:
        decide_slots(body, NOW, NO_MODEL)
    assert caught.value.target == place
    assert says in caught.value.message


def test_a_call_without_slots_is_refused() -> None:
    body = orjson.loads(body_of())
    del body["slots"]
    with pytest.raises(InvalidRankRequest) as caught:
        decide_slots(orjson.dumps(body), NOW, NO_MODEL)
    assert caught.value.target == "slots"


def test_a_slot_of_an_excluded_baseline_is_refused() -> None:
    with pytest.raises(InvalidRankRequest) as caught:
        decide_slots(body_of(excludedActions=["b"]), NOW, NO_MODEL)
    assert caught.value.target == "slots[1].baselineAction"


def test_ids_may_be_numbers_and_features_may_be_missing() -> None:
    body = orjson.dumps(
        {
            "actions": [{"id": 1, "features": []}, {"id": 2, "features": []}],
            "slots": [
                {"id": 10, "baselineAction": 2, "excludedActions": None, "features": None},
                {"id": 11, "baselineAction": 1, "excludedActions": [3]},
            ],
        }
    )
    request = MultiSlotRankRequest.parse(body)
    assert [(each.id, each.baseline_action) for each in request.slots] == [("10", "2"), ("11", "1")]
    assert sorted(given_actions(decide_slots(body, NOW, NO_MODEL))) == ["1", "2"]


def test_names_to_ignore_are_not_logged() -> None:
    page = slot("top", "a", features=[{"_user": "secret", "size": "big"}])
    answer = decide_slots(body_of(page, contextFeatures=[{"_x": "secret"}]), NOW, NO_MODEL)
    assert b"secret" not in answer.decision.features
    assert orjson.loads(answer.decision.features)["_slots"][0]["slot"] == [{"size": "big"}]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "features", "excludedActions", "baselineAction", "_x", "ü |"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(slots=anything, event_id=anything)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_answered_or_refused(
    served: Served, slots: JsonValue, event_id: JsonValue
) -> None:
    request = {**orjson.loads(body_of()), "slots": slots, "eventId": event_id}
    try:
        answer = decide_slots(json.dumps(request).encode(), NOW, served)
    except PersonalizerError as error:
        assert error.code in ("InvalidRankRequest", "PayloadSizeExceeded")
        return
    assert decode_decision(answer.decision.encode()) == answer.decision


@given(event_id=st.text(min_size=1, max_size=256), slot_id=st.text(min_size=1, max_size=256))
@settings(max_examples=100, deadline=None)
def test_any_id_seeds_a_draw(served: Served, event_id: str, slot_id: str) -> None:
    body = body_of(slot(slot_id, "a"), eventId=event_id)
    try:
        answer = decide_slots(body, NOW, served)
    except InvalidRankRequest:
        assert any("\ud800" <= letter <= "\udfff" for letter in event_id + slot_id)
        return
    assert decide_slots(body, NOW, served).body == answer.body
