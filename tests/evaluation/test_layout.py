"""What is said of the namespaces of a log."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from evaluation.layout import MOST_DISTINCT, Letter, Presence, survey
from loop.events import Decision, Micros, MultiSlotDecision, SlotDecision
from loop.features import Action, JsonObject, Slot, compose, with_slots
from loop.joined import JoinedEvent
from loop.joined_slots import MultiSlotEvent, SlotOutcome


def event(context: Sequence[JsonObject], *actions: Sequence[JsonObject]) -> JoinedEvent:
    """An event with actions of these features."""
    tree = compose(context, [Action(f"a{n}", list(each)) for n, each in enumerate(actions)])
    return of(orjson.dumps(tree), len(actions))


def of(features: bytes, actions: int = 1) -> JoinedEvent:
    share = 1 / actions
    decision = Decision("e", Micros(5), features, tuple(range(actions)), (share,) * actions)
    return JoinedEvent(decision, (), reward=1.0)


def test_features_are_counted_by_letter_and_by_what_they_describe() -> None:
    # GIVEN two events: one of a user with a device and two actions, one of nobody and one action
    events = [
        event(
            [{"age": 7, "name": "Bob", "device": {"os": "x"}}],
            [{"size": 1, "tags": {"a": True, "b": True}}],
            [{"size": 2}],
        ),
        event([{"age": 8}], [{"kind": "k"}]),
    ]
    # WHEN they are surveyed
    layout = survey(events)
    # THEN each letter says how often it is there, and how much stands under it
    assert (layout.events, layout.actions, layout.most_actions) == (2, 1.5, 2)
    assert (layout.slots, layout.most_slots) == (0, 0)
    assert {chr(letter.byte): letter for letter in layout.letters} == {
        "F": Letter(ord("F"), context=Presence(share=1.0, mean=1.5, most=2, distinct=2)),
        "d": Letter(ord("d"), context=Presence(share=0.5, mean=0.5, most=1, distinct=1)),
        "i": Letter(ord("i"), action=Presence(share=1.0, mean=2.0, most=2, distinct=3)),
        "j": Letter(ord("j"), action=Presence(share=1.0, mean=1.0, most=1, distinct=2)),
        "t": Letter(ord("t"), action=Presence(share=0.5, mean=2 / 3, most=2, distinct=2)),
    }


def test_namespaces_with_one_first_letter_are_one_as_for_vw() -> None:
    # GIVEN a context whose interests begin as the ids of actions do
    layout = survey([event([{"interests": {"a": 1, "b": 1}, "income": {"c": 1}}], [])])
    # THEN the letter is there once, for both
    [letter] = [letter for letter in layout.letters if letter.byte == ord("i")]
    assert letter.context == Presence(share=1.0, mean=3.0, most=3, distinct=3)
    assert letter.action == Presence(share=1.0, mean=2.0, most=2, distinct=2)


def test_slots_are_told_apart_from_actions() -> None:
    # GIVEN a page with two slots
    tree = compose([], [Action("a", []), Action("b", []), Action("c", [])])
    tree = with_slots(tree, [Slot("top", [{"size": 1}]), Slot("side", [{"wide": {"x": 1}}])])
    slots = (
        SlotDecision("top", (0, 1, 2), (0.5, 0.25, 0.25), baseline=0),
        SlotDecision("side", (1, 2), (0.5, 0.5), baseline=1),
    )
    decision = MultiSlotDecision("e", Micros(5), orjson.dumps(tree), slots)
    # WHEN it is surveyed
    layout = survey([MultiSlotEvent(decision, (SlotOutcome((), 0.0), SlotOutcome((), 1.0)))])
    # THEN what stands in a slot is that of a slot
    assert (layout.most_actions, layout.slots, layout.most_slots) == (3, 2.0, 2)
    in_slots = {chr(each.byte): each.slot for each in layout.letters if each.slot is not None}
    assert in_slots == {
        "s": Presence(share=1.0, mean=0.5, most=1, distinct=1),
        "w": Presence(share=1.0, mean=0.5, most=1, distinct=1),
    }


@pytest.mark.parametrize(
    ("name", "byte"),
    [("", 0x20), ("é", 0xC3), ("日本", 0xE6), ("😀", 0xF0), ('"q', 0x22), (":x", 95)],
)
def test_odd_names_have_the_letter_that_vw_sees(name: str, byte: int) -> None:
    layout = survey([event([{name: {"a": 1}}], [])])
    assert byte in [letter.byte for letter in layout.letters]


def test_different_features_are_told_apart_as_far_as_there_is_room() -> None:
    # GIVEN more words than are told apart; WHEN they are surveyed
    words = [event([{f"w{n}.{k}": True for k in range(100)}], []) for n in range(50)]
    [letter] = [each for each in survey(words).letters if each.context is not None]
    # THEN counting stops there
    assert letter.context is not None
    assert 50 * 100 > MOST_DISTINCT == letter.context.distinct


@pytest.mark.parametrize(
    "features",
    [b"", b"[]", b'{"FromUrl":[]}', b'{"_multi":[{}],"FromUrl":[{"a":["x"]}]}', b'{"_multi":[1]}'],
)
def test_what_no_model_could_read_is_passed_over(features: bytes) -> None:
    layout = survey([of(features), event([], [])])
    assert layout.events == 1


def test_an_empty_log_has_an_empty_layout() -> None:
    layout = survey([])
    assert (layout.events, layout.letters, layout.actions, layout.most_actions) == (0, (), 0.0, 0)
