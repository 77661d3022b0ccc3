"""From interactions to decisions: what is taken, and what is refused at which place."""

from __future__ import annotations

from typing import cast

import orjson
import pytest

from loop.batched_contexts import MAX_ACTIONS, MAX_CONTEXT_BYTES
from loop.batched_decisions import read_interactions
from loop.errors import InvalidRequest, PayloadSizeExceeded
from loop.events import (
    Decision,
    LearningMode,
    Micros,
    MultiSlotDecision,
    SlotDecision,
)
from loop.features import Action, FeatureTree, JsonValue, compose
from loop.vw_lines import vw_lines
from tests.batches import (
    APPRENTICE,
    CA,
    CB,
    CCB,
    DEDUP_INFO,
    EPISODE,
    LOGGING_ONLY,
    MULTI_STEP,
    ONLINE,
    OUTCOME,
    SIDE,
    SLATES,
    TOP,
    Event,
    Slot,
    cb,
    ccb,
    dedup_info,
    message,
    outcome,
)

NOW = Micros(1_700_000_000_000_000)


def read(*events: Event) -> list[Decision]:
    return single(message(events))


def single(body: bytes) -> list[Decision]:
    decisions = read_interactions(body, NOW)
    found = [decision for decision in decisions if isinstance(decision, Decision)]
    assert len(found) == len(decisions)
    return found


def read_page(payload: bytes) -> MultiSlotDecision:
    (decision,) = read_interactions(message([Event(payload, type=CCB)]), NOW)
    assert isinstance(decision, MultiSlotDecision)
    return decision


def context(*actions: JsonValue, **shared: JsonValue) -> JsonValue:
    return {**shared, "_multi": list(actions)}


def tree(decision: Decision | MultiSlotDecision) -> JsonValue:
    value: JsonValue = orjson.loads(decision.features)
    return value


def refusal(payload: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as error:
        read(Event(cb()), Event(payload))
    assert error.value.target
    return error.value.target.removeprefix("events[1].payload."), error.value.message


def test_a_decision_has_what_the_client_logged_and_the_time_of_arrival() -> None:
    # GIVEN what a client of this service's own layout has decided
    logged = compose(
        [{"weather": "Sunny", "device": {"os": "ios"}}],
        [Action("Latte", [{"hot": True}]), Action("Tea", []), Action("Water", [{"n": 0.5}])],
    )
    payload = cb(orjson.dumps(logged), [3, 1, 2], [0.5, 0.25, 0.25], deferred=True, mode=APPRENTICE)
    # THEN that is the decision
    assert read(Event(payload, id="an id/é")) == [
        Decision(
            "an id/é",
            NOW,
            orjson.dumps(logged),
            (2, 0, 1),
            (0.5, 0.25, 0.25),
            "m1",
            LearningMode.APPRENTICE,
            deferred=True,
        )
    ]


def test_the_layout_of_the_context_is_the_clients_own() -> None:
    given = context(
        {"TAction": {"a": 1}, "price": 3},
        {"_tag": "two", "i": {"id": "two"}, "_user": "secret", "j": [{"_id": 7, "b": [1, 2]}]},
        GUser={"id": "a", "_name": "secret"},
        FromUrl=[{"x": True}],
        temperature=21.5,
        _slots=[{"_id": "s"}],
    )
    (decision,) = read(Event(cb(given)))
    assert tree(decision) == {
        "GUser": {"id": "a"},
        "FromUrl": [{"x": True}],
        "temperature": 21.5,
        "_multi": [
            {"TAction": {"a": 1}, "price": 3},
            {"_tag": "two", "i": {"id": "two"}, "j": [{"b": [1, 2]}]},
        ],
    }


@pytest.mark.parametrize(
    ("mode", "learned"),
    [
        (ONLINE, LearningMode.ONLINE),
        (APPRENTICE, LearningMode.APPRENTICE),
        (LOGGING_ONLY, LearningMode.LOGGING_ONLY),
    ],
)
def test_an_event_keeps_the_mode_that_it_was_decided_in(mode: int, learned: LearningMode) -> None:
    (decision,) = read(Event(cb(mode=mode)))
    assert decision.mode is learned


def test_what_may_be_left_out() -> None:
    (decision,) = read(Event(cb(model=None)))
    assert (decision.model, decision.deferred) == ("", False)


def test_probabilities_are_of_single_precision() -> None:
    thirds = [1 / 3] * 3
    (decision,) = read(Event(cb(context({}, {}, {}), [1, 2, 3], thirds)))
    assert decision.probabilities == pytest.approx(thirds)


@pytest.mark.parametrize("compressed", [False, True])
def test_actions_that_events_share_are_put_where_they_are_named(compressed: bool) -> None:
    # GIVEN a batch as a client makes it that shares actions and compresses
    shared = {17: '{"TAction":{"a1":"f1"}}', 2**64 - 1: '{"_tag":"two","j":[{"b":1}]}'}
    events = [
        Event(dedup_info(shared), id="dictionary", type=DEDUP_INFO, compressed=compressed),
        Event(cb(context({"__aid": 17}, {"__aid": 2**64 - 1}, G={"a": 1})), compressed=compressed),
        Event(cb(context({"__aid": 17}, {"own": "x"})), id="e2", compressed=compressed),
    ]
    # WHEN it is read
    decisions = single(message(events, "DEDUP"))
    # THEN each decision has its actions in full
    first, second = map(tree, decisions)
    assert first == context({"TAction": {"a1": "f1"}}, {"_tag": "two", "j": [{"b": 1}]}, G={"a": 1})
    assert second == context({"TAction": {"a1": "f1"}}, {"own": "x"})


@pytest.mark.parametrize("name", [5, -1, 1.5, "17", None, [17], {"__aid": 17}])
def test_an_action_that_nobody_has_sent_is_named(name: JsonValue) -> None:
    events = [
        Event(dedup_info({17: "{}"}), type=DEDUP_INFO),
        Event(cb(context({"__aid": 17}, {"__aid": name}))),
    ]
    with pytest.raises(InvalidRequest, match="names no action") as error:
        read(*events)
    assert error.value.target == "events[1].payload.context._multi[1].__aid"


def test_a_shared_action_is_an_object() -> None:
    for text in ("", "[]", "null", "{", '{"a":NaN}'):
        events = [
            Event(dedup_info({17: text}), type=DEDUP_INFO),
            Event(cb(context({"__aid": 17}, {}))),
        ]
        with pytest.raises(InvalidRequest) as error:
            read(*events)
        assert error.value.target == "events[1].payload.context._multi[0]"


def test_shared_actions_and_their_ids_are_pairs() -> None:
    with pytest.raises(InvalidRequest, match="has 2 ids and 1 values"):
        read(Event(dedup_info({17: "{}"}, ids=[17, 18]), type=DEDUP_INFO))


@pytest.mark.parametrize(
    ("payload", "place", "reason"),
    [
        (b"", "events[1]", "is no flatbuffer"),
        (b"\0" * 100, "events[1]", "is no table"),
        (cb(b""), "context", "is no JSON object"),
        (cb(b"[]"), "context", "is no JSON object"),
        (cb(b'{"_multi":[{},{}]'), "context", "is no JSON object"),
        (cb(b'{"a":"\xff","_multi":[{},{}]}'), "context", "is no JSON object"),
        (cb(b"[" * 100_000), "context", "is no JSON object"),
        (cb({}), "context._multi", "is no list of 1 to 50 actions"),
        (cb(context()), "context._multi", "is no list of 1 to 50 actions"),
        (cb({"_multi": {"0": {}}}), "context._multi", "is no list of 1 to 50 actions"),
        (cb(context(*[{}] * 51)), "context._multi", "is no list of 1 to 50 actions"),
        (cb(context({}, [])), "context._multi[1]", "is no JSON object"),
        (cb(context({}, None)), "context._multi[1]", "is no JSON object"),
        (cb(context({}, {"j": [{"t": ["x"]}]})), "context.actions[1].features[0].t[0]", "is text"),
        (cb(context({}, {}, G={"n": 1e9})), "context.G.n", "is no number between"),
        (cb(context({}, {}, FromUrl=[1, "a"])), "context.contextFeatures[1]", "is text"),
        (cb(action_ids=None), "action_ids", "are not 1 to 2"),
        (cb(action_ids=[0, 1]), "action_ids", "are not 1 to 2"),
        (cb(action_ids=[1, 1]), "action_ids", "are not 1 to 2"),
        (cb(action_ids=[1]), "action_ids", "are not 1 to 2"),
        (cb(action_ids=[1, 2, 3]), "action_ids", "are not 1 to 2"),
        (cb(action_ids=[1, 2**64 - 1]), "action_ids", "are not 1 to 2"),
        (cb(probabilities=None), "probabilities", "are not 2 shares of 1"),
        (cb(probabilities=[1.0]), "probabilities", "are not 2 shares of 1"),
        (cb(probabilities=[0.5, 0.4]), "probabilities", "are not 2 shares of 1"),
        (cb(probabilities=[0.0, 1.0]), "probabilities", "the first above 0"),
        (cb(probabilities=[1.5, -0.5]), "probabilities", "are not 2 shares of 1"),
        (cb(probabilities=[float("nan"), 1.0]), "probabilities", "are not 2 shares of 1"),
        (cb(model="m" * 257), "model_id", "has more than 256 characters"),
        (cb(mode=3), "learning_mode", "is not known"),
    ],
)
def test_what_can_not_be_learned_from_is_named(payload: bytes, place: str, reason: str) -> None:
    target, text = refusal(payload)
    assert target == place
    assert reason in text


def test_a_deep_context_is_refused() -> None:
    deep: JsonValue = {"a": 1}
    for _ in range(11):
        deep = {"n": deep}
    target, text = refusal(cb(context({}, {}, G=deep)))
    assert target.startswith("context.G.n.n")
    assert "deeper than 10" in text


@pytest.mark.parametrize("kind", [SLATES, OUTCOME, CA, MULTI_STEP, EPISODE])
def test_other_payloads_are_refused(kind: int) -> None:
    with pytest.raises(InvalidRequest, match="not taken") as error:
        read(Event(cb(), type=CB), Event(outcome(1.0), type=kind))
    assert error.value.target == "events[1].meta.payload_type"


def test_the_number_of_actions_and_the_size_of_a_context_are_bounded() -> None:
    # GIVEN the most that there may be
    actions: list[JsonValue] = [{"id": str(index)} for index in range(MAX_ACTIONS)]
    ids, shares = list(range(1, MAX_ACTIONS + 1)), [1 / MAX_ACTIONS] * MAX_ACTIONS
    assert len(read(Event(cb(context(*actions), ids, shares)))) == 1
    # WHEN a context is too large, by itself or with the actions that it shares
    filler = "x" * (MAX_CONTEXT_BYTES // 2)
    large = Event(cb(context({}, {}, G={"a": filler, "b": filler})))
    shared = Event(dedup_info({1: f'{{"a":"{filler}"}}'}), type=DEDUP_INFO)
    sharing = Event(cb(context({"__aid": 1}, {"__aid": 1})))
    # THEN it is refused, and so is a batch whose contexts come to too much together
    for events in ([large], [shared, sharing]):
        with pytest.raises(PayloadSizeExceeded, match=r"\.payload\.context has more than"):
            read(*events)
    half = Event(cb(context({"__aid": 1}, {})))
    with pytest.raises(PayloadSizeExceeded, match=r"The batch comes to more than .*\[\d\d\]"):
        read(shared, *[half] * 40)


def test_the_number_of_features_is_bounded() -> None:
    many: JsonValue = {f"f{index}": 1 for index in range(5_001)}
    with pytest.raises(PayloadSizeExceeded) as error:
        read(Event(cb(context({}, {"G": many}))))
    assert error.value.target == "events[0].payload.context"


def test_a_page_has_what_each_slot_was_given() -> None:
    # WHEN a client of the retired .NET SDK has decided for a page, the first slot excluding one
    decision = read_page(ccb(deferred=True, mode=APPRENTICE))
    # THEN that is the decision; what it was drawn from is kept where it was not all that was left
    assert decision.slots == (
        SlotDecision("top", (2, 1), (0.75, 0.25), baseline=1),
        SlotDecision("side", (0, 1), (0.5, 0.5), baseline=0),
    )
    assert (decision.event_id, decision.time, decision.model) == ("e1", NOW, "m1")
    assert (decision.mode, decision.deferred) == (LearningMode.APPRENTICE, True)
    assert tree(decision) == {
        "FromUrl": [{"device": "mobile"}],
        "_multi": [{"_tag": "a", "j": [{"p": 1}]}, {"_tag": "b", "j": []}, {"j": [{"hot": True}]}],
        "_slots": [{"sj": [{"size": "large"}, {}], "_id": "top", "_inc": [1, 2]}, {"_id": "side"}],
    }
    assert vw_lines(cast(FeatureTree, tree(decision))) == [
        "shared |FromUrl devicemobile",
        "|j p:1",
        "|",
        "|j hot",
        "|sj sizelarge",
        "|",
    ]


def test_a_page_without_baselines_has_the_order_of_the_request() -> None:
    assert [slot.baseline for slot in read_page(ccb(baselines=None)).slots] == [0, 1]


@pytest.mark.parametrize(
    ("payload", "place", "reason"),
    [
        (ccb(context({})), "context._slots", "has no slot"),
        (ccb({"_multi": [{}], "_slots": [{}, {}]}), "context._slots", "more than there are"),
        (ccb({"_multi": [{}], "_slots": {}}), "context._slots", "is no list"),
        (ccb({"_multi": [{}] * 50, "_slots": [{}] * 51}), "context._slots", "is no list"),
        (ccb({"_multi": [{}], "_slots": [1]}), "context._slots[0]", "is no JSON object"),
        (
            ccb({"_multi": [{}] * 3, "_slots": [{"slot": [{"t": ["x"]}]}, {}]}),
            "context.slots[0].features[0].t[0]",
            "is text",
        ),
        (ccb(slots=[TOP]), "slots", "are not 2"),
        (ccb(baselines=[0]), "baseline_actions", "are not an action for each"),
        (ccb(baselines=[0, 3]), "baseline_actions", "are not an action for each"),
        (ccb(baselines=[0, -1]), "baseline_actions", "are not an action for each"),
        (ccb(baselines=None, mode=APPRENTICE), "baseline_actions", "are not an action for each"),
        (ccb(slots=[TOP, Slot((2,), (1.0,), "side")]), "slots[1].action_ids", "are left"),
        (ccb(slots=[TOP, Slot((3,), (1.0,), "side")]), "slots[1].action_ids", "are left"),
        (ccb(slots=[TOP, Slot((0, 0), (0.5, 0.5), "side")]), "slots[1].action_ids", "once"),
        (ccb(slots=[TOP, Slot((), (), "side")]), "slots[1].action_ids", "are left"),
        (ccb(slots=[TOP, Slot(None, None, "side")]), "slots[1].action_ids", "are left"),
        (ccb(slots=[TOP, Slot((0, 1), (1.0,), "side")]), "slots[1].probabilities", "2 shares"),
        (ccb(slots=[TOP, Slot((0,), (0.5,), "side")]), "slots[1].probabilities", "1 shares"),
        (ccb(slots=[TOP, Slot((0,), (1.0,), "top")]), "slots[1].id", "that of another"),
        (ccb(slots=[Slot((2, 1), (0.5, 0.5), None), SIDE]), "slots[0].id", "1 to 256"),
        (ccb(mode=3), "learning_mode", "is not known"),
        (ccb(model="m" * 257), "model_id", "has more than 256"),
    ],
)
def test_a_page_that_can_not_be_learned_from_is_named(
    payload: bytes, place: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_page(payload)
    assert error.value.target == f"events[0].payload.{place}"
    assert reason in error.value.message


def test_actions_that_pages_share_are_put_where_they_are_named() -> None:
    events = [
        Event(dedup_info({7: '{"a":1}'}), type=DEDUP_INFO),
        Event(ccb({"_multi": [{"__aid": 7}] * 3, "_slots": [{}, {}]}), type=CCB),
    ]
    (decision,) = read_interactions(message(events), NOW)
    assert orjson.loads(decision.features)["_multi"] == [{"a": 1}] * 3
