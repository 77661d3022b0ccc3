"""A model: decides, learns, saves, loads, and says why when it can't."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from vowpalwabbit import Workspace

from loop.features import Action, compose
from loop.model import MAX_COST, Model, ModelError
from loop.vw_lines import vw_lines

ARGUMENTS = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ::"
LINES = vw_lines(
    compose([{"weather": "Sunny"}], [Action(name, [{"hot": name == "tea"}]) for name in "abcd"])
)
EXPORTED = Path(__file__).parents[2] / "../shared/fixtures/azure-export/model-vw-8.11.vw"


def taught(arguments: str = ARGUMENTS, rounds: int = 40) -> Model:
    """A model that has seen action 2 rewarded."""
    model = Model(arguments)
    for number in range(rounds):
        action = number % 4
        model.learn(LINES, action, -1.0 if action == 2 else 0.0, 0.25)
    return model


def test_it_learns_which_action_is_rewarded() -> None:
    with taught() as model:
        scores = model.decide(LINES)

    assert scores.ranking[0] == 2
    assert sorted(scores.ranking) == [0, 1, 2, 3]
    assert scores.probabilities == pytest.approx((0.85, 0.05, 0.05, 0.05), abs=1e-6)


def test_before_it_has_learned_the_order_is_the_requests() -> None:
    with Model(ARGUMENTS) as model:
        scores = model.decide(LINES)

    assert scores.ranking == (0, 1, 2, 3)
    assert scores.probabilities == pytest.approx((0.25,) * 4)


@pytest.mark.parametrize(
    "exploration",
    ["--epsilon 0.1", "--softmax --lambda 2", "--squarecb", "--cover 3", "--bag 4", "--rnd 3"],
)
def test_the_ranking_falls_by_probability_whatever_explores(exploration: str) -> None:
    with taught(f"--cb_explore_adf --cb_type mtr -q :: {exploration}") as model:
        first, second = model.decide(LINES), model.decide(LINES)

    assert first == second
    assert list(first.probabilities) == sorted(first.probabilities, reverse=True)
    assert sum(first.probabilities) == pytest.approx(1.0, abs=1e-6)


def test_a_context_may_be_empty() -> None:
    with taught() as model:
        assert model.decide(["shared |", *LINES[1:]]).ranking[0] == 2


def test_saved_and_loaded_it_decides_and_learns_as_before() -> None:
    # GIVEN a model and a copy of it
    with taught() as model, Model(ARGUMENTS, model.save()) as copy:
        assert copy.decide(LINES) == model.decide(LINES)
        # WHEN both go on learning
        for each in (model, copy):
            each.learn(LINES, 1, -1.0, 0.05)
        # THEN they still agree
        assert copy.decide(LINES) == model.decide(LINES)


def test_deciding_does_not_change_what_is_saved() -> None:
    with taught() as model:
        saved = model.save()
        for _ in range(10):
            model.decide(LINES)
        assert model.save() == saved
        model.learn(LINES, 0, -1.0, 0.05)
        assert model.save() != saved

    with Model(ARGUMENTS, saved) as loaded:
        loaded.decide(LINES)
        assert loaded.save() == saved


def test_the_same_lessons_make_the_same_bytes() -> None:
    with taught() as one, taught() as other:
        assert one.save() == other.save()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "model format"), (b"hello", "model format"), (bytes(range(256)) * 4, "")],
)
def test_what_is_no_model_is_refused_with_vws_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        Model(ARGUMENTS, data)

    assert reason in caught.value.reason
    assert caught.value.reason


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    lessons = {"": "1 |a b c", "--ccb_explore_adf": ["ccb shared |a b", "ccb action |c d"]}
    for arguments, lesson in lessons.items():
        file = tmp_path / "other.vw"
        with Workspace(f"{arguments} --quiet") as other:
            other.learn(lesson)
            other.save(file)
        with pytest.raises(ModelError):
            Model(ARGUMENTS, file.read_bytes())


def test_other_weights_than_the_arguments_say_are_refused() -> None:
    with taught() as model, pytest.raises(ModelError, match="bit_precision"):
        Model(f"{ARGUMENTS} -b 20", model.save())


@pytest.mark.parametrize(
    "arguments",
    ["--no_such_option", "--cb_explore_adf --epsilon much", "", "--ccb_explore_adf", "--cb_adf"],
)
def test_arguments_that_make_no_bandit_are_refused(arguments: str) -> None:
    with pytest.raises(ModelError) as caught:
        Model(arguments)

    assert caught.value.reason


def test_shares_that_are_no_probabilities_are_refused() -> None:
    # GIVEN an exploration whose shares do not sum to 1
    with (
        taught("--cb_explore_adf --regcbopt --cb_type mtr -q ::") as model,
        pytest.raises(ModelError, match="probabilities"),
    ):
        model.decide(LINES)


def test_damaged_models_are_refused_or_decide_and_never_crash() -> None:
    with taught() as model:
        saved = model.save()
    chance = random.Random(7)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(saved)
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.3:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            with Model(ARGUMENTS, bytes(damaged)) as loaded:
                outcomes.add(len(loaded.decide(LINES).ranking))
        except ModelError as error:
            assert error.reason
            outcomes.add(0)
    assert outcomes == {0, 4}


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["shared |a b"],
        ["|a b"],
        ["|a b", "|c d"],
        ["shared |a b", "", "|c d"],
        ["shared", "\n"],
    ],
)
def test_lines_that_are_no_decision_are_refused(lines: list[str]) -> None:
    with Model(ARGUMENTS) as model, pytest.raises(ModelError):
        model.decide(lines)


@pytest.mark.parametrize(
    ("action", "cost", "probability"),
    [
        (4, 0.0, 0.5),
        (-1, 0.0, 0.5),
        (0, math.nan, 0.5),
        (0, -math.inf, 0.5),
        (0, 2 * MAX_COST, 0.5),
        (0, 1.0, 0.0),
        (0, 1.0, 1.5),
        (0, 1.0, math.nan),
    ],
)
def test_labels_out_of_range_are_refused(action: int, cost: float, probability: float) -> None:
    with Model(ARGUMENTS) as model:
        empty = model.save()
        with pytest.raises(ModelError):
            model.learn(LINES, action, cost, probability)
        assert model.save() == empty


def test_the_largest_costs_and_smallest_probabilities_leave_a_model_that_decides() -> None:
    with Model(ARGUMENTS) as model:
        for number in range(200):
            model.learn(LINES, number % 4, MAX_COST if number % 3 else -MAX_COST, 1e-6)
        assert sum(model.decide(LINES).probabilities) == pytest.approx(1.0, abs=1e-6)


def test_small_costs_are_learned_exactly_as_they_are() -> None:
    with Model(ARGUMENTS) as small, Model(ARGUMENTS) as none:
        small.learn(LINES, 0, -1e-5, 0.5)
        none.learn(LINES, 0, 0.0, 0.5)
        assert small.decide(LINES).ranking[0] == 0
        assert small.save() != none.save()


def test_a_closed_model_says_so() -> None:
    model = Model(ARGUMENTS)
    model.close()
    model.close()

    with pytest.raises(ModelError, match="closed"):
        model.decide(LINES)
    with pytest.raises(ModelError, match="closed"):
        model.save()


def test_a_model_of_the_retired_service_decides() -> None:
    if not EXPORTED.exists():
        pytest.skip("the exported model is not at hand")

    with Model("--cb_explore_adf --epsilon 0.2 -q ::", EXPORTED.read_bytes()) as model:
        scores = model.decide(LINES)

    assert sorted(scores.ranking) == [0, 1, 2, 3]
    assert sum(scores.probabilities) == pytest.approx(1.0, abs=1e-6)
