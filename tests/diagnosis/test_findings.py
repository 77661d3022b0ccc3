"""Each finding from figures that call for it, and none from those that don't.

What whole loops lead to is in ``test_planted``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from diagnosis.facts import Facts, Optimization
from diagnosis.findings import Severity
from diagnosis.profile import Comparison, DelayProfile, Place, StraysProfile
from diagnosis.survey import Checkpoint, Standing
from loop.events import SECOND, LearningMode, Micros
from loop.manifest import MirrorProgress, Retrain
from loop.segments import HOUR
from tests.diagnosis.made import (
    COUNTS,
    HEALTHY,
    NOW,
    feature,
    found_in,
    namespace,
    with_configuration,
    with_counts,
    with_manifest,
    with_policy,
    with_profile,
)

PROBLEM, WARNING, ADVICE, FINE = Severity


def test_of_a_loop_that_is_well_only_good_is_said() -> None:
    assert {f.id: f.severity for f in found_in(HEALTHY).values()} == {
        "model-current": FINE,
        "rewards-arrive": FINE,
        "exploration-sound": FINE,
        "learning": FINE,
    }


CASES = {
    "policy-unusable": (PROBLEM, with_policy("--cb_explore_adf --no_such_option")),
    "model-broken": (PROBLEM, with_counts(broken_models=1)),
    "mirror-failing": (
        WARNING,
        with_configuration(
            with_manifest(
                with_counts(mirror_failures=3), mirror=MirrorProgress(resting=Micros(NOW + SECOND))
            ),
            log_mirror_enabled=True,
        ),
    ),
    "no-model-yet": (WARNING, with_manifest(model=None)),
    "decisions-dropped": (ADVICE, with_counts(dropped=1)),
    "duplicate-events": (ADVICE, with_counts(duplicates=200)),
    "not-activated": (ADVICE, with_counts(not_activated=2000)),
    "events-unlearnable": (WARNING, with_counts(unlearnable=10)),
    "events-of-other-kind": (ADVICE, with_counts(other_kind=500)),
    "rewards-late": (WARNING, with_counts(late=400)),
    "rewards-orphaned": (ADVICE, with_counts(orphaned=100)),
    "rewards-without-slot": (WARNING, with_counts(slotless=500)),
    "mostly-default-rewards": (ADVICE, with_counts(defaulted=9000)),
    "rewards-rare": (ADVICE, with_profile(rewards={"commonest": 1990})),
    "rewards-out-of-range": (ADVICE, with_profile(rewards={"greatest": 5.0, "outside": 7})),
    "only-earliest-reward": (ADVICE, with_profile(rewards={"several": 150})),
    "single-action-calls": (
        WARNING,
        with_profile(actions={"single": 2000}, newest={"choices": 0}, propensities={"choices": 0}),
    ),
    "one-action-preferred": (ADVICE, with_profile(favourite={"times": 1950})),
    "exploration-off": (WARNING, with_configuration(exploration_percentage=0.0)),
    "exploration-low": (ADVICE, with_configuration(exploration_percentage=0.01)),
    "exploration-high": (ADVICE, with_configuration(exploration_percentage=0.5)),
    "exploration-collapsed": (PROBLEM, with_profile(propensities={"certain": 1200})),
    "rare-values": (
        ADVICE,
        with_profile(features=(feature("city", looked=1000, values=500, texts=1000),)),
    ),
    "many-features": (ADVICE, with_profile(features_left_out=9)),
    "unique-names": (
        WARNING,
        with_profile(features=tuple(feature(f"n{n}") for n in range(60)), features_once=40),
    ),
    "seldom-features": (ADVICE, with_profile(features=(feature("a"), feature("b", events=12)))),
    "large-requests": (ADVICE, with_profile(width=400.0)),
    "no-context": (WARNING, with_profile(actions={"without_context": 1500})),
    "unique-action-ids": (WARNING, with_profile(actions={"ids": 2000, "ids_looked": 2000})),
    "actions-without-features": (WARNING, with_profile(actions={"bare": 2000, "ids": 300})),
    "actions-look-alike": (ADVICE, with_profile(actions={"twins": 1500, "alike": 100})),
    "constant-features": (
        ADVICE,
        with_profile(features=(feature("shop", Place.ACTION, values=1),)),
    ),
    "namespaces-beyond-wildcards": (
        WARNING,
        with_profile(namespaces=(namespace("FromUrl"), namespace("été"))),
    ),
    "namespaces-collide": (
        ADVICE,
        with_profile(namespaces=(namespace("user"), namespace("url"))),
    ),
    "no-better-than-random": (
        WARNING,
        with_profile(performance={"random": Comparison(reward=0.4, gain=0.0, half_width=0.02)}),
    ),
    "worse-than-baseline": (
        WARNING,
        with_profile(performance={"baseline": Comparison(reward=0.6, gain=-0.2, half_width=0.1)}),
    ),
    "auto-optimization-off": (ADVICE, with_configuration(is_auto_optimization_enabled=False)),
    "auto-optimization": (FINE, replace(HEALTHY, optimization=Optimization(NOW, True, "Better."))),
}


@pytest.mark.parametrize("finding_id", CASES)
def test_each_finding_is_made_from_the_figures_that_call_for_it(finding_id: str) -> None:
    severity, facts = CASES[finding_id]
    finding = found_in(facts)[finding_id]
    assert finding.severity is severity
    # AND each says what to do, unless all is well
    assert bool(finding.action) is (severity is not FINE)
    assert finding.evidence
    assert finding.text.endswith((".", ")"))


QUIET = {
    "decisions-dropped": with_counts(dropped=0),
    "duplicate-events": with_counts(duplicates=90),
    "not-activated": with_counts(not_activated=900),
    "events-unlearnable": with_counts(unlearnable=9),
    "rewards-late": with_counts(late=70),
    "rewards-orphaned": with_counts(orphaned=70),
    "mirror-failing": with_counts(mirror_failures=3),
    "one-action-preferred": with_profile(favourite={"times": 1950, "contexts": 2}),
    "unique-values": with_profile(features=(feature("u", looked=90, values=90),)),
    "rare-values": with_profile(features=(feature("title", Place.ACTION, values=400, owners=400),)),
    "unique-names": with_profile(features=(feature("a"), feature("b")), features_once=2),
    "constant-features": with_profile(features=(feature("day", values=1),)),
    "actions-without-features": with_profile(actions={"bare": 2000}),
    "no-better-than-random": with_profile(
        performance={"random": Comparison(reward=0.01, gain=0.0, half_width=0.004)}
    ),
    "worse-than-baseline": with_profile(
        performance={"baseline": Comparison(reward=0.6, gain=-0.1, half_width=0.2)}
    ),
    "auto-optimization": replace(HEALTHY, optimization=Optimization(None, False, "")),
    "categories-as-numbers": with_profile(
        features=(feature("age", wholes=2000, numbers=2000, texts=0, values=60),)
    ),
    "namespaces-collide": with_profile(
        namespaces=(namespace("user"), namespace("user", Place.ACTION))
    ),
}


@pytest.mark.parametrize("finding_id", QUIET)
def test_figures_that_do_not_support_a_finding_make_none(finding_id: str) -> None:
    assert finding_id not in found_in(QUIET[finding_id])


def test_of_a_handful_of_events_little_is_said() -> None:
    # GIVEN figures that would be alarming of many events
    few = with_counts(
        decisions=15,
        learned=10,
        duplicates=5,
        defaulted=10,
        rewards=5,
        joined=0,
        late=3,
        orphaned=2,
    )
    few = with_profile(
        few, events=10, newest={"choices": 10, "uniform": 10}, rewards={"outcomes": 10}
    )
    few = with_profile(few, performance={"choices": 10}, propensities={"choices": 10})
    assert {f.id for f in found_in(few).values()} == {"model-current"}


# What they say


def test_a_fifth_of_the_rewards_late_is_worse_than_a_hundredth() -> None:
    found = [found_in(with_counts(late=late))["rewards-late"] for late in (75, 375, 1875)]
    assert [finding.severity for finding in found] == [ADVICE, WARNING, PROBLEM]


def test_very_late_rewards_count_as_orphans_and_are_told_by_their_delay() -> None:
    # GIVEN rewards an hour and a half after decisions that are in the sample
    delays = DelayProfile(rewards=80, median=5000.0, p90=5300.0, p95=5390.0, longest=6000.0)
    strays = StraysProfile(looked=100, known=80, forgotten=delays)
    finding = found_in(with_profile(with_counts(orphaned=2000), strays=strays))["rewards-orphaned"]
    # THEN the wait that they need is named
    assert finding.severity is PROBLEM
    assert "95 % within 1 h 29 min" in finding.text
    assert finding.action.startswith("Set rewardWaitTime to PT1H30M")


def test_only_the_last_day_counts_where_there_is_more() -> None:
    # GIVEN a loop whose rewards all came late, until a day ago
    before = replace(COUNTS, decisions=5000, rewards=2500, joined=0, late=2500)
    checkpoint = Checkpoint(time=Micros(NOW - 25 * HOUR), counts=before)
    facts = with_counts(late=2500, joined=5000, rewards=7500, defaulted=5000)
    survey = facts.survey.model_copy(update={"checkpoints": (checkpoint,)})
    # THEN that is over
    assert "rewards-late" in found_in(facts)
    assert "rewards-late" not in found_in(replace(facts, survey=survey))


def all_equal(facts: Facts, **newest: int) -> Facts:
    return with_profile(facts, newest={"choices": 200, **newest})


@pytest.mark.parametrize(
    ("facts", "severity", "reason"),
    [
        (
            all_equal(with_manifest(model=None, first_model_created=None), modelless=200),
            ADVICE,
            "before there was a model",
        ),
        (
            all_equal(with_profile(modelless_until=NOW - HOUR), modelless=190),
            FINE,
            "before a first model was published",
        ),
        (
            all_equal(with_profile(modelless_until=NOW - HOUR // 4), modelless=200),
            PROBLEM,
            "without the model's help",
        ),
        (
            all_equal(with_configuration(exploration_percentage=1.0), uniform=200),
            PROBLEM,
            "leaves nothing to the model",
        ),
        (
            all_equal(with_profile(rewards={"values": 1}), uniform=200),
            PROBLEM,
            "all rewards are the same",
        ),
        (all_equal(HEALTHY, uniform=200), PROBLEM, "has learned nothing yet"),
    ],
)
def test_why_all_probabilities_are_equal(facts: Facts, severity: Severity, reason: str) -> None:
    finding = found_in(facts)["all-probabilities-equal"]
    assert finding.severity is severity
    assert reason in finding.text


def test_an_apprentice_only_gets_warned_that_it_has_no_rewards() -> None:
    facts = with_counts(joined=0, rewards=0, defaulted=10_000)
    assert found_in(facts)["no-rewards"].severity is PROBLEM
    apprentice = with_configuration(facts, learning_mode=LearningMode.APPRENTICE)
    assert found_in(apprentice)["no-rewards"].severity is WARNING


def test_a_collapse_that_is_not_of_the_configuration_is_of_the_policy() -> None:
    finding = found_in(with_profile(propensities={"certain": 2000}))["exploration-collapsed"]
    assert "--first" in finding.action


def test_ids_of_users_are_found_as_texts_and_as_numbers() -> None:
    features = (
        feature("user", looked=500, values=500, texts=500, guids=500),
        feature("account", looked=500, values=490, texts=0, numbers=500, wholes=500, greatest=1e5),
        feature("temperature", looked=500, values=500, texts=0, numbers=500, greatest=40.0),
        feature("clock", looked=500, values=500, texts=500, times=500),
        feature("title", Place.ACTION, looked=500, values=500, texts=500, owners=500),
        feature("offer", Place.ACTION, looked=500, values=500, texts=500, owners=4),
    )
    found = found_in(with_profile(features=features))
    names = ["FromUrl.user", "FromUrl.account", "j.offer"]
    assert found["unique-values"].evidence["features"] == names
    assert "FromUrl.user: it looks like GUIDs." in found["unique-values"].text
    assert found["timestamps"].evidence["features"] == ["FromUrl.clock"]


def test_a_constant_of_the_context_is_one_only_after_a_day() -> None:
    facts = with_profile(features=(feature("country", values=1),))
    assert "constant-features" not in found_in(facts)
    assert "constant-features" in found_in(with_profile(facts, first=Micros(NOW - 30 * HOUR)))


@pytest.mark.parametrize(
    ("arguments", "personal"),
    [
        ("--cb_explore_adf -q ::", True),
        ("--cb_explore_adf -q Fj", True),
        ("--cb_explore_adf -q F:", True),
        ("--cb_explore_adf --interactions jFF", True),
        ("--cb_explore_adf", False),
        ("--cb_explore_adf -q FF -q jj", False),
        ("--cb_explore_adf -q ux", False),
        ("--cb_explore_adf -q :: --ignore F", False),
    ],
)
def test_whether_a_policy_can_personalise(arguments: str, personal: bool) -> None:
    found = found_in(with_policy(arguments))
    assert ("policy-cannot-personalise" not in found) is personal


def test_a_collision_matters_more_where_the_policy_names_the_letter() -> None:
    actions = (namespace("i", Place.ACTION), namespace("j", Place.ACTION))
    namespaces = (namespace("FromUrl"), namespace("items"), *actions)
    facts = with_profile(namespaces=namespaces)
    assert found_in(facts)["namespaces-collide"].severity is ADVICE
    named = with_policy("--cb_explore_adf -q Fi -q Fj", facts)
    assert found_in(named)["namespaces-collide"].severity is WARNING


def standing(events: int, matched: int, recent: int = 1000) -> Standing:
    return Standing(
        mode=LearningMode.APPRENTICE,
        since=Micros(NOW - 5 * HOUR),
        events=events,
        matched=matched,
        reward=0.4,
        recent_events=recent,
        recent_matched=matched,
        recent_reward=0.4,
    )


@pytest.mark.parametrize(
    ("seen", "finding_id", "is_learning"),
    [
        (standing(2000, 800), "apprentice-ready", True),
        (standing(2000, 650), "apprentice-learns", True),
        (standing(20_000, 500), "apprentice-slow", True),
        (standing(2000, 255), "apprentice-learns", False),
        (standing(150, 40, recent=150), "apprentice-learns", None),
    ],
)
def test_an_apprentice_is_judged_by_how_often_it_agrees(
    seen: Standing, finding_id: str, is_learning: bool | None
) -> None:
    facts = with_configuration(learning_mode=LearningMode.APPRENTICE)
    facts = replace(facts, survey=facts.survey.model_copy(update={"standing": seen}))
    found = found_in(facts)
    assert finding_id in found
    assert ("learning" in found) is (is_learning is True)


def test_progress_of_a_rebuild() -> None:
    position = HEALTHY.manifest.position
    rebuild = Retrain(version=1, start=Micros(position - 1000), position=Micros(position - 250))
    finding = found_in(with_manifest(retrain=rebuild))["model-being-rebuilt"]
    assert (finding.severity, finding.evidence["share"]) == (ADVICE, 0.75)


def test_a_long_update_frequency_is_no_missed_run() -> None:
    lazy = with_configuration(model_export_frequency=timedelta(hours=6))
    lazy = with_manifest(lazy, finished=Micros(NOW - 5 * HOUR))
    assert "trainer-not-running" not in found_in(lazy)
    missed = with_manifest(lazy, finished=Micros(NOW - 7 * HOUR))
    assert found_in(missed)["trainer-not-running"].severity is PROBLEM
