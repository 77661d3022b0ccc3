"""What a profile says of events: counted by hand, hostile ones included."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from random import Random

import orjson
import pytest

from diagnosis.feature_sketch import MOST_FEATURES, MOST_VALUES
from diagnosis.profile import FeatureProfile, Place, Profile
from diagnosis.profiling import PROFILE, SAMPLE, STRAYS, Profiler, main, profiled
from loop.events import (
    SECOND,
    Activation,
    Decision,
    LearningMode,
    Micros,
    MultiSlotDecision,
    Reward,
    SlotDecision,
)
from loop.features import Action, JsonObject, Slot, compose, with_slots
from loop.joined import JoinedEvent, unjoined_line
from loop.joined_slots import MultiSlotEvent, SlotOutcome, SlotReward
from loop.joining import Unjoined
from tests.trainer.scene import after

HALVES = (0.5, 0.5)


def event(
    number: int,
    context: list[JsonObject],
    actions: list[Action],
    *,
    ranking: tuple[int, ...] = (0, 1),
    probabilities: tuple[float, ...] = HALVES,
    model: str = "m",
    reward: float | None = 1.0,
    deferred: bool = False,
) -> JoinedEvent:
    decision = Decision(
        f"e{number}",
        after(number),
        orjson.dumps(compose(context, actions)),
        ranking,
        probabilities,
        model,
        LearningMode.ONLINE,
        deferred,
    )
    told = () if reward is None else (Reward(f"e{number}", after(number + 2), reward),)
    return JoinedEvent(decision, told, reward or 0.0)


def profile_of(events: list[JoinedEvent] | list[MultiSlotEvent]) -> Profile:
    profiler = Profiler()
    for each in events:
        profiler.add(each)
    found = profiler.profile()
    assert found is not None
    return found


def feature(profile: Profile, name: str) -> FeatureProfile:
    [found] = [each for each in profile.features if each.full_name == name]
    return found


TWO = [Action("tea", [{"hot": True}]), Action("juice", [{"hot": False, "sour": 2}])]


def test_features_are_counted_where_they_stand() -> None:
    # GIVEN a text of two values, a number in an object, a null, and a list of numbers
    events = [
        event(
            n,
            [{"weather": ("sun", "rain")[n % 2], "user": {"age": n, "name": None}}],
            TWO,
            model="",
        )
        for n in range(10)
    ]
    events += [event(10, [{"taste": [0.5, 0.25, 1.0]}], TWO)]
    profile = profile_of(events)
    # THEN each is known by its name and its place
    weather = feature(profile, "FromUrl.weather")
    assert (weather.place, weather.events, weather.values) == (Place.CONTEXT, 10, 2)
    assert (weather.texts, weather.looked, weather.owners) == (10, 10, 1)
    age = feature(profile, "user.age")
    assert (age.numbers, age.wholes, age.values, age.greatest) == (10, 10, 10, 9.0)
    assert feature(profile, "user.name").nulls == 10
    assert feature(profile, "taste").vectors == 1
    hot = feature(profile, "j.hot")
    assert (hot.place, hot.events, hot.flags, hot.owners) == (Place.ACTION, 11, 22, 2)
    names = {(each.place, each.name): each.events for each in profile.namespaces}
    assert names == {
        (Place.CONTEXT, "FromUrl"): 10,
        (Place.CONTEXT, "user"): 10,
        (Place.CONTEXT, "taste"): 1,
        (Place.ACTION, "i"): 11,
        (Place.ACTION, "j"): 11,
    }


@pytest.mark.parametrize(
    ("value", "guid", "time"),
    [
        ("0b33a9f5-7a10-4b3e-9c5c-9d0a2a0f6d11", 1, 0),
        ("0B33A9F57A104B3E9C5C9D0A2A0F6D11", 1, 0),
        ("{0b33a9f5-7a10-4b3e-9c5c-9d0a2a0f6d11}", 1, 0),
        ("2026-03-01T12:00:00Z", 0, 1),
        ("2026-03-01 12:00", 0, 1),
        ("1700000000", 0, 1),
        ("1700000000123", 0, 1),
        ("2026-03-01", 0, 0),
        ("Sunny", 0, 0),
        ("170000000", 0, 0),
    ],
)
def test_guids_and_times_are_told_by_their_form(value: str, guid: int, time: int) -> None:
    found = feature(profile_of([event(1, [{"x": value}], TWO)]), "FromUrl.x")
    assert (found.guids, found.times) == (guid, time)


def test_looking_at_values_ends_and_counting_of_events_goes_on() -> None:
    events = [event(n, [{"id": f"u{n}"}], TWO) for n in range(MOST_VALUES + 300)]
    found = feature(profile_of(events), "FromUrl.id")
    assert (found.values, found.looked, found.events) == (
        MOST_VALUES,
        MOST_VALUES,
        MOST_VALUES + 300,
    )


def test_however_many_names_there_are_memory_is_bounded() -> None:
    profiler = Profiler()
    tracemalloc.start()
    for n in range(1500):
        names: JsonObject = {f"n{n}_{i}": f"v{n}_{i}" for i in range(20)}
        profiler.add(event(n, [names], TWO))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    profile = profiler.profile()
    assert profile is not None
    assert len(profile.features) == MOST_FEATURES
    assert profile.features_left_out > 29_000
    assert peak < 8 * 1024 * 1024


def test_actions_that_look_alike_are_counted() -> None:
    same: list[JsonObject] = [{"kind": "drink"}]
    other: list[JsonObject] = [{"kind": "cake"}]
    three = (0, 1, 2)
    thirds = (0.4, 0.3, 0.3)
    events = [
        event(1, [], [Action("a", same), Action("b", same)]),
        event(
            2,
            [],
            [Action("a", same), Action("b", same), Action("c", other)],
            ranking=three,
            probabilities=thirds,
        ),
        event(3, [], [Action("a", []), Action("b", [{"_ignored": 1}])]),
        event(4, [], [Action("a", same), Action("b", other)]),
        event(5, [], [Action("a", same)], ranking=(0,), probabilities=(1.0,)),
    ]
    found = profile_of(events).actions
    assert (found.calls, found.offered, found.most, found.single) == (5, 10, 3, 1)
    assert (found.twins, found.alike, found.bare) == (2, 1, 1)
    assert (found.without_context, found.ids, found.ids_looked) == (5, 3, 10)


def test_propensities_are_told_apart() -> None:
    events = [
        event(1, [], TWO, model=""),
        event(2, [], TWO),
        event(3, [], TWO, ranking=(1, 0), probabilities=(1.0, 0.0)),
        event(4, [], TWO, ranking=(1, 0), probabilities=(0.1, 0.9)),
        event(5, [], TWO[:1], ranking=(0,), probabilities=(1.0,)),
    ]
    profile = profile_of(events)
    found = profile.propensities
    assert (found.choices, found.modelless, found.uniform, found.certain) == (4, 1, 1, 1)
    assert found.modelled == 3
    assert found.floor == pytest.approx((1 + 1 + 0 + 0.2) / 4)
    assert profile.newest == found
    favourite = profile.favourite
    assert (favourite.choices, favourite.actions, favourite.times) == (2, 2, 1)


def test_only_the_last_choices_are_the_newest() -> None:
    events = [event(n, [], TWO, model="") for n in range(300)]
    events += [event(n, [], TWO, probabilities=(0.9, 0.1)) for n in range(300, 500)]
    profile = profile_of(events)
    assert (profile.propensities.modelless, profile.newest.modelless) == (300, 0)


def test_rewards_and_their_delays() -> None:
    late = event(1, [], TWO, deferred=True)
    events = [
        late,
        event(2, [], TWO, reward=None),
        event(3, [], TWO, reward=2.0),
        event(4, [], TWO, reward=0.5),
        event(5, [], TWO, reward=0.5),
        event(6, [], TWO).withhold(),
    ]
    found = profile_of(events).rewards
    assert (found.outcomes, found.rewarded, found.outside, found.several) == (4, 3, 1, 0)
    assert (found.values, found.commonest, found.least, found.greatest) == (3, 2, 0.0, 2.0)
    assert found.mean == pytest.approx(0.75)
    assert (found.inactive, found.inactive_rewarded) == (1, 1)
    assert found.delays is not None
    assert (found.delays.rewards, found.delays.median, found.delays.longest) == (3, 2.0, 2.0)


def test_what_the_model_s_own_choices_earn_is_held_against_even_ones() -> None:
    # GIVEN a model that prefers the better one of two actions, and events before it
    random = Random(1)
    events = []
    for n in range(2000):
        best = random.random() < 0.9
        ranking, probabilities = ((1, 0), (0.9, 0.1)) if best else ((0, 1), (0.1, 0.9))
        events.append(
            event(
                n,
                [],
                TWO,
                ranking=ranking,
                probabilities=probabilities,
                reward=float(best),
                model="" if n < 500 else "m",
            )
        )
    found = profile_of(events).performance
    # THEN only its own are judged: 0.9 against 0.5, and against the first action's 0
    assert found.choices == 1500
    assert found.reward == pytest.approx(0.9, abs=0.03)
    assert found.random is not None and found.baseline is not None
    assert found.random.reward == pytest.approx(0.5, abs=0.05)
    assert found.random.better
    assert found.baseline.reward == 0.0
    assert found.baseline.better


def test_each_slot_of_a_page_is_a_choice() -> None:
    tree = with_slots(compose([{"a": 1}], TWO), [Slot("top", [{"size": "big"}]), Slot("side", [])])
    slots = (SlotDecision("top", (1, 0), (0.8, 0.2), 0), SlotDecision("side", (0,), (1.0,), 1))
    decision = MultiSlotDecision("e1", after(1), orjson.dumps(tree), slots, "m")
    outcomes = (SlotOutcome((SlotReward(after(4), 1.0),), 1.0), SlotOutcome((), 0.0))
    profile = profile_of([MultiSlotEvent(decision, outcomes)])
    assert feature(profile, "slot.size").place is Place.SLOT
    assert profile.propensities.choices == 1
    assert (profile.rewards.outcomes, profile.rewards.rewarded) == (2, 1)
    assert profile.favourite.action == "juice"
    assert profile.performance.choices == 2


@pytest.mark.parametrize(
    "spoilt",
    [
        {"a": [9, 1]},
        {"a": [0]},
        {"p": [1.0]},
        {"a": [], "p": []},
        {"c": {"_multi": []}},
        {"c": {"_multi": [7]}},
        {"c": []},
        {"c": {"_multi": [{"j": {"deep": [[1], {"x": [{"y": [1, "a"]}]}]}}], "FromUrl": 5}},
    ],
)
def test_lines_of_other_origin_harm_nothing(spoilt: JsonObject) -> None:
    good = event(1, [{"a": 1}], TWO).line()
    line = orjson.dumps({**orjson.loads(good), **spoilt})
    found = profiled([b"nonsense", good, line, b"[]", good], [b"nonsense", b"{}"])
    assert found is not None
    assert 2 <= found.events <= 3
    assert found.propensities.choices in (2, 3)


def test_rewards_that_came_to_nothing_are_held_against_the_sample() -> None:
    sample = [event(n, [], TWO).line() for n in range(5)]
    strays = [
        Unjoined(Reward("e1", Micros(after(1) + 90 * SECOND), 1.0), late=90 * SECOND),
        Unjoined(Reward("e2", Micros(after(2) + 3_600 * SECOND), 1.0), late=0),
        Unjoined(Reward("E2 ", after(9), 1.0), late=0),
        Unjoined(Reward("other", after(9), 1.0), late=0),
        Unjoined(Activation("e3", after(9)), late=0),
    ]
    found = profiled(sample, map(unjoined_line, strays))
    assert found is not None
    assert (found.strays.looked, found.strays.known, found.strays.respelt) == (4, 2, 1)
    assert found.strays.delays is not None
    assert found.strays.delays.median == 90.0
    # One that came after its event was forgotten counts as an orphan, and is told apart.
    assert found.strays.forgotten is not None
    assert found.strays.forgotten.median == 3_600.0


def test_it_is_made_from_files_and_left_as_one(tmp_path: Path) -> None:
    lines = [event(n, [{"a": "b"}], TWO).line() for n in range(3)]
    (tmp_path / SAMPLE).write_bytes(b"\n".join(lines))
    (tmp_path / STRAYS).write_bytes(b"")
    main(tmp_path)
    assert Profile.model_validate_json((tmp_path / PROFILE).read_bytes()) == profiled(lines, [])


def test_of_no_event_there_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / SAMPLE).write_bytes(b"")
    (tmp_path / STRAYS).write_bytes(b"")
    main(tmp_path)
    assert (tmp_path / PROFILE).read_text() == "null"
