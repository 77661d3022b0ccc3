"""The Python client of the 2022 preview, `azure-ai-personalizer` 1.0.0b1, on a multi-slot loop."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from tests.contract.ai_personalizer import Clients, ask
from tests.contract.conftest import Connect, Loop
from tests.contract.snapshots import Snapshots

Json = dict[str, JsonValue]

SNAPSHOTS = Snapshots("azure-ai-personalizer-slots")

NEWS: Json = {"id": "NewsArticle", "features": [{"type": "News"}]}
SPORTS: Json = {"id": "SportsArticle", "features": [{"type": "Sports", "length": 4.5}]}
SHOWS: Json = {"id": "ShowsArticle", "features": [{"type": "Entertainment", "isNew": True}]}
TOP: Json = {
    "id": "Main Article",
    "features": [{"size": "Large", "position": "Top Middle"}],
    "excludedActions": ["ShowsArticle"],
    "baselineAction": "NewsArticle",
}
SIDE: Json = {
    "id": "Side Bar",
    "features": [{"size": "Small", "position": {"row": 2}}],
    "excludedActions": ["NewsArticle"],
    "baselineAction": "SportsArticle",
}


@pytest.fixture
async def clients(connect: Connect, multi_slot_loop: Loop) -> Clients:
    return await connect(multi_slot_loop.endpoint, multi_slot_loop.key)


@pytest.fixture
async def single(connect: Connect, used_loop: Loop) -> Clients:
    return await connect(used_loop.endpoint, used_loop.key)


def request(**changes: JsonValue) -> Json:
    return {
        "contextFeatures": [{"user": {"profileType": "AnonymousUser"}}, {"device": "Windows"}],
        "actions": [NEWS, SPORTS, SHOWS],
        "slots": [TOP, SIDE],
        "eventId": "the slots of the preview",
        "deferActivation": False,
        **changes,
    }


def rewards(*pairs: tuple[str, JsonValue]) -> Json:
    return {"reward": [{"slotId": slot, "value": value} for slot, value in pairs]}


async def test_a_decision_and_its_rewards(clients: Clients) -> None:
    ranked = await ask(clients.decide.rank_multi_slot, request())
    SNAPSHOTS.check("rank_multi_slot", ranked.wire)
    assert isinstance(ranked.result, dict)
    event_id = ranked.result["eventId"]
    both = rewards(("Main Article", 1.0), ("Side Bar", -0.5))
    SNAPSHOTS.check(
        "reward_multi_slot", (await ask(clients.decide.reward_multi_slot, event_id, both)).wire
    )
    # An unknown slot is counted and ignored, and text that holds a number is one.
    other = rewards(("Footer", 1.0), ("Side Bar", "0.5"))
    assert (await ask(clients.decide.reward_multi_slot, event_id, other)).wire.status == 204


async def test_a_deferred_decision(clients: Clients) -> None:
    # With a single action, as what is chosen depends on the id that the service makes.
    slot: Json = {"id": "Only", "baselineAction": "NewsArticle"}
    deferred = request(actions=[NEWS], slots=[slot], eventId=None, deferActivation=True)
    ranked = await ask(clients.decide.rank_multi_slot, deferred)
    SNAPSHOTS.check("rank_multi_slot without an event id", ranked.wire)
    assert isinstance(ranked.result, dict)
    activated = await ask(clients.decide.activate_multi_slot, ranked.result["eventId"])
    SNAPSHOTS.check("activate_multi_slot", activated.wire)


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        ("no slots", {"slots": []}),
        ("more slots than actions", {"actions": [NEWS]}),
        ("a slot twice", {"slots": [TOP, {**SIDE, "id": "Main Article"}]}),
        ("a slot without baseline", {"slots": [{"id": "Main Article"}]}),
        ("a baseline that is no action", {"slots": [{**TOP, "baselineAction": "Ads"}]}),
        ("an excluded baseline", {"slots": [{**TOP, "excludedActions": ["NewsArticle"]}]}),
        ("a baseline twice", {"slots": [TOP, {"id": "s", "baselineAction": "NewsArticle"}]}),
        ("no actions", {"actions": []}),
        ("a list of texts", {"slots": [{**TOP, "features": [{"tags": ["a"]}]}]}),
    ],
)
async def test_ranks_that_are_refused(clients: Clients, asked: str, changes: Json) -> None:
    answer = await ask(clients.decide.rank_multi_slot, request(**changes))
    assert answer.error.code == "InvalidRankRequest"
    SNAPSHOTS.check(f"rank_multi_slot refuses {asked}", answer.wire)


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("no rewards", {}),
        ("a reward without slot", {"reward": [{"value": 1}]}),
        ("a reward without value", {"reward": [{"slotId": "Side Bar"}]}),
        ("a reward of a word", rewards(("Side Bar", "good"))),
    ],
)
async def test_rewards_that_are_refused(clients: Clients, asked: str, body: Json) -> None:
    answer = await ask(clients.decide.reward_multi_slot, "event", body)
    assert answer.error.code == "InvalidRewardRequest"
    SNAPSHOTS.check(f"reward_multi_slot refuses {asked}", answer.wire)


async def test_single_slot_calls_on_a_multi_slot_loop(clients: Clients) -> None:
    one: Json = {"actions": [NEWS]}
    answers = [
        await ask(clients.decide.rank, one),
        await ask(clients.decide.reward, "event", {"value": 1}),
        await ask(clients.decide.activate, "event"),
    ]
    for answer in answers:
        assert answer.error.code == "InvalidApiAccess"
        SNAPSHOTS.check("a single-slot call", answer.wire)


async def test_multi_slot_calls_on_a_single_slot_loop(single: Clients) -> None:
    answers = [
        await ask(single.decide.rank_multi_slot, request()),
        await ask(single.decide.reward_multi_slot, "event", rewards(("Side Bar", 1))),
        await ask(single.decide.activate_multi_slot, "event"),
    ]
    for answer in answers:
        assert answer.error.code == "InvalidMultiSlotApiAccess"
        SNAPSHOTS.check("a call to a single-slot loop", answer.wire)


async def test_the_policy_makes_a_loop_multi_slot(connect: Connect, fresh_loop: Loop) -> None:
    clients = await connect(fresh_loop.endpoint, fresh_loop.key)
    # GIVEN a loop that optimizes itself WHEN it is to be multi-slot THEN that is refused
    policy = {"name": "slots", "arguments": "--ccb_explore_adf --epsilon 0.2"}
    await ask(clients.manage.update_service_configuration, {"isAutoOptimizationEnabled": True})
    refused = await ask(clients.manage.update_policy, policy)
    assert refused.error.code == "ProblemTypeIncompatibleWithAutoOptimization"
    SNAPSHOTS.check("update_policy refuses slots", refused.wire)
    # WHEN it no longer does THEN it is multi-slot, and its default policy is
    await ask(clients.manage.update_service_configuration, {"isAutoOptimizationEnabled": False})
    SNAPSHOTS.check("update_policy", (await ask(clients.manage.update_policy, policy)).wire)
    SNAPSHOTS.check("reset_policy", (await ask(clients.manage.reset_policy)).wire)
