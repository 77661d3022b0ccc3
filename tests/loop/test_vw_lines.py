"""Features: what VW is made to read of a request's JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson
import pylibvw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from loop.errors import InvalidRankRequest, PayloadSizeExceeded, PersonalizerError
from loop.features import (
    MAX_DEPTH,
    Action,
    FeatureTree,
    JsonObject,
    JsonValue,
    compose,
    without_ignored,
)
from loop.vw_lines import MAX_FEATURES, MAX_FEATURES_IN_ALL, TINY, vw_lines

ARGUMENTS = "--cb_explore_adf --epsilon 0.2 -q :: --random_weights --quiet"
LOG_LINE = Path(__file__).parents[2] / "../shared/fixtures/azure-export/log-line.dsjson"


def lines(context: JsonObject, features: JsonObject | None = None) -> list[str]:
    return vw_lines(compose([context], [Action("a", [features or {}])]))


@pytest.mark.parametrize(
    ("features", "text"),
    [
        ({"os": "ios"}, "|FromUrl osios"),
        ({"n": 5, "x": 21.5}, "|FromUrl n:5 x:21.5"),
        ({"x": 0.1234567891234}, "|FromUrl x:0.123456789"),
        ({"x": -1e6, "y": 1e-05}, "|FromUrl x:-1000000 y:1e-05"),
        ({"x": 0, "y": 0.0, "z": -0.0}, ""),
        ({"x": 1e-191, "y": -1e-40, "n": [1, 5e-324], "z": 2e-29}, "|n 0:1 |FromUrl z:2e-29"),
        ({"yes": True, "no": False}, "|FromUrl yes"),
        ({"gone": None}, "|FromUrl gonenull"),
        ({"_secret": "x", "_list": [["no", "matter"]]}, ""),
        ({"device": {"os": "ios", "screen": {"wide": True}}}, "|device osios |screen wide"),
        ({"device": {}, "tags": [], "more": [{}]}, ""),
        ({"tags": [{"a": "b"}, {"c": 1}]}, "|tags ab c:1"),
        ({"v": [0.5, 0, 2]}, "|v 0:0.5 2:2"),
        ({"a": 1, "in": {"b": 1}, "c": 1}, "|FromUrl a:1 |in b:1 |FromUrl c:1"),
        ({"": "", "b": 1}, "|FromUrl 0 b:1"),
        ({"": True}, "|FromUrl 0"),
        ({"": 3}, "|FromUrl 0:3"),
        ({"": "x"}, "|FromUrl x"),
        ({"": {"a": 1}}, "| a:1"),
        ({"größe": "süß 😀"}, "|FromUrl größesüß_😀"),
        ({"名": {"前": "値"}}, "|名 前値"),
        ({"a b": "c:d|e"}, "|FromUrl a_bc_d_e"),
        ({"a:2": {"|b": 1}}, "|a_2 _b:1"),
        ({" x": 1, "y ": 2}, "|FromUrl _x:1 y_:2"),
        ({"a": "line\nend\r\n\ttab\0nul"}, "|FromUrl aline_end___tab_nul"),
        ({"a\n": 1, "a\t": 2, "a\r": 3, "a\0": 4}, "|FromUrl a_:1 a_:2 a_:3 a_:4"),
        ({"n\ts": {"\n": 1}}, "|n_s _:1"),
        ({"\n_x": 1}, "|FromUrl __x:1"),
        ({"em": "\u2003\u2028\x0b\x85\xa0"}, "|FromUrl em\u2003\u2028\x0b\x85\xa0"),
    ],
)
def test_what_becomes_of_a_feature(features: JsonObject, text: str) -> None:
    assert lines(features) == [f"shared {text or '|'}", "|i constant:1 ida"]


def test_actions_stand_in_i_and_j() -> None:
    # GIVEN actions with plain members and members that are objects
    actions = [
        Action("Cold brew", [{"type": "cold"}, {"roast": "light", "maker": {"name": "x"}}]),
        Action("|x:2", []),
    ]
    # WHEN they are written
    written = vw_lines(compose([], actions))
    # THEN what is plain is in j, the id in i, and nothing gets out of its name
    assert written == [
        "shared |",
        "|i constant:1 idCold_brew |j typecold roastlight |maker namex",
        "|i constant:1 id_x_2",
    ]


def test_the_log_gives_the_same_lines_as_the_request() -> None:
    tree = compose(
        [{"a": "\n", "b": {"c": [1, 2.5]}}], [Action("x", [{"y": None}]), Action("z", [])]
    )

    assert vw_lines(orjson.loads(orjson.dumps(tree))) == vw_lines(tree)


def test_an_example_without_features_is_one_nonetheless() -> None:
    tree = orjson.loads('{"_multi":[{"_tag":"t"},{"j":[{"_x":1}]}]}')

    assert vw_lines(tree) == ["shared |", "|", "|"]


def test_a_log_line_of_another_layout_keeps_its_namespaces() -> None:
    tree = orjson.loads('{"w":"x","user":{"id":"u"},"_multi":[{"_tag":"t","k":{"a":1},"b":2}]}')

    assert vw_lines(tree) == ["shared | wx |user idu", "|k a:1 | b:2"]


@pytest.mark.parametrize(
    ("features", "place"),
    [
        ({"tags": ["a", "b"]}, ".tags[0]"),
        ({"tags": [1, "b"]}, ".tags[1]"),
        ({"tags": [1, {}]}, ".tags[1]"),
        ({"tags": [{}, 1]}, ".tags[1]"),
        ({"tags": [{}, []]}, ".tags[1]"),
        ({"tags": [[1]]}, ".tags[0]"),
        ({"tags": [True]}, ".tags[0]"),
        ({"tags": [1, None]}, ".tags[1]"),
        ({"tags": [1, math.nan]}, ".tags[1]"),
        ({"tags": [1, -1e7]}, ".tags[1]"),
        ({"x": math.nan}, ".x"),
        ({"x": math.inf}, ".x"),
        ({"x": -math.inf}, ".x"),
        ({"x": 1_000_001}, ".x"),
        ({"x": 10**400}, ".x"),
        ({"j": {"FromUrl": [{}, {"x": 1e9}]}}, ".j.FromUrl[1].x"),
    ],
)
def test_what_is_no_feature_is_refused_with_its_place(features: JsonObject, place: str) -> None:
    with pytest.raises(InvalidRankRequest) as of_context:
        vw_lines(compose([{}, features], [Action("a", [])]))
    with pytest.raises(InvalidRankRequest) as of_action:
        vw_lines(compose([], [Action("a", []), Action("b", [{}, {}, features])]))

    assert of_context.value.target == f"contextFeatures[1]{place}"
    assert of_action.value.target == f"actions[1].features[2]{place}"
    assert of_action.value.message.startswith(f"actions[1].features[2]{place} ")


def test_feature_objects_are_objects() -> None:
    strange = cast("list[JsonObject]", [{}, 3])

    with pytest.raises(InvalidRankRequest) as caught:
        vw_lines(compose(strange, [Action("a", [])]))

    assert caught.value.target == "contextFeatures[1]"


def nested(levels: int, innermost: JsonValue) -> JsonObject:
    value = innermost
    for level in range(levels, 0, -1):
        value = {f"n{level}": value}
    return cast(JsonObject, value)


def test_ten_levels_are_taken_and_the_eleventh_is_named() -> None:
    assert lines(nested(MAX_DEPTH, {"x": 1}))[0] == "shared |n10 x:1"

    with pytest.raises(InvalidRankRequest) as caught:
        lines(nested(MAX_DEPTH + 1, {"x": 1}))

    path = ".".join(f"n{level}" for level in range(1, MAX_DEPTH + 2))
    assert caught.value.target == f"contextFeatures[0].{path}"


def test_a_thousand_levels_are_refused_and_ignored_ones_do_not_matter() -> None:
    with pytest.raises(InvalidRankRequest):
        lines(orjson.loads(b'{"a":' * 1000 + b"1" + b"}" * 1000))

    assert lines(orjson.loads(b'{"_a":' + b"[" * 1000 + b"]" * 1000 + b"}"))[0] == "shared |"


def test_as_many_features_as_allowed_and_not_one_more() -> None:
    def written(context: int, own: int, actions: int) -> list[str]:
        return vw_lines(
            compose(
                [{f"c{i}": 1 for i in range(context)}],
                [Action("a", [{f"f{i}": 1 for i in range(own - 2)}]) for _ in range(actions)],
            )
        )

    assert len(written(MAX_FEATURES - 10, 10, 1)) == 2
    assert len(written(1990, 10, MAX_FEATURES_IN_ALL // 2000)) == 51
    with pytest.raises(PayloadSizeExceeded) as of_one:
        written(MAX_FEATURES - 10, 11, 1)
    with pytest.raises(PayloadSizeExceeded):
        written(1991, 10, MAX_FEATURES_IN_ALL // 2000)
    with pytest.raises(PayloadSizeExceeded):
        written(10_000, 2, 1)
    assert of_one.value.target == "actions[0]"


def test_ignored_names_are_dropped_down_to_where_features_may_lie() -> None:
    assert without_ignored([{"a": 1, "_b": 2, "c": [{"_d": 3, "e": "_f"}]}]) == [
        {"a": 1, "c": [{"e": "_f"}]}
    ]
    deep = orjson.loads(b'{"a":' * 1000 + b"1" + b"}" * 1000)
    assert without_ignored(deep) == deep


# VW's own reader


@dataclass
class Reading:
    """What VW makes of one decision.

    Attributes:
        hashes: For each example, by the first letter of its namespaces: the features, in order.
        weights: The weights of all of them.
        costs: What is predicted for each action.
    """

    hashes: list[dict[int, list[int]]]
    weights: list[float]
    costs: list[float]


class Reader:
    """One way of reading: as JSON or as text, by VW's arguments."""

    def __init__(self, arguments: str) -> None:
        self._vw = Workspace(arguments)

    def read(self, text: str) -> Reading:
        mask = (self._vw.num_weights() << 2) - 1  # four floats a weight
        reading = Reading([], [], [])
        examples = pylibvw.vw._parse(self._vw, text)
        for each in examples:
            spaces = [each.namespace(i) for i in range(each.num_namespaces())]
            indices = {space: range(each.num_features_in(space)) for space in spaces}
            reading.hashes.append(
                {s: [each.feature(s, i) & mask for i in indices[s]] for s in sorted(spaces)}
            )
            reading.weights += [each.feature_weight(s, i) for s in spaces for i in indices[s]]
        pylibvw.vw.predict_multi(self._vw, examples)
        reading.costs = [each.get_partial_prediction() for each in examples[1:]]
        pylibvw.vw._finish_example_multi_ex(self._vw, examples)
        return reading

    def learn(self, text: str) -> None:
        examples = pylibvw.vw._parse(self._vw, text)
        pylibvw.vw.learn_multi(self._vw, examples)
        pylibvw.vw._finish_example_multi_ex(self._vw, examples)


@pytest.fixture(scope="module")
def readers() -> tuple[Reader, Reader]:
    return Reader(ARGUMENTS + " --dsjson"), Reader(ARGUMENTS)


def assert_read_alike(readers: tuple[Reader, Reader], tree: FeatureTree) -> None:
    """Both readers hash the tree to the same, and random weights of those hashes say the same."""
    of_json, of_text = readers
    count = len(tree["_multi"])
    logged = json.dumps(
        {
            "_label_cost": -1.0,
            "_label_probability": 0.5,
            "_label_Action": count,
            "_labelIndex": count - 1,
            "a": list(range(1, count + 1)),
            "c": tree,
            "p": [1 / count] * count,
        }
    )

    by_json, by_text = of_json.read(logged), of_text.read("\n".join(vw_lines(tree)))

    assert by_text.hashes == by_json.hashes
    assert sorted(by_text.weights) == pytest.approx(sorted(by_json.weights), rel=1e-6)
    # Costs are sums of products of two, in single precision, and those may cancel out.
    scale = max(1.0, *map(abs, by_json.weights)) ** 2
    assert by_text.costs == pytest.approx(by_json.costs, abs=1e-5 * scale)


# Safe for VW's JSON reader: its names are not escaped, must not be empty for a namespace, and
# must be ASCII; null it ignores.
names = st.text("abcFij019-.", min_size=1, max_size=6)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
numbers = st.one_of(
    st.integers(-1_000_000, 1_000_000),
    st.floats(-1e6, 1e6, allow_subnormal=False, width=32).filter(
        lambda value: value == 0 or abs(value) > TINY
    ),
)
plain = st.one_of(texts, numbers, st.booleans())
objects: st.SearchStrategy[JsonObject] = st.recursive(
    st.dictionaries(names, plain, max_size=4),
    lambda inner: st.dictionaries(
        names,
        st.one_of(plain, inner, st.lists(inner, max_size=3), st.lists(numbers, max_size=3)),
        max_size=4,
    ),
    max_leaves=6,
)
trees = st.builds(
    compose,
    st.lists(objects, max_size=2),
    st.lists(
        st.builds(Action, texts.filter(bool), st.lists(objects, max_size=2)),
        min_size=1,
        max_size=3,
    ),
)


@given(tree=trees)
@example(tree=compose([{"n": 1.00000001e-29}], [Action("0", [{"0": 6.72547902116752e-29}])]))
@example(tree=compose([{"12": "3", "7": 2.5}], [Action("5", [{"0": [1, 2], "1": {"2": True}}])]))
@example(tree=compose([{"a": {"x": 1}, "b": {"a": {"x": 2}}}], [Action("a", [{"i": {"x": 3}}])]))
@settings(max_examples=300, deadline=None)
def test_vw_reads_our_lines_as_it_reads_the_log(
    readers: tuple[Reader, Reader], tree: FeatureTree
) -> None:
    assert_read_alike(readers, tree)


def test_vw_reads_and_learns_a_line_of_the_retired_service_the_same() -> None:
    # GIVEN a line of its log, and a model for each way of reading
    if not LOG_LINE.exists():
        pytest.skip("the recorded log line is not at hand")
    logged = LOG_LINE.read_text()
    event = json.loads(logged)
    tree: FeatureTree = event["c"]
    of_json, of_text = Reader(ARGUMENTS + " --dsjson"), Reader(ARGUMENTS)
    # WHEN both learn it
    labelled = vw_lines(tree)
    labelled[event["_label_Action"]] = (
        f"0:{event['_label_cost']}:{event['_label_probability']} "
        + labelled[event["_label_Action"]]
    )
    for _ in range(5):
        of_json.learn(logged)
        of_text.learn("\n".join(labelled))
    # THEN they have read the same, and say the same
    assert of_text.read("\n".join(vw_lines(tree))) == of_json.read(logged)
    assert vw_lines(tree)[:2] == [
        "shared |FromUrl timeofdayAfternoon weatherSunny nameCathy",
        "|i constant:1 idCappucino |j typehot originkenya organicyes roastdark",
    ]


# Whatever a customer sends

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
nasty = st.text(" \t\r\n\0:|_ab\x0b\x1f\x85\u2028é", max_size=6)


@given(context=st.dictionaries(nasty, st.one_of(nasty, numbers, anything), max_size=5), name=nasty)
@settings(max_examples=300, deadline=None)
def test_customers_stay_inside_their_names(context: JsonObject, name: str) -> None:
    # GIVEN names and values full of what means something in VW's text
    tree = compose([context], [Action(name, [context]), Action("b", [])])
    # WHEN they are written
    try:
        written = vw_lines(tree)
    except PersonalizerError as error:
        assert error.target is not None
        assert error.target.startswith("contextFeatures[0]")
        return
    # THEN there are as many lines as examples, and no label, tag, namespace or feature more
    assert len(written) == 3
    assert written[0].startswith("shared")
    assert written[2] == "|i constant:1 idb"
    assert written[1].startswith("|i constant:1 id")
    for line in written:
        assert not set(line) & set("\t\r\n\0")
        for part in line.split(" ")[1:]:
            assert part.count("|") == part.startswith("|")
            assert part
            assert part.count(":") <= 1
