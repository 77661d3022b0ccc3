"""A multi-slot model: what VW draws for each slot, and what it learns of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from loop.features import Action, Slot, compose, with_slots
from loop.learning_settings import DEFAULT_MULTI_SLOT_ARGUMENTS
from loop.model import MAX_COST, Model, ModelError
from loop.models import open_model
from loop.multi_slot_model import AskedSlot, MultiSlotModel, SlotLabel
from loop.sampling import draw, slot_seed
from loop.vw_lines import vw_lines

ARGUMENTS = "--ccb_explore_adf --epsilon 0.2 --cb_type mtr -q Fi"
ALL = (0, 1, 2, 3)


def lines_of(*slots: str, user: str = "u", actions: str = "abcd") -> list[str]:
    tree = compose([{"user": user}], [Action(name, []) for name in actions])
    return vw_lines(with_slots(tree, [Slot(slot, [{"place": slot}]) for slot in slots]))


LINES = lines_of("top", "side")


def asked(event_id: str, *slots: str, included: tuple[int, ...] = ALL) -> list[AskedSlot]:
    return [AskedSlot(included, slot_seed(event_id, slot)) for slot in slots]


@pytest.fixture
def model() -> Iterator[MultiSlotModel]:
    with MultiSlotModel(ARGUMENTS) as model:
        yield model


def teach(model: MultiSlotModel, events: int = 60) -> None:
    """What is best in ``top`` is ``c``, and in ``side`` it is ``a``."""
    for number in range(events):
        first, second = number % 4, (number + 1 + number // 4 % 3) % 4
        left = [second, *[i for i in ALL if i not in (first, second)]]
        labels = [
            SlotLabel((first, *[i for i in ALL if i != first]), -float(first == 2), 0.25),
            SlotLabel(left, -float(second == 0), 1 / 3),
        ]
        model.learn(LINES, labels)


def test_no_action_is_given_to_two_slots_and_the_rest_is_left(model: MultiSlotModel) -> None:
    lines = lines_of("top", "side", "foot", "end")
    for number in range(50):
        choices = model.decide(lines, asked(f"e{number}", "top", "side", "foot", "end"))
        drawn = [choice.ranking[0] for choice in choices]
        assert sorted(drawn) == [0, 1, 2, 3]
        for place, choice in enumerate(choices):
            assert sorted(choice.ranking) == sorted(set(ALL) - set(drawn[:place]))
            assert sum(choice.probabilities) == pytest.approx(1.0)


def test_the_same_event_draws_the_same_whatever_came_between(model: MultiSlotModel) -> None:
    # GIVEN a model that has learned, and what it draws for some events
    teach(model)
    events = [asked(f"e{number}", "top", "side") for number in range(20)]
    first = [model.decide(LINES, event) for event in events]
    # WHEN other pages come, and those events again
    for number in range(7):
        model.decide(lines_of("a", "b", "c"), asked(f"x{number}", "a", "b", "c"))
    # THEN they are drawn as before; and by a copy of the model; and they are not all alike
    assert [model.decide(LINES, event) for event in events] == first
    with MultiSlotModel(ARGUMENTS, model.save()) as copy:
        assert [copy.decide(LINES, event) for event in events] == first
    assert len({choices[0].ranking[0] for choices in first}) > 1


def test_a_single_slot_is_decided_the_same_before_and_after_the_first_page() -> None:
    # GIVEN a model that has only ever seen single slots without features
    lines = ["shared |FromUrl useru", "|i ida", "|i idb", "|"]
    slot = [AskedSlot((0, 1), "1")]
    with MultiSlotModel("--ccb_explore_adf --epsilon 0.2 -q Fi") as model:
        for _ in range(5):
            model.learn(lines, [SlotLabel((1, 0), -1.0, 0.5)])
        saved = model.save()
    with MultiSlotModel("--ccb_explore_adf --epsilon 0.2 -q Fi", saved) as model:
        before = model.decide(lines, slot)
        # WHEN a page with several comes by
        model.decide(LINES, asked("e", "top", "side"))
        # THEN nothing has changed for the others
        assert model.decide(lines, slot) == before


def test_vw_draws_as_the_sampler_does(model: MultiSlotModel) -> None:
    # GIVEN a new model, to which all actions are alike
    for number in range(200):
        event = asked(f"event {number}", "top")
        # WHEN it draws
        [choice] = model.decide(lines_of("top"), event)
        # THEN it is the place that the sampler draws by the same seed
        assert choice.probabilities == pytest.approx((0.25,) * 4)
        assert choice.ranking[0] == draw(event[0].seed, [0.25] * 4)


def test_draws_are_as_frequent_as_they_are_probable(model: MultiSlotModel) -> None:
    teach(model)
    seen: Counter[tuple[int, int]] = Counter()
    for number in range(2_000):
        top, side = model.decide(LINES, asked(f"e{number}", "top", "side"))
        seen[top.ranking[0], side.ranking[0]] += 1
    # The leaders of both slots have 0.85, and 0.8 + 0.2 / 3 of what is left.
    assert seen[2, 0] / 2_000 == pytest.approx(0.85 * (0.8 + 0.2 / 3), abs=0.03)


def test_slots_learn_apart(model: MultiSlotModel) -> None:
    teach(model)
    top, side = model.decide(LINES, [AskedSlot(ALL, "1"), AskedSlot(ALL, "2")])
    assert dict(zip(top.ranking, top.probabilities, strict=True))[2] == pytest.approx(0.85)
    if top.ranking[0] != 0:
        leader = dict(zip(side.ranking, side.probabilities, strict=True))[0]
        assert leader == pytest.approx(0.8 + 0.2 / 3)


def test_what_is_not_included_is_not_drawn(model: MultiSlotModel) -> None:
    for number in range(50):
        top, side = model.decide(
            LINES, [AskedSlot((1, 3), f"a{number}"), AskedSlot((0, 1, 3), f"b{number}")]
        )
        assert set(top.ranking) == {1, 3}
        assert set(side.ranking) == {0, 1, 3} - {top.ranking[0]}


@pytest.mark.parametrize(
    "labels",
    [
        [SlotLabel((0, 1), 2 * MAX_COST, 0.5), SlotLabel((1,), 0.0, 1.0)],
        [SlotLabel((0, 1), 0.0, 0.0), SlotLabel((1,), 0.0, 1.0)],
        [SlotLabel((0, 1), 0.0, 1.5), SlotLabel((1,), 0.0, 1.0)],
        [SlotLabel((0, 1), float("nan"), 0.5), SlotLabel((1,), 0.0, 1.0)],
        [SlotLabel((0, 4), 0.0, 0.5), SlotLabel((1,), 0.0, 1.0)],
        [SlotLabel((0, -1), 0.0, 0.5), SlotLabel((1,), 0.0, 1.0)],
        [SlotLabel((0, 1), 0.0, 0.5), SlotLabel((0, 1), 0.0, 1.0)],
        [SlotLabel((0, 1), 0.0, 0.5), SlotLabel((1, 0), 0.0, 1.0)],
        [SlotLabel((0, 1), 0.0, 0.5), SlotLabel((), 0.0, 1.0)],
        [SlotLabel((0, 1), 0.0, 0.5)] * 5,
        [],
    ],
)
def test_labels_that_make_no_sense_are_refused(
    model: MultiSlotModel, labels: list[SlotLabel]
) -> None:
    before = model.save()
    with pytest.raises(ModelError):
        model.learn(LINES, labels)
    assert model.save() == before


def test_a_slot_that_nothing_is_left_for_is_refused(model: MultiSlotModel) -> None:
    with pytest.raises(ModelError):
        model.decide(LINES, [AskedSlot(ALL, "1"), AskedSlot((), "2")])
    with pytest.raises(ModelError):
        model.decide(lines_of("a", "b", "c", actions="xy"), asked("e", "a", "b", "c"))


def test_arguments_tell_the_kinds_apart() -> None:
    with open_model("--cb_explore_adf") as model:
        assert isinstance(model, Model)
    with open_model(DEFAULT_MULTI_SLOT_ARGUMENTS) as model:
        assert isinstance(model, MultiSlotModel)
        saved = model.save()
    with pytest.raises(ModelError):
        Model("--cb_explore_adf", saved)
    with pytest.raises(ModelError):
        MultiSlotModel("--cb_explore_adf")
    with pytest.raises(ModelError):
        Model("--ccb_explore_adf")
