"""Choices as pieces, and pieces as the lines that VW reads."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import orjson
import pytest

from evaluation.pieces import CONSTANT, PLACE, Exchanged, Feature, TakenApart, Workbench, exchanged
from loop.errors import InvalidRankRequest
from loop.events import Decision, Micros, MultiSlotDecision, SlotDecision
from loop.features import Action, FeatureTree, JsonObject, JsonValue, Slot, compose, with_slots
from loop.joined import JoinedEvent
from loop.joined_slots import MultiSlotEvent, SlotOutcome
from loop.model import Hashed, Model
from loop.vw_lines import vw_lines

CONTEXT: JsonObject = {
    "weather": "very sunny",
    "hour": 9,
    "half": 0.5,
    "member": True,
    "blocked": False,
    "referrer": None,
    "_user": "u1",
    "user": {"age": 30, "address": {"city": "Oslo"}, "visits": [3, 0, 1]},
    "tags": [{"tag": "a|b"}, {"tag": "c:d"}],
}
ACTIONS = [
    Action("Latte", [{"kind": "hot", "origin": {"land": "Peru"}}]),
    Action("Water", [{"kind": "cold"}]),
    Action("Milk", []),
]


def single_slot(tree: FeatureTree, chosen: int = 0) -> JoinedEvent:
    count = len(tree["_multi"])
    ranking = (chosen, *[other for other in range(count) if other != chosen])
    decision = Decision(
        "e1", Micros(0), orjson.dumps(tree), ranking, (0.5, *[0.5 / (count - 1)] * (count - 1))
    )
    return JoinedEvent(decision, (), reward=0.25)


def hashed(lines: Sequence[str]) -> list[Hashed]:
    with Model("--cb_explore_adf -q ::") as model:
        found = model.features(lines)
    return [{letter: sorted(each) for letter, each in line.items()} for line in found]


def choice(
    context: dict[str, JsonValue], *actions: dict[str, JsonValue], bench: Workbench | None = None
) -> TakenApart:
    """One with plain context features, and with plain features of actions."""
    made = [Action(f"a{n}", [dict(features)]) for n, features in enumerate(actions)]
    [found] = (bench or Workbench()).take_apart(single_slot(compose([dict(context)], made)))
    return found


def test_pieces_have_the_names_that_the_sender_knows() -> None:
    # WHEN a choice is taken apart
    tree = compose([CONTEXT], ACTIONS)
    [found] = Workbench().take_apart(single_slot(tree, chosen=1))
    # THEN each member is a feature by itself, whatever its value
    assert found.context == {
        ("FromUrl", "weather"): "|FromUrl weathervery_sunny",
        ("FromUrl", "hour"): "|FromUrl hour:9",
        ("FromUrl", "half"): "|FromUrl half:0.5",
        ("FromUrl", "member"): "|FromUrl member",
        ("FromUrl", "referrer"): "|FromUrl referrernull",
        ("user", "age"): "|user age:30",
        ("address", "city"): "|address cityOslo",
        ("user", "visits"): "|visits 0:3 2:1",
        ("tags", "tag"): "|tags taga_b |tags tagc_d",
    }
    assert found.actions[0] == {
        CONSTANT: "|i constant:1",
        ("i", "id"): "|i idLatte",
        ("j", "kind"): "|j kindhot",
        ("origin", "land"): "|origin landPeru",
    }
    # AND the choice is the one that was made
    assert (found.chosen, found.propensity, found.reward) == (1, 0.5, 0.25)
    assert found.size == 9 + 4 + 3 + 2


def test_put_together_they_mean_the_same_to_vw() -> None:
    # GIVEN a choice that was taken apart
    tree = compose([CONTEXT], ACTIONS)
    bench = Workbench()
    [found] = bench.take_apart(single_slot(tree))
    # WHEN it is put together THEN VW reads the features of the decision itself
    assert hashed(bench.lines(found.context, found.actions)) == hashed(vw_lines(tree))


def test_values_that_are_equal_in_python_are_not_taken_for_each_other() -> None:
    bench = Workbench()
    for value, piece in ((1, "|FromUrl n:1"), (True, "|FromUrl n"), (1.0, "|FromUrl n:1")):
        tree = compose([{"n": value}], ACTIONS)
        [found] = bench.take_apart(single_slot(tree))
        assert found.context == {("FromUrl", "n"): piece}


def test_pieces_stand_in_one_order_whatever_was_there_first() -> None:
    # GIVEN two contexts with the same features, once in another order
    bench = Workbench()
    one = choice({"a": "1", "b": "2"}, {"x": "1"}, {"x": "2"}, bench=bench)
    other = choice({"b": "2", "a": "1"}, {"x": "1"}, {"x": "2"}, bench=bench)
    # THEN their lines are equal, since VW weighs pairs within a letter by their order
    assert bench.line(one.context) == bench.line(other.context) == "|FromUrl a1 |FromUrl b2"


def test_a_line_without_features_has_a_bar() -> None:
    assert Workbench().lines({}, [{}]) == ["shared |", "|"]


def test_a_page_is_a_choice_for_each_slot_from_what_is_left() -> None:
    # GIVEN a page of two slots
    slots = [Slot("top", [{"size": "large"}]), Slot("side", [{"size": "small"}])]
    tree = with_slots(compose([{"day": "Monday"}], ACTIONS), slots)
    decisions = (
        SlotDecision("top", (2, 0, 1), (0.5, 0.25, 0.25), baseline=0),
        SlotDecision("side", (1, 0), (0.75, 0.25), baseline=1),
    )
    decision = MultiSlotDecision("e1", Micros(0), orjson.dumps(tree), decisions)
    event = MultiSlotEvent(decision, (SlotOutcome((), 1.0), SlotOutcome((), 0.5)))
    # WHEN it is taken apart
    top, side = Workbench().take_apart(event)
    # THEN each slot's features stand in its context, with its place on the page
    assert top.context[Feature("slot", "size")] == "|slot sizelarge"
    assert side.context[Feature("slot", "size")] == "|slot sizesmall"
    assert top.context[PLACE] != side.context[PLACE]
    assert top.context[Feature("FromUrl", "day")] == "|FromUrl dayMonday"
    # AND the second slot has no action that the first one took
    ids = [action[Feature("i", "id")] for action in side.actions]
    assert ids == ["|i idLatte", "|i idWater"]
    assert (top.chosen, top.propensity, top.reward) == (2, 0.5, 1.0)
    assert (side.chosen, side.propensity, side.reward) == (1, 0.75, 0.5)


@pytest.mark.parametrize("features", [{"tags": ["a", "b"]}, {"n": 1e9}])
def test_what_vw_can_not_be_given_is_refused(features: JsonObject) -> None:
    tree = compose([features], ACTIONS)
    with pytest.raises(InvalidRankRequest):
        Workbench().take_apart(single_slot(tree))


def test_a_list_that_holds_objects_and_others_is_refused() -> None:
    tree = compose([{"tags": [{"tag": "a"}, "b"]}], ACTIONS)
    with pytest.raises(ValueError, match="tags"):
        Workbench().take_apart(single_slot(tree))


def test_a_feature_of_the_context_comes_from_the_other_choice() -> None:
    # GIVEN a choice, and another one that differs in weather, has no hour but a season
    bench = Workbench()
    one = choice({"weather": "dry", "hour": "9", "day": "1"}, {}, {}, bench=bench)
    donor = choice({"weather": "wet", "season": "fall", "day": "1"}, {}, {}, bench=bench).context
    # WHEN each feature is exchanged by itself
    found = exchanged(one, donor, frozenset({*one.features(), *donor}), Random(1))
    lines = {c.feature.name: bench.line(c.context) for c in found if c.feature.name != "id"}
    # THEN it is what the other one has, also nothing, and the rest stays as it was
    assert lines == {
        "weather": "|FromUrl weatherwet |FromUrl hour9 |FromUrl day1",
        "hour": "|FromUrl weatherdry |FromUrl day1",
        "season": "|FromUrl weatherdry |FromUrl hour9 |FromUrl day1 |FromUrl seasonfall",
    }
    assert all(change.actions == one.actions for change in found if change.feature.name != "id")


def test_a_feature_of_actions_is_dealt_out_anew() -> None:
    # GIVEN actions of which one lacks a feature, and that all have another one in common
    kinds: list[dict[str, JsonValue]] = [{"kind": "hot"}, {"kind": "cold"}, {}]
    one = choice({"day": "1"}, *[{**kind, "size": "large"} for kind in kinds])
    # WHEN features are exchanged
    found: dict[str, list[Exchanged]] = {}
    for seed in range(20):
        for change in exchanged(one, one.context, frozenset(one.features()), Random(seed)):
            found.setdefault(change.feature.name, []).append(change)
    # THEN the values are the same ones, for other actions, and nothing else has changed
    kind = Feature("j", "kind")
    for change in found["kind"]:
        dealt = [action.get(kind, "") for action in change.actions]
        assert sorted(dealt) == ["", "|j kindcold", "|j kindhot"]
        for action, before in zip(change.actions, one.actions, strict=True):
            assert {**action, kind: ""} == {**before, kind: ""}
    # AND what would change nothing is left out
    assert set(found) == {"kind", "id"}


def test_only_what_is_asked_for_is_exchanged() -> None:
    one = choice({"weather": "dry", "day": "1"}, {}, {})
    donor = choice({"weather": "wet", "day": "2"}, {}, {}).context
    [change] = exchanged(one, donor, frozenset({Feature("FromUrl", "day")}), Random(1))
    assert change.feature == ("FromUrl", "day")
