"""Loops with one thing wrong each, played through real ranks, storage and training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from cli.world import Visit
from diagnosis.findings import Severity
from loop.configuration import RewardAggregation
from loop.events import SECOND, Decision, Dropped, LearningMode, Micros, Report, Reward
from loop.features import JsonObject, JsonValue
from storage.factory import LoopStorage
from tests.diagnosis.played import (
    PAGE,
    asked,
    coffee,
    ids,
    pages,
    the,
    told,
    told_after,
    used,
)
from tests.trainer.scene import after


async def test_of_a_healthy_loop_nothing_bad_is_said(storage: LoopStorage) -> None:
    # GIVEN the coffee shop, with learning settings that fit it
    loop = await used(storage)
    # WHEN 1,200 customers have been served
    await loop.play(coffee(1200))
    # THEN there is no finding worse than fine, and the loop is learning
    found = await loop.diagnosed()
    assert ids(found) == set()
    assert found.verdict.is_learning is True
    assert found.summary == "The loop is learning. Nothing is wrong."
    assert ids(found, Severity.FINE) == {
        "model-current",
        "rewards-arrive",
        "exploration-sound",
        "learning",
    }


async def test_of_a_healthy_page_nothing_bad_is_said(storage: LoopStorage) -> None:
    # GIVEN the shop, whose page has three slots
    loop = await used(storage, PAGE, is_auto_optimization_enabled=False)
    await loop.play_pages(pages(900))
    found = await loop.diagnosed()
    assert ids(found) == set()
    assert found.verdict.is_learning is True


async def test_the_first_customers_are_no_reason_for_alarm(storage: LoopStorage) -> None:
    # GIVEN a loop that a few customers have come to
    loop = await used(storage)
    assert ids(await loop.diagnosed()) == {"no-calls"}
    await loop.scene.happen([await _first(loop_visit) for loop_visit in coffee(1)])
    # WHEN their rewards are still waited for
    found = await loop.diagnosed()
    # THEN it says when the first model is due
    assert ids(found) == {"no-model-yet"}
    due = "2023-11-14T22:14:30Z"  # the wait of 60 s and the grace of 10 s from now on
    assert the(found, "no-model-yet").evidence["dueBy"] == due
    assert found.verdict.is_learning is None


async def _first(visit: Visit) -> Decision:
    return Decision("first", after(0), b'{"FromUrl":[],"_multi":[{"j":[]}]}', (0,), (1.0,))


async def test_without_rewards_all_probabilities_stay_equal(storage: LoopStorage) -> None:
    loop = await used(storage)
    await loop.play(coffee(450), tell=lambda decision, reward: [])
    found = await loop.diagnosed()
    assert ids(found, Severity.PROBLEM) == {"no-rewards", "all-probabilities-equal"}
    assert "the application has sent none" in the(found, "no-rewards").text
    assert "all rewards are the same" in the(found, "all-probabilities-equal").text
    assert found.verdict.is_learning is False


async def test_rewards_that_come_too_late_are_told_with_the_wait_that_they_need(
    storage: LoopStorage,
) -> None:
    # GIVEN a wait of 60 s, and rewards that take 3 min for every second customer
    loop = await used(storage)
    late = told_after(180)

    def tell(decision: Decision, reward: float) -> Sequence[Report]:
        slow = decision.time // (SECOND // 10) % 2
        return late(decision, reward) if slow else told(decision, reward)

    await loop.play(coffee(450), tell=tell)
    # AND long enough after that the last ones are given up
    await loop.scene.train(loop.second + 1000)
    found = await loop.diagnosed()
    finding = the(found, "rewards-late")
    assert finding.severity is Severity.PROBLEM
    assert finding.evidence["late"] == 225
    assert finding.evidence["delay95Seconds"] == 180.0
    assert "Set rewardWaitTime to PT4M" in finding.action


async def test_rewards_for_ids_that_nobody_has_ranked_are_orphans(storage: LoopStorage) -> None:
    loop = await used(storage)

    def tell(decision: Decision, reward: float) -> Sequence[Report]:
        [right] = told(decision, reward)
        assert isinstance(right, Reward)
        return [Reward(f"{right.event_id}-other", right.time, right.value)]

    await loop.play(coffee(300), tell=tell)
    await loop.scene.train(loop.second + 1000)
    found = await loop.diagnosed()
    assert {"no-rewards", "rewards-orphaned"} <= ids(found, Severity.PROBLEM)
    assert "none of 300 rewards names an event" in the(found, "no-rewards").text
    assert "the key of another loop" in the(found, "rewards-orphaned").action


async def test_rewards_with_ids_in_another_case_are_recognised(storage: LoopStorage) -> None:
    loop = await used(storage)

    def tell(decision: Decision, reward: float) -> Sequence[Report]:
        [right] = told(decision, reward)
        assert isinstance(right, Reward)
        return [Reward(right.event_id.upper(), right.time, right.value)]

    await loop.play(coffee(300), tell=tell)
    await loop.scene.train(loop.second + 1000)
    finding = the(await loop.diagnosed(), "rewards-orphaned")
    assert finding.evidence["respelt"] == 300
    assert finding.action == "Send the event id to the letter: case counts."


async def test_an_id_of_a_session_is_no_event_id(storage: LoopStorage) -> None:
    # GIVEN an application of which every second call has the id of a session for that of an event
    loop = await used(storage)

    def ask(number: int, visit: Visit) -> JsonObject:
        request = asked(number, visit)
        return {**request, "eventId": f"session-{number % 150}"} if number % 2 else request

    await loop.play(coffee(600), ask=ask)
    found = await loop.diagnosed()
    finding = the(found, "duplicate-events")
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"duplicates": 225, "decisions": 600}


async def test_deferred_events_that_are_rewarded_but_never_activated(storage: LoopStorage) -> None:
    loop = await used(storage)

    def ask(number: int, visit: Visit) -> JsonObject:
        return {**asked(number, visit), "deferActivation": number % 3 > 0}

    await loop.play(coffee(300), ask=ask)
    found = await loop.diagnosed()
    finding = the(found, "not-activated")
    assert finding.severity is Severity.PROBLEM
    assert finding.evidence == {
        "notActivated": 200,
        "decisions": 300,
        "rewardedShareOfSample": 1.0,
    }
    assert "A reward alone does not activate an event." in finding.text


async def test_decisions_that_were_dropped(storage: LoopStorage) -> None:
    loop = await used(storage)
    await loop.scene.happen([Dropped(after(1), 60)])
    await loop.play(coffee(300))
    finding = the(await loop.diagnosed(), "decisions-dropped")
    assert finding.severity is Severity.PROBLEM
    assert finding.evidence == {"dropped": 60, "decisions": 300}


async def test_without_exploration_propensities_collapse(storage: LoopStorage) -> None:
    loop = await used(storage, exploration_percentage=0.0)
    await loop.play(coffee(450))
    found = await loop.diagnosed()
    finding = the(found, "exploration-collapsed")
    assert finding.severity is Severity.PROBLEM
    assert finding.action == "Set explorationPercentage to 0.1 or more"


async def test_with_nothing_but_exploration_probabilities_stay_equal(storage: LoopStorage) -> None:
    loop = await used(storage, exploration_percentage=1.0)
    await loop.play(coffee(450))
    found = await loop.diagnosed()
    finding = the(found, "all-probabilities-equal")
    assert finding.severity is Severity.PROBLEM
    assert "explorationPercentage leaves nothing to the model" in finding.text
    assert "exploration-high" in ids(found)


async def test_a_policy_without_context_gives_everybody_the_same(storage: LoopStorage) -> None:
    # GIVEN a policy that multiplies nothing with the context
    loop = await used(storage, "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q ij")
    await loop.play(coffee(300))
    finding = the(await loop.diagnosed(), "policy-cannot-personalise")
    assert finding.severity is Severity.PROBLEM
    assert finding.evidence["contextNamespaces"] == ["FromUrl"]


async def test_ids_times_and_numbers_among_the_features_are_found(storage: LoopStorage) -> None:
    # GIVEN features that nothing can be learned from, among good ones
    loop = await used(storage)

    def ask(number: int, visit: Visit) -> JsonObject:
        minute = f"2026-03-01T{number // 60 % 24:02d}:{number % 60:02d}:00Z"
        spoilt: JsonObject = {
            "session": str(UUID(int=number * 2**64)),
            "clock": minute,
            "weekday": number % 7 + 1,
            "items": {"inCart": number % 2 > 0},
            f"flag_{number}" if number % 3 == 0 else "flag": True,
        }
        body = asked(number, visit)
        body["contextFeatures"] = [*visit.context, spoilt]
        return body

    await loop.play(coffee(450), ask=ask)
    found = await loop.diagnosed()
    unique = the(found, "unique-values")
    assert unique.evidence["features"] == ["FromUrl.session"]
    assert "looks like GUIDs" in unique.text
    assert the(found, "timestamps").evidence["features"] == ["FromUrl.clock"]
    assert the(found, "categories-as-numbers").evidence["features"] == ["FromUrl.weekday"]
    assert the(found, "unique-names").evidence["once"] == 150
    collision = the(found, "namespaces-collide")
    assert collision.evidence["namespaces"] == [["i", "items"]]
    assert collision.severity is Severity.WARNING


async def test_actions_that_look_alike(storage: LoopStorage) -> None:
    loop = await used(storage)
    same: list[JsonValue] = [{"type": "drink"}]

    def ask(number: int, visit: Visit) -> JsonObject:
        actions: list[JsonValue] = [{"id": a.id, "features": same} for a in visit.actions]
        return {**asked(number, visit), "actions": actions}

    await loop.play(coffee(300), ask=ask)
    found = await loop.diagnosed()
    finding = the(found, "actions-look-alike")
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"calls": 300, "twoAlike": 300, "allAlike": 300}
    assert the(found, "constant-features").evidence["features"] == ["j.type"]


async def test_actions_that_look_alike_to_the_letter_have_equal_probabilities(
    storage: LoopStorage,
) -> None:
    # GIVEN actions with the same features, and a policy that ignores their ids
    loop = await used(storage, "--cb_explore_adf --epsilon 0.2 --cb_type mtr -q Fj --ignore i")
    same: list[JsonValue] = [{"type": "drink"}]

    def ask(number: int, visit: Visit) -> JsonObject:
        actions: list[JsonValue] = [{"id": a.id, "features": same} for a in visit.actions]
        return {**asked(number, visit), "actions": actions}

    await loop.play(coffee(450), ask=ask)
    finding = the(await loop.diagnosed(), "all-probabilities-equal")
    assert finding.severity is Severity.PROBLEM
    assert "differ in nothing but their ids" in finding.text


async def test_rewards_that_are_all_the_same(storage: LoopStorage) -> None:
    loop = await used(storage, default_reward=1.0)
    await loop.play(coffee(300), tell=lambda decision, _: told(decision, 1.0))
    found = await loop.diagnosed()
    assert the(found, "reward-constant").evidence["value"] == 1.0
    assert found.verdict.is_learning is False


async def test_rewards_beyond_the_range(storage: LoopStorage) -> None:
    loop = await used(storage, reward_aggregation=RewardAggregation.SUM)
    await loop.play(coffee(300), tell=lambda decision, reward: told(decision, 50 * reward))
    finding = the(await loop.diagnosed(), "rewards-out-of-range")
    assert finding.severity is Severity.WARNING
    assert finding.evidence["greatest"] == 50.0


async def test_only_the_first_of_several_rewards_counts(storage: LoopStorage) -> None:
    loop = await used(storage)

    def tell(decision: Decision, reward: float) -> Sequence[Report]:
        return [*told(decision, reward), *told_after(9)(decision, 1.0)]

    await loop.play(coffee(300), tell=tell)
    assert the(await loop.diagnosed(), "only-earliest-reward").evidence["several"] == 300


async def test_an_apprentice_that_agrees_is_ready(storage: LoopStorage) -> None:
    # GIVEN an application that always shows the first action
    loop = await used(storage, learning_mode=LearningMode.APPRENTICE)
    await loop.play(coffee(900))
    found = await loop.diagnosed()
    assert "apprentice-ready" in ids(found)
    assert found.verdict.is_learning is True
    assert ids(found, Severity.WARNING) == set()


async def test_a_loop_that_only_watches_does_not_learn(storage: LoopStorage) -> None:
    loop = await used(storage, learning_mode=LearningMode.LOGGING_ONLY)
    await loop.play(coffee(300))
    found = await loop.diagnosed()
    assert {"logging-only", "no-model-yet"} <= ids(found)
    assert found.verdict.is_learning is False
    assert "learns nothing" in the(found, "no-model-yet").text


async def test_a_model_that_waits_to_be_published(storage: LoopStorage) -> None:
    loop = await used(storage, model_auto_publish=False)
    await loop.play(coffee(300))
    found = await loop.diagnosed()
    finding = the(found, "model-waits-for-publishing")
    newest = (await loop.scene.manifest()).staged[0]
    assert finding.evidence == {"newest": newest.id, "waiting": 2}
    assert f"PUT staged-model/{newest.id}/publish" in finding.action


async def test_a_trainer_that_has_stopped(storage: LoopStorage) -> None:
    loop = await used(storage)
    await loop.play(coffee(300))
    # WHEN nothing runs for an hour
    loop.scene.now = Micros(loop.scene.now + 3600 * SECOND)
    found = await loop.diagnosed()
    finding = the(found, "trainer-not-running")
    assert finding.severity is Severity.PROBLEM
    assert "has been due for 59 min" in finding.text
    assert found.verdict.is_learning is False


@pytest.mark.parametrize("enabled", [True, False])
async def test_whether_better_settings_are_looked_for(storage: LoopStorage, enabled: bool) -> None:
    loop = await used(storage, is_auto_optimization_enabled=enabled)
    await loop.play(coffee(150))
    assert ("auto-optimization-off" in ids(await loop.diagnosed())) is not enabled


async def test_a_rebuild_is_told_while_it_goes_on(storage: LoopStorage) -> None:
    # GIVEN a model, and a setting changed that rebuilds it
    loop = await used(storage)
    await loop.play(coffee(300))
    await loop.scene.configure(None, version=1, reward_wait_time=timedelta(seconds=30))
    # WHEN the run that rebuilds it has time for a part of the log only
    loop.scene.limits = replace(loop.scene.limits, seconds=0.0)
    await loop.scene.train(loop.second + 100)
    found = await loop.diagnosed()
    # THEN it says so, and that the former model serves
    finding = the(found, "model-being-rebuilt")
    assert "the former one serves" in finding.text
    assert ids(found, Severity.WARNING) == set()
