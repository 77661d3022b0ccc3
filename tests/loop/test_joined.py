from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from loop.configuration import RewardAggregation, ServiceConfiguration
from loop.events import SECOND, Activation, Decision, LearningMode, Micros, Reward
from loop.features import Action, compose
from loop.joined import JoinedEvent, Lesson, format_timestamp, parse_timestamp
from loop.model import Model
from loop.vw_lines import vw_lines

T = Micros(1_612_456_289_246_000)
CONFIGURATION = ServiceConfiguration()
FEATURES = orjson.dumps(
    compose(
        [{"timeofday": "Afternoon", "n": 0.5}],
        [Action("Latte", [{"type": "hot"}]), Action("Cold brew", [{"type": "cold"}])],
    )
)
FIXTURE = Path(__file__).parents[2] / "../shared/fixtures/azure-export/log-line.dsjson"


def decision(**changes: object) -> Decision:
    made = Decision("e1", T, FEATURES, (1, 0), (0.75, 0.25), "m1")
    return replace(made, **changes)  # type: ignore[arg-type]


def reward(seconds: float, value: float) -> Reward:
    return Reward("e1", Micros(T + round(seconds * SECOND)), value)


def activation(seconds: float) -> Activation:
    return Activation("e1", Micros(T + round(seconds * SECOND)))


def event(*observations: Reward | Activation, **changes: object) -> JoinedEvent:
    return JoinedEvent.of(decision(**changes), observations, CONFIGURATION)


@pytest.mark.parametrize(
    ("mode", "ranking", "lesson", "label"),
    [
        (LearningMode.ONLINE, (1, 0), Lesson(1, -0.5, 0.75), -0.5),
        (LearningMode.APPRENTICE, (1, 0), Lesson(1, -0.0, 0.75), -0.0),
        (LearningMode.APPRENTICE, (0, 1), Lesson(0, -1.0, 0.75), -1.0),
        (LearningMode.LOGGING_ONLY, (1, 0), None, -0.5),
    ],
)
def test_each_learning_mode_learns_its_own_lesson(
    mode: LearningMode, ranking: tuple[int, ...], lesson: Lesson | None, label: float
) -> None:
    joined = event(reward(1, 0.5), mode=mode, ranking=ranking)
    line = orjson.loads(joined.line())
    assert joined.lesson == lesson
    assert line["_label_cost"] == label
    assert line["_original_label_cost"] == -0.5
    assert line["LearningMode"] == mode.value
    assert line.get("_skipLearn", False) is (lesson is None)


def test_a_line_holds_everything_in_the_places_that_readers_look_at() -> None:
    # GIVEN a rewarded and activated decision for the second action
    line = event(reward(1.5, 0.25), activation(2), deferred=True).line()

    # THEN its line has the members of the retired service's lines, in their order
    assert orjson.loads(line) == {
        "_label_cost": -0.25,
        "_label_probability": 0.75,
        "_label_Action": 2,
        "_labelIndex": 1,
        "o": [
            {
                "v": 0.25,
                "EventId": "e1",
                "ActionTaken": False,
                "Timestamp": "2021-02-04T16:31:30.7460000Z",
            },
            {"EventId": "e1", "ActionTaken": True, "Timestamp": "2021-02-04T16:31:31.2460000Z"},
        ],
        "Timestamp": "2021-02-04T16:31:29.2460000Z",
        "Version": "1",
        "EventId": "e1",
        "DeferredAction": True,
        "LearningMode": "Online",
        "a": [2, 1],
        "c": orjson.loads(FEATURES),
        "p": [0.75, 0.25],
        "VWState": {"m": "m1"},
        "_original_label_cost": -0.25,
    }
    assert b"\n" not in line
    # AND the features as they came
    assert FEATURES in line


def test_a_deferred_event_that_was_not_activated_is_not_learned() -> None:
    line = orjson.loads(event(reward(1, 0.5), deferred=True).line())
    assert line["_skipLearn"] is True
    assert line["DeferredAction"] is True


def test_the_line_of_the_retired_service_is_read_and_written() -> None:
    # GIVEN a line of the retired service
    if not FIXTURE.exists():
        pytest.skip("the fixtures of the retired service are not here")
    original = FIXTURE.read_bytes().strip()

    # WHEN it is read
    read = JoinedEvent.from_line(original)

    # THEN it means what it meant
    assert read.decision.event_id == "13118d9b4c114f8485d9dec417e3aefe"
    assert read.decision.ranking == (3, 1, 0, 2)
    assert read.decision.model.startswith("ff0744c1")
    assert read.lesson == Lesson(3, -0.0, 0.05)
    assert [o.time for o in read.observations] == [read.decision.time]

    # AND it is written with the same members in the same order, but for those that are ours
    written, first = orjson.loads(read.line()), orjson.loads(original)
    assert [name for name in written if name in first] == list(first)
    for name, value in first.items():
        if name not in ("o", "_label_probability"):
            assert written[name] == value
    assert written["_label_probability"] == pytest.approx(first["_label_probability"])
    assert written["o"][0].items() > first["o"][0].items()


def test_members_that_are_missing_have_defaults() -> None:
    read = JoinedEvent.from_line(
        b'{"Timestamp":"2021-02-04T16:31:29.246Z","EventId":"e1","a":[2,1],'
        b'"c":{"_multi":[]},"p":[0.75,0.25],"_label_cost":-0.5}'
    )
    assert read == JoinedEvent(
        Decision("e1", T, b'{"_multi":[]}', (1, 0), (0.75, 0.25)), (), reward=0.5
    )


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"7", b'{"EventId":"e1"}', b'{"EventId":"e1","Timestamp":5}']
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        JoinedEvent.from_line(line)


def test_an_event_is_aggregated_anew_under_another_configuration() -> None:
    joined = event(reward(1, 0.25), reward(10, 1.0), reward(300, -1.0))
    assert joined.reward == 0.25

    summed = replace(CONFIGURATION, reward_aggregation=RewardAggregation.SUM)
    assert joined.again(summed).reward == 0.25
    assert joined.again(replace(summed, reward_wait_time=timedelta(seconds=300))).reward == 1.25
    shortest = replace(CONFIGURATION, reward_wait_time=timedelta(seconds=1), default_reward=-0.5)
    assert joined.again(shortest).reward == -0.5


def test_an_activation_beyond_a_shorter_wait_does_not_count() -> None:
    joined = event(activation(20), deferred=True)
    assert joined.activated
    assert not joined.again(
        replace(CONFIGURATION, reward_wait_time=timedelta(seconds=20))
    ).activated


times = st.integers(0, 4_000_000_000 * SECOND).map(Micros)
ids = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
floats = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def events(draw: st.DrawFn) -> JoinedEvent:
    event_id = draw(ids)
    made = Decision(
        event_id,
        draw(times),
        FEATURES,
        tuple(draw(st.permutations([0, 1]))),
        (0.75, 0.25),
        draw(ids),
        draw(st.sampled_from(LearningMode)),
        draw(st.booleans()),
    )
    observations = draw(
        st.lists(
            st.builds(Reward, st.just(event_id), times, floats)
            | st.builds(Activation, st.just(event_id), times)
        )
    )
    joined = JoinedEvent.of(made, tuple(observations), CONFIGURATION)
    return replace(joined, withheld=joined.lesson is not None and draw(st.booleans()))


@given(events())
def test_a_line_is_read_back_as_it_was(joined: JoinedEvent) -> None:
    assert JoinedEvent.from_line(joined.line()) == joined


@given(times)
def test_a_timestamp_is_read_back_as_it_was(time: Micros) -> None:
    assert parse_timestamp(format_timestamp(time)) == time


def test_vw_learns_the_same_from_our_lines_as_we_do() -> None:
    # GIVEN a log of all sorts
    arguments = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ::"
    log = [
        event(reward(1, 0.5)),
        event(reward(1, 1.0), reward(2, 0.0), ranking=(0, 1)),
        event(),
        event(reward(1, 0.5), deferred=True),
        event(reward(1, 0.5), activation(2), deferred=True),
        event(reward(1, 0.5), mode=LearningMode.LOGGING_ONLY),
        event(reward(1, 0.5), mode=LearningMode.APPRENTICE, ranking=(0, 1)),
    ]

    # WHEN VW's own reader learns from the lines, and we from the events
    vw = Workspace(f"--dsjson {arguments} --quiet")
    for joined in log:
        examples = vw.parse(joined.line().decode())
        vw.learn(examples)
        vw.finish_example(examples)
    examples = vw.parse(event().line().decode())
    vw.predict(examples)
    theirs = examples[0].get_action_scores()
    costs = [example.get_partial_prediction() for example in examples[1:]]
    vw.finish_example(examples)
    vw.finish()
    lines = vw_lines(orjson.loads(FEATURES))
    with Model(arguments) as model:
        for joined in log:
            if joined.lesson is not None:
                lesson = joined.lesson
                model.learn(lines, lesson.action, lesson.cost, lesson.probability)
        ours = model.decide(lines)

    # THEN both think the same of the actions
    assert [theirs[action] for action in ours.ranking] == pytest.approx(ours.probabilities)
    assert costs[ours.ranking[0]] < costs[ours.ranking[1]]
