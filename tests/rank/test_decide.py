"""Decide: from the bytes of a rank call to the bytes of its answer and what is logged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.configuration import ServiceConfiguration
from loop.errors import InvalidRankRequest, PayloadSizeExceeded
from loop.events import LearningMode, Micros, decode_decision
from loop.features import Action, JsonObject, JsonValue, compose
from loop.model import Model
from loop.sampling import draw
from loop.vw_lines import vw_lines
from rank.decide import Answer, Served, decide

ARGUMENTS = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ::"
NOW = Micros(1_700_000_000_000_000)
NO_MODEL = Served(ServiceConfiguration(), None, "")


def body_of(actions: str, excluded: str = "", event_id: str = "e1", **more: JsonValue) -> bytes:
    """A request for actions and exclusions that are named by a letter each."""
    content: JsonObject = {
        "contextFeatures": [{"weather": "Sunny"}],
        "actions": [{"id": name, "features": [{"name": name}]} for name in actions],
        "excludedActions": list(excluded),
        "eventId": event_id,
    }
    return orjson.dumps({**content, **more})


def shown(answer: Answer) -> list[tuple[str, float]]:
    return [(each["id"], each["probability"]) for each in orjson.loads(answer.body)["ranking"]]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A model that prefers c, then e, of five actions."""
    with Model(ARGUMENTS) as model:
        lines = vw_lines(
            compose([{"weather": "Sunny"}], [Action(n, [{"name": n}]) for n in "abcde"])
        )
        for number in range(100):
            action = number % 5
            model.learn(lines, action, {2: -1.0, 4: -0.5}.get(action, 0.0), 0.2)
        yield Served(ServiceConfiguration(), model, "m1")


def test_before_a_first_model_all_are_as_likely() -> None:
    answer = decide(body_of("abcd", "b"), NOW, NO_MODEL)

    drawn = draw("e1", [1 / 3] * 3)
    rest = [name for name in "acd" if name != "acd"[drawn]]
    if drawn:  # the first was the leader, and changed places with the drawn one
        rest.remove("a")
        rest.insert(drawn - 1, "a")
    first, second, third = "acd"[drawn], *rest
    assert shown(answer) == [(first, 1 / 3), ("b", 0.0), (second, 1 / 3), (third, 1 / 3)]
    assert answer.decision.model == ""
    assert answer.decision.probabilities == (1 / 3,) * 3


def test_the_answer_is_written_as_it_always_was() -> None:
    answer = decide(body_of("ab", "a", event_id="75269AD0"), NOW, NO_MODEL)

    assert answer.body == (
        b'{"ranking":[{"id":"a","probability":0.0},{"id":"b","probability":1.0}],'
        b'"eventId":"75269AD0","rewardActionId":"b"}'
    )


def test_the_leader_comes_first_unless_another_is_drawn(served: Served) -> None:
    # GIVEN the model's own order
    assert isinstance(served.model, Model)
    for number in range(60):
        event_id = f"e{number}"
        # WHEN a call is answered
        answer = decide(body_of("abcde", event_id=event_id), NOW, served)
        # THEN the order is the model's, with the drawn one and the leader in each other's place
        scores = served.model.decide(
            vw_lines(compose([{"weather": "Sunny"}], [Action(n, [{"name": n}]) for n in "abcde"]))
        )
        expected = list(zip(scores.ranking, scores.probabilities, strict=True))
        drawn = draw(event_id, scores.probabilities)
        expected[0], expected[drawn] = expected[drawn], expected[0]
        assert shown(answer) == [("abcde"[index], share) for index, share in expected]
        assert orjson.loads(answer.body)["rewardActionId"] == "abcde"[expected[0][0]]
        assert answer.decision.ranking == tuple(index for index, _ in expected)
        assert answer.decision.probabilities == tuple(share for _, share in expected)
    assert scores.ranking[:2] == (2, 4)


def test_the_excluded_stay_where_they_are_and_are_not_logged(served: Served) -> None:
    answer = decide(body_of("abcde", "ad"), NOW, served)

    ranking = shown(answer)
    assert [ranking[0], ranking[3]] == [("a", 0.0), ("d", 0.0)]
    assert {ranking[place][0] for place in (1, 2, 4)} == {"b", "c", "e"}
    assert sum(share for _, share in ranking) == pytest.approx(1.0, abs=1e-6)
    tree = orjson.loads(answer.decision.features)
    assert [action["_tag"] for action in tree["_multi"]] == ["b", "c", "e"]
    chosen = tree["_multi"][answer.decision.ranking[0]]["_tag"]
    assert orjson.loads(answer.body)["rewardActionId"] == chosen == ranking[1][0]


def test_excluding_decides_as_if_the_others_were_all_there_is(served: Served) -> None:
    among_all = decide(body_of("abcde", "ad"), NOW, served)
    among_some = decide(body_of("bce"), NOW, served)

    assert among_all.decision == among_some.decision


@pytest.mark.parametrize("mode", [LearningMode.APPRENTICE, LearningMode.LOGGING_ONLY])
def test_apprentices_answer_the_baseline_and_log_their_own_choice(
    served: Served, mode: LearningMode
) -> None:
    watching = replace(served, configuration=replace(served.configuration, learning_mode=mode))
    for event_id in ("e1", "e2", "e3"):
        online = decide(body_of("abcde", "a", event_id), NOW, served)
        answer = decide(body_of("abcde", "a", event_id), NOW, watching)

        # THEN the ranking is the request's, and the first that is not excluded is rewarded
        assert [name for name, _ in shown(answer)] == list("abcde")
        assert dict(shown(answer)) == dict(shown(online))
        assert orjson.loads(answer.body)["rewardActionId"] == "b"
        # AND what is recorded is what the model would have done
        assert answer.decision == replace(online.decision, mode=mode)


def test_what_is_logged_of_a_call(served: Served) -> None:
    answer = decide(body_of("ab", event_id="e/9", deferActivation=True), NOW, served)

    decision = answer.decision
    assert decision.event_id == "e/9"
    assert decision.time == NOW
    assert decision.model == "m1"
    assert decision.mode is LearningMode.ONLINE
    assert decision.deferred
    assert sum(decision.probabilities) == pytest.approx(1.0, abs=1e-6)
    assert decision.features == (
        b'{"FromUrl":[{"weather":"Sunny"}],"_multi":['
        b'{"_tag":"a","i":{"constant":1,"id":"a"},"j":[{"name":"a"}]},'
        b'{"_tag":"b","i":{"constant":1,"id":"b"},"j":[{"name":"b"}]}]}'
    )
    assert decode_decision(decision.encode()) == decision


def test_what_vw_would_take_for_its_own_is_not_logged() -> None:
    body = body_of("ab", contextFeatures=[{"_multi": [{"x": 1}], "_label": 1, "ok": 1}])

    tree = orjson.loads(decide(body, NOW, NO_MODEL).decision.features)

    assert tree["FromUrl"] == [{"ok": 1}]
    assert len(tree["_multi"]) == 2


def test_the_same_call_gets_the_same_answer(served: Served) -> None:
    for event_id in ("a", "event_id", "ü😀", "\x00"):
        body = body_of("abcde", "b", event_id)
        assert decide(body, NOW, served) == decide(body, NOW, served)
    assert decide(body_of("ab", event_id=""), NOW, served) != decide(
        body_of("ab", event_id=""), NOW, served
    )


def test_calls_spread_as_the_probabilities_say(served: Served) -> None:
    chosen = [
        orjson.loads(decide(body_of("abcde", event_id=f"{n}"), NOW, served).body)["rewardActionId"]
        for n in range(2000)
    ]

    assert chosen.count("c") / 2000 == pytest.approx(0.84, abs=0.03)
    assert chosen.count("a") / 2000 == pytest.approx(0.04, abs=0.015)


def explaining(served: Served) -> Served:
    asked = replace(served.configuration, is_inference_explainability_enabled=True)
    return replace(served, configuration=asked)


def test_who_asks_is_told_what_speaks_for_the_best_action(served: Served) -> None:
    # GIVEN a call whose best action is excluded, and one that draws another than the best
    for body, best in ((body_of("abcde", "c"), "e"), (body_of("abcde", event_id="a"), "c")):
        plain = decide(body, NOW, served)
        # WHEN the configuration asks for explanations
        answer = decide(body, NOW, explaining(served))
        # THEN the answer ends with one, and is otherwise what it was
        assert answer.decision == plain.decision
        assert answer.body.startswith(plain.body[:-1] + b',"inferenceExplanation":[{"id":')
        [explained] = orjson.loads(answer.body)["inferenceExplanation"]
        assert explained["id"] == best
        scores = {each["name"]: each["score"] for each in explained["features"]}
        assert scores["i.id"] > 0.0
        assert {"FromUrl.weather", "j.name", "FromUrl.weather^j.name"} < set(scores)


def test_before_a_first_model_there_is_nothing_to_explain() -> None:
    answer = decide(body_of("ab"), NOW, explaining(NO_MODEL))

    assert orjson.loads(answer.body)["inferenceExplanation"] == []


def test_features_of_an_excluded_action_are_checked_too(served: Served) -> None:
    body = body_of("ab").replace(b'{"name":"b"}', b'{"tags":["x"]}')

    with pytest.raises(InvalidRankRequest) as caught:
        decide(body.replace(b'"excludedActions":[]', b'"excludedActions":["b"]'), NOW, served)

    assert caught.value.target == "actions[1].features[0].tags[0]"


def test_ten_thousand_features_are_answered_with_a_clear_refusal(served: Served) -> None:
    body = body_of("ab", contextFeatures=[{f"f{i}": 1 for i in range(10_000)}])

    with pytest.raises(PayloadSizeExceeded):
        decide(body, NOW, served)


# Whatever comes in

names = st.one_of(st.text(max_size=4), st.text(" \t\r\n\0:|_'\"\\/%ab😀é名\x85\u2028", max_size=5))
numbers = st.one_of(st.integers(-1_000_000, 1_000_000), st.floats(-1e6, 1e6))
plain = st.one_of(names, numbers, st.booleans(), st.none())
objects: st.SearchStrategy[JsonObject] = st.recursive(
    st.dictionaries(names, plain, max_size=4),
    lambda inner: st.dictionaries(
        names, st.one_of(plain, inner, st.lists(inner, max_size=2), st.lists(numbers, max_size=3))
    ),
    max_leaves=4,
)
anything: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(plain, st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
ids = st.one_of(names.filter(bool), st.integers(0, 9))


def requests_of(features: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[bytes]:
    return st.fixed_dictionaries(
        {
            "actions": st.lists(
                st.fixed_dictionaries({"id": ids, "features": st.lists(features, max_size=2)}),
                min_size=1,
                max_size=4,
                unique_by=lambda action: str(action["id"]),
            ),
            "contextFeatures": st.lists(features, max_size=2),
        },
        optional={
            "excludedActions": st.lists(ids, max_size=2),
            "eventId": ids,
            "deferActivation": st.booleans(),
        },
    ).map(orjson.dumps)


well_formed = requests_of(cast("st.SearchStrategy[JsonValue]", objects))
bodies = st.one_of(
    well_formed,
    well_formed,
    well_formed,
    requests_of(anything),
    st.fixed_dictionaries({"actions": anything}, optional={"eventId": anything}).map(orjson.dumps),
    st.tuples(well_formed, st.integers(0, 300), st.binary(max_size=3)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
    ),
    st.binary(max_size=40),
)


def assert_answered_and_learned_from(body: bytes, model: Model) -> None:
    """Answered or refused at a place; what is answered is learned as it was logged."""
    try:
        answer = decide(body, NOW, Served(ServiceConfiguration(), model, "m"))
    except (InvalidRankRequest, PayloadSizeExceeded) as error:
        assert error.message
        return
    ranking = shown(answer)
    assert sum(share for _, share in ranking) == pytest.approx(1.0, abs=1e-5)
    decision = decode_decision(answer.decision.encode())
    assert decision == answer.decision
    lines = vw_lines(orjson.loads(decision.features))
    model.learn(lines, decision.ranking[0], -0.5, decision.probabilities[0])
    assert len(model.decide(lines).ranking) == len(decision.ranking)


@given(body=bodies)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_hostile_calls_are_answered_or_refused(hostile: Model, body: bytes) -> None:
    assert_answered_and_learned_from(body, hostile)


@pytest.mark.acceptance
@given(body=bodies)
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_twenty_thousand_hostile_calls(hostile: Model, body: bytes) -> None:
    assert_answered_and_learned_from(body, hostile)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Model]:
    with Model(ARGUMENTS) as model:
        yield model
