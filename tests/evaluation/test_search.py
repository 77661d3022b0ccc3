"""Which policies a search comes up with."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.world import Visit
from cli.worlds.coffee import Coffee
from evaluation.jobs import Contender, Source
from evaluation.layout import Layout, Letter, Presence, survey
from evaluation.products import MOST_TERMS
from evaluation.search import (
    CURRENT,
    MOST_ARGUMENTS,
    MOST_CONTENDERS,
    contenders,
    in_force,
)
from loop.events import Decision, LoopKind, Micros
from loop.features import Action, compose
from loop.interactions import Crossing
from loop.joined import JoinedEvent
from loop.learning_settings import check, kind_of, parse
from loop.settings import DEFAULT_MULTI_SLOT_POLICY, DEFAULT_POLICY, Policy

SINGLE, MULTI = LoopKind.SINGLE_SLOT, LoopKind.MULTI_SLOT


def presence(most: int = 3, distinct: int = 10, share: float = 1.0) -> Presence:
    return Presence(share, mean=most / 2, most=most, distinct=distinct)


def layout(*letters: Letter, actions: int = 4, slots: int = 0) -> Layout:
    ordered = tuple(sorted(letters, key=lambda letter: letter.byte))
    return Layout(100, ordered, float(actions), actions, float(slots), slots)


def known(letters: str, most: int = 3) -> list[Letter]:
    return [Letter(ord(letter), context=presence(most)) for letter in letters]


def offered(letters: str, most: int = 2) -> list[Letter]:
    return [Letter(ord(letter), action=presence(most)) for letter in letters]


COFFEE = layout(*known("F"), *offered("ij"))


def coffee_shop() -> Layout:
    world = Coffee(Random(1))
    events = []
    for _ in range(100):
        visit = world.visit()
        assert isinstance(visit, Visit)
        tree = compose(visit.context, [Action(a.id, list(a.features)) for a in visit.actions])
        decision = Decision("e", Micros(5), orjson.dumps(tree), (0, 1, 2, 3), (0.25,) * 4)
        events.append(JoinedEvent(decision, (), 1.0))
    return survey(events)


def products(contender: Contender) -> set[str]:
    """What a contender multiplies."""
    options = ("quadratic", "interactions")
    return {s.value or "" for s in parse(contender.arguments) if s.name in options}


def test_the_coffee_shop_gets_what_it_lacks() -> None:
    # GIVEN the tutorial's log; WHEN policies are looked for
    found = contenders(coffee_shop(), DEFAULT_POLICY, SINGLE)
    # THEN there are as many as are judged at once, of two families, each numbered from 1
    inter = [c.name for c in found if c.name.startswith("Inter-len")]
    hyper = [c.name for c in found if c.name.startswith("Hyper")]
    assert [c.name for c in found] == inter + hyper
    assert inter == [f"Inter-len{n}" for n in range(1, len(inter) + 1)]
    assert hyper == [f"Hyper{n}" for n in range(1, len(hyper) + 1)]
    assert len(found) == MOST_CONTENDERS
    # AND one of them says who likes what when, at the rates of VW
    assert any(products(c) == {"Fi", "Fj", "FFi", "FFj"} for c in found if c.name in inter)
    assert {c.source for c in found} == {Source.FOUND}


def test_nothing_found_says_the_same_as_another() -> None:
    found = contenders(COFFEE, DEFAULT_POLICY, SINGLE)
    meanings = [frozenset(parse(c.arguments)) for c in found]
    assert len(set(meanings)) == len(meanings) == MOST_CONTENDERS


@pytest.mark.parametrize(
    "spelled",
    [
        "--cb_explore_adf --epsilon 0.2 --cb_type mtr --quadratic Fi Fj --interactions FFi FFj",
        "-q Fj -q iF --cubic FFj --interactions iFF -b 18 --cb_explore_adf --epsilon 0.07",
        r"-q \x46j -q Fi --cb_explore_adf --interactions FFj FFi -l .5 --power_t=0.50 --epsilon=0",
    ],
)
def test_the_policy_in_force_is_never_found(spelled: str) -> None:
    # GIVEN a policy in force that would be found, in whatever spelling
    same = {"Fi", "Fj", "FFi", "FFj"}
    plain = "--cb_explore_adf --epsilon 0.2 --cb_type mtr --quadratic"
    assert any(
        products(c) == same and c.arguments.startswith(plain)
        for c in contenders(COFFEE, DEFAULT_POLICY, SINGLE)
    )
    # WHEN policies are looked for
    found = contenders(COFFEE, Policy(name="mine", arguments=spelled), SINGLE)
    # THEN it is not among them
    assert len(found) == MOST_CONTENDERS
    assert not any(products(c) == same and c.arguments.startswith(plain) for c in found)


def test_the_policy_in_force_is_tried_with_other_rates() -> None:
    # GIVEN a policy that explores in a way of its own
    policy = Policy(name="mine", arguments="--cb_explore_adf --bag 4 -q Fi -l 0.003 --l1 1e-6")
    # WHEN policies are looked for
    found = contenders(COFFEE, policy, SINGLE)
    # THEN some keep what it does, and learn at other rates
    kept = [c for c in found if any(setting.name == "bag" for setting in parse(c.arguments))]
    assert len(kept) >= 2
    assert all(products(c) == {"Fi"} for c in kept)
    assert not any(setting.name == "l1" for c in kept for setting in parse(c.arguments))


def test_names_that_are_taken_are_left_out() -> None:
    found = contenders(COFFEE, DEFAULT_POLICY, SINGLE, taken=("Hyper1", "Inter-len2", CURRENT))
    names = {c.name for c in found}
    assert len(names) == MOST_CONTENDERS
    assert not names & {"Hyper1", "Inter-len2", CURRENT}


def test_the_policy_in_force_is_a_contender_of_its_own() -> None:
    contender = in_force(DEFAULT_POLICY)
    assert (contender.name, contender.arguments) == (CURRENT, DEFAULT_POLICY.arguments)
    assert contender.source is not Source.FOUND


def test_a_policy_that_is_not_allowed_any_more_stops_no_search() -> None:
    policy = Policy(name="old", arguments="--cb_explore_adf --no_such_option")
    assert len(contenders(COFFEE, policy, SINGLE)) >= MOST_CONTENDERS - 3


def test_a_letter_of_context_and_actions_is_multiplied_with_itself() -> None:
    # GIVEN a context whose origin begins as the actions' offers do
    both = Letter(ord("o"), context=presence(), action=presence())
    # WHEN policies are looked for
    found = contenders(layout(*known("t"), *offered("i"), both), DEFAULT_POLICY, SINGLE)
    # THEN what is known and what is offered meet there, and with the rest of the context
    assert any("too" in products(c) for c in found)


def test_without_context_there_is_little_to_look_for() -> None:
    found = contenders(layout(*offered("ij")), DEFAULT_POLICY, SINGLE)
    assert found
    assert all(not products(c) & {"Fi", "Fj"} for c in found)


def test_an_empty_log_breaks_nothing() -> None:
    for contender in contenders(layout(actions=0), DEFAULT_POLICY, SINGLE):
        check(contender.arguments)


def test_a_wide_context_leaves_costly_products_out() -> None:
    # GIVEN 400 features of the context, and 50 actions
    wide = layout(*known("F", most=400), *known("u", most=2), *offered("ij"), actions=50)
    # WHEN policies are looked for
    found = contenders(wide, DEFAULT_POLICY, SINGLE)
    # THEN no decision multiplies the wide part with itself; the narrow one it does
    assert all(not products(c) & {"FFi", "FFj"} for c in found)
    assert any("uui" in products(c) for c in found)


def bits(contender: Contender) -> str | None:
    return {s.name: s.value for s in parse(contender.arguments)}.get("bit_precision")


def test_many_namespaces_are_multiplied_as_far_as_arguments_have_room() -> None:
    # GIVEN 120 namespaces of the context and 64 of actions
    many = layout(
        *[Letter(byte, context=presence(1)) for byte in range(0x80, 0xF8)],
        *[Letter(byte, action=presence(1)) for byte in range(0x3B, 0x3B + 64)],
        actions=2,
    )
    # WHEN policies are looked for
    found = contenders(many, DEFAULT_POLICY, SINGLE)
    # THEN they multiply what there is room for, and nothing is left half written
    for contender in found:
        assert len(contender.arguments) <= MOST_ARGUMENTS
        check(contender.arguments)
    assert max(len(products(c)) for c in found) > 50


def test_many_features_get_a_larger_table() -> None:
    few = contenders(layout(*known("F"), *offered("ij")), DEFAULT_POLICY, SINGLE)
    crowd = [replace(letter, context=presence(distinct=4_000)) for letter in known("F")]
    many = contenders(layout(*crowd, *offered("ij")), DEFAULT_POLICY, SINGLE)
    assert not any(bits(c) for c in few)
    assert {bits(c) for c in many} == {None, "19"}


def test_pages_get_policies_of_their_kind() -> None:
    slots = Letter(ord("s"), slot=presence())
    found = contenders(
        layout(*known("F"), *offered("ij"), slots, slots=3), DEFAULT_MULTI_SLOT_POLICY, MULTI
    )
    assert len(found) == MOST_CONTENDERS
    assert {kind_of(c.arguments) for c in found} == {MULTI}
    for contender in found:
        check(contender.arguments)


PRESENCES = st.builds(
    Presence,
    share=st.floats(0.0, 1.0),
    mean=st.floats(0.0, 10.0),
    most=st.integers(1, 2_000),
    distinct=st.integers(1, 4_096),
)
LETTERS = st.builds(
    Letter,
    byte=st.integers(1, 255),
    context=st.none() | PRESENCES,
    action=st.none() | PRESENCES,
    slot=st.none() | PRESENCES,
).filter(lambda letter: letter.context or letter.action or letter.slot)
LAYOUTS = st.builds(
    lambda letters, actions, slots: layout(*letters, actions=actions, slots=min(slots, actions)),
    st.lists(LETTERS, max_size=255, unique_by=lambda letter: letter.byte),
    st.integers(0, 50),
    st.integers(0, 50),
)


@settings(max_examples=40, deadline=None)
@given(LAYOUTS, st.sampled_from((SINGLE, MULTI)))
def test_whatever_the_log_holds_policies_are_such_as_a_loop_takes(
    found_in_log: Layout, kind: LoopKind
) -> None:
    # GIVEN any letters, of any width; WHEN policies are looked for
    policy = DEFAULT_POLICY if kind is SINGLE else DEFAULT_MULTI_SLOT_POLICY
    found = contenders(found_in_log, policy, kind)
    # THEN they are few enough, short enough, cheap enough, and each is one that can be put
    assert len(found) <= MOST_CONTENDERS
    assert len({c.name for c in found}) == len(found)
    for contender in found:
        assert len(contender.arguments) <= MOST_ARGUMENTS
        parse(contender.arguments)
        if "Inter-len" in contender.name:
            assert terms(contender, found_in_log) <= max(MOST_TERMS, linear(found_in_log))
    for contender in Random(len(found_in_log.letters)).sample(found, min(2, len(found))):
        check(contender.arguments)


@pytest.mark.parametrize("byte", [0x22, 0x27, 0x2D, 0x5C, 0x3A, 0x7C, 0x20, 0x23, 0xC3, 0xE6, 0xF0])
def test_odd_letters_are_spelled_so_that_vw_takes_them(byte: int) -> None:
    odd = layout(Letter(byte, context=presence()), *offered("ij"))
    for contender in contenders(odd, DEFAULT_POLICY, SINGLE):
        check(contender.arguments)


def terms(contender: Contender, found: Layout) -> int:
    """What a decision costs that has as many features everywhere as any had, by VW's rules."""
    widths = {
        letter.byte: sum(p.most for p in (letter.context, letter.action, letter.slot) if p)
        for letter in found.letters
    }
    options = [
        part
        for s in parse(contender.arguments)
        if s.name in ("quadratic", "interactions")
        for part in (f"--{s.name}", s.value or "")
    ]
    total = linear(found)
    readings = found.most_actions * (3 * found.most_slots or 1)
    for met in Crossing.read(options).among(widths):
        count, previous, run = 1, None, 0
        for byte in sorted(met):
            run = run + 1 if byte == previous else 1
            previous = byte
            count = count * (widths[byte] + run - 1) // run
        total += readings * count
    return total


def linear(found: Layout) -> int:
    """What a decision costs without any product."""
    widths = sum(
        p.most for each in found.letters for p in (each.context, each.action, each.slot) if p
    )
    return found.most_actions * (3 * found.most_slots or 1) * widths
