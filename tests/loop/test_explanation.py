"""An explanation's terms are the very ones that VW sums up."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pylibvw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from loop.explanation import MAX_SCORES, MAX_TERMS, explain, terms
from loop.features import Action, FeatureTree, JsonObject, compose
from loop.model import Model, ModelError
from loop.vw_lines import vw_lines

POLICY = "--cb_explore_adf --epsilon 0.2 --cb_type mtr"


def tree_of(chance: random.Random) -> FeatureTree:
    """Context and four actions in namespaces of which some begin with the same letter."""
    context: list[JsonObject] = [
        {"weather": chance.choice(["Sunny", "Rainy"]), "hour": chance.randrange(24)},
        {"jobs": {"kind": chance.choice("xy"), "pay": chance.uniform(-2, 2)}},
        {"device": {"os": chance.choice("ab"), "sizes": [1, 0, chance.random()]}},
    ]
    actions = [
        Action(
            name,
            [
                {"hot": chance.random() < 0.5, "price": chance.uniform(0, 3)},
                {"juice": {"sweet": name in "ab", "maker": name}},
            ],
        )
        for name in "abcd"
    ]
    return compose(context, actions)


def taught(policy: str, rounds: int = 150) -> Model:
    """A model as it is served: learned, saved and loaded."""
    chance = random.Random(3)
    with Model(policy) as model:
        for _ in range(rounds):
            lines = vw_lines(tree_of(chance))
            model.learn(lines, chance.randrange(4), -chance.random(), 0.25)
        return Model(policy, model.save())


def vw_of(model: Model, folder: Path) -> Workspace:
    """The same model without anything of ours round it."""
    file = folder / "model.vw"
    file.write_bytes(model.save())
    return Workspace(arg_list=[*model.arguments.split(), "--quiet", "--no_stdin", "-i", str(file)])


def costs(vw: Workspace, lines: list[str]) -> list[float]:
    """What VW says each action costs."""
    # Not by its own parse, which strips what a name may end with.
    examples = pylibvw.vw._parse(vw, "\n".join(lines))
    pylibvw.vw.predict_multi(vw, examples)
    found = [example.get_partial_prediction() for example in examples[1:]]
    pylibvw.vw._finish_example_multi_ex(vw, examples)
    return found


def assert_sums(vw: Workspace, model: Model, tree: FeatureTree) -> None:
    lines = vw_lines(tree)
    for action, cost in enumerate(costs(vw, lines)):
        found = [term.weight * term.value for term in terms(model, tree, lines, action)]
        # Single precision, and terms that may cancel out.
        assert sum(found) == pytest.approx(cost, abs=1e-5 * (1 + sum(map(abs, found))))


@pytest.mark.parametrize(
    "options",
    [
        "",
        "-q ::",
        "--power_t 0 -l 0.001 -q ::",
        "-b 20 -q Fi -q Fj --interactions FFi",
        "-q jF",
        "-q jF -q ij --interactions jjF --interactions iji",
        "--interactions jiF --cubic jjj",
        "-q F: -q :j -q jF",
        "-q :: --interactions Fj: --interactions j:d",
        "-q jj --permutations",
        "-q :: --interactions jFj --permutations",
        "-q Fj -q jF --leave_duplicate_interactions",
        "-q :: -q j: --interactions F:j --leave_duplicate_interactions",
        "--ignore_linear Fi -q ::",
        "--ignore d -q ::",
        "--keep i --keep j -q ::",
        "--noconstant -q ::",
        "-C 2 -q ::",
        "-b 8 -q ::",
        "--hash all -q ::",
        "--hash_seed 7 -q ::",
        "-q \\x46\\x6a",
        "--sgd -q ::",
        "--ftrl -q ::",
        "--coin -q ::",
        "--pistol -q ::",
        "--adax -q ::",
        "--loss_function quantile -q ::",
        "--softmax --lambda 2 -q ::",
        "--squarecb -q ::",
        "--regcb -q ::",
        "--rnd 3 -q ::",
        "--first 5 -q ::",
        "--synthcover -q ::",
        "--bag 1 -q ::",
        "--cb_type ips -q ::",
        "--cb_type dm -q ::",
        "--cb_type dr -q ::",
        "--cb_type sm -q ::",
    ],
)
def test_weights_times_values_sum_to_vws_own_score(options: str, tmp_path: Path) -> None:
    policy = "--cb_explore_adf " if "--cb_type" in options else f"{POLICY} "
    chance = random.Random(5)
    with taught(policy + options) as model, vw_of(model, tmp_path) as vw:
        for _ in range(5):
            assert_sums(vw, model, tree_of(chance))


names = st.one_of(
    st.text(max_size=3),
    st.text(" \t\r\n\0:|_~^.\x7fab😀é名\x85\u2028", max_size=3),
)
numbers = st.one_of(st.integers(-1_000, 1_000), st.floats(-1e3, 1e3), st.floats(-1e-30, 1e-30))
plain = st.one_of(names, numbers, st.booleans(), st.none())
objects: st.SearchStrategy[JsonObject] = st.recursive(
    st.dictionaries(names, plain, max_size=4),
    lambda inner: st.dictionaries(
        names, st.one_of(plain, inner, st.lists(inner, max_size=2), st.lists(numbers, max_size=3))
    ),
    max_leaves=4,
)


@given(context=st.lists(objects, max_size=2), features=st.lists(objects, max_size=2))
@settings(max_examples=40, deadline=None)
@example(context=[{"~x": {"a": 1}, "\x7f": {"b": 2}, "é": {"c": 3}}], features=[{"\x80": [1]}])
@example(context=[{"": {"": 1, " ": "x"}, "|": [1, 1e-37, 0.0, 2]}], features=[{":": {"a": None}}])
def test_every_feature_has_its_name_and_its_weight(
    context: list[JsonObject], features: list[JsonObject]
) -> None:
    # GIVEN a model that has learned from hostile features
    tree = compose(context, [Action("a b", features), Action("b", [])])
    lines = vw_lines(tree)
    policy = f"{POLICY} -q :: --interactions jF:"
    with Model(policy) as learner:
        for _ in range(3):
            learner.learn(lines, 0, -1.0, 0.5)
            learner.learn(lines, 1, 0.5, 0.5)
        # THEN the terms of what was saved and loaded are all there
        with (
            TemporaryDirectory() as folder,
            Model(policy, learner.save()) as model,
            vw_of(model, Path(folder)) as vw,
        ):
            assert_sums(vw, model, tree)


def test_names_are_the_requests_own_and_what_speaks_for_the_action_is_above_zero() -> None:
    # GIVEN users of two kinds, each with an action of its own that is rewarded
    def tree_for(kind: str) -> FeatureTree:
        actions = [Action(name, [{"topic": name}]) for name in ("news", "sports")]
        return compose([{"user": {"profileType": kind}}], actions)

    policy = f"{POLICY} -q uj"
    with Model(policy) as model:
        for number in range(400):
            kind, action = ("guest", "member")[number % 2], number // 2 % 2
            cost = -1.0 if action == number % 2 else 0.0
            model.learn(vw_lines(tree_for(kind)), action, cost, 0.5)
        # WHEN a member's best action and the other one are explained
        tree = tree_for("member")
        best, other = (
            {each.name: each.score for each in explain(model, tree, vw_lines(tree), action)}
            for action in (1, 0)
        )
    # THEN it is the pair of user and topic that decides
    assert set(best) == {
        "user.profileType",
        "i.constant",
        "i.id",
        "j.topic",
        "user.profileType^j.topic",
    }
    assert next(iter(best)) == "user.profileType^j.topic"
    assert best["user.profileType^j.topic"] > 0.1 > -0.1 > other["user.profileType^j.topic"]


class Counting(Model):
    """Counts the weights that it is asked for."""

    asked = 0

    def weight(self, index: int) -> float:
        self.asked += 1
        return super().weight(index)


def test_the_weightiest_come_first_and_their_number_is_bounded() -> None:
    # GIVEN a call with millions of terms
    wide = compose(
        [{f"f{n}": n % 7 for n in range(2_000)}], [Action(name, [{name: True}]) for name in "ab"]
    )
    lines = vw_lines(wide)
    with Counting(f"{POLICY} -q ::") as model:
        for action in (0, 1):
            model.learn(lines, action, -float(action), 0.5)
        scores = explain(model, wide, lines, 1)
    assert model.asked == MAX_TERMS
    assert len(scores) == MAX_SCORES
    sizes = [abs(each.score) for each in scores]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0.0


def test_a_model_that_has_learned_nothing_weighs_nothing() -> None:
    tree = compose([{"a": 1}], [Action("b", [{"c": "d"}])])
    with Model(f"{POLICY} -q ::") as model:
        scores = explain(model, tree, vw_lines(tree), 0)
    assert {str(each.score) for each in scores} == {"0.0"}


def test_what_vw_does_not_take_is_a_model_error() -> None:
    tree = compose([], [Action("b", [])])
    with Model(POLICY) as model, pytest.raises(ModelError):
        explain(model, tree, ["shared |", "\n"], 0)
