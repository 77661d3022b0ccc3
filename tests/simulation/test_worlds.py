"""What the loop's own parts learn of the simulated worlds: decide, draw, learn, again and again.

No service, no wait: the model learns each event before the next one comes. The service, which
learns in batches, can't do better, so that these are the rates to hold it against.
"""

from __future__ import annotations

from random import Random
from statistics import fmean

import pytest

from cli import worlds
from cli.summary import ceiling
from cli.world import PageVisit, Visit
from loop.features import Action, Slot, compose, with_slots
from loop.learning_settings import DEFAULT_ARGUMENTS, check, with_exploration
from loop.model import Model
from loop.multi_slot_model import AskedSlot, MultiSlotModel, SlotLabel
from loop.sampling import draw, slot_seed
from loop.vw_lines import vw_lines

EXPLORATION = 0.2
LITTLE_EXPLORATION = 0.05


def play(visits: list[Visit], policy: str) -> list[float]:
    """The reward of each visit, decided by a model that has learned the ones before."""
    rewards = []
    with Model(with_exploration(policy, EXPLORATION)) as model:
        for number, visit in enumerate(visits):
            actions = [Action(action.id, list(action.features)) for action in visit.actions]
            lines = vw_lines(compose(visit.context, actions))
            scores = model.decide(lines)
            place = draw(f"event-{number}", scores.probabilities)
            chosen = scores.ranking[place]
            reward = visit.rewards[chosen]
            model.learn(lines, chosen, -reward, scores.probabilities[place])
            rewards.append(reward)
    return rewards


def visits_of(world: str, number: int, seed: int) -> list[Visit]:
    stream = worlds.load(world)(Random(seed))
    return [visit for _ in range(number) if isinstance(visit := stream.visit(), Visit)]


def play_pages(pages: list[PageVisit], policy: str) -> list[float]:
    """The reward of each page, decided by a model that has learned the ones before."""
    rewards = []
    with MultiSlotModel(with_exploration(policy, LITTLE_EXPLORATION)) as model:
        for number, page in enumerate(pages):
            actions = [Action(action.id, list(action.features)) for action in page.actions]
            slots = [Slot(slot.id, list(slot.features)) for slot in page.slots]
            lines = vw_lines(with_slots(compose(page.context, actions), slots))
            asked = [
                AskedSlot(range(len(actions)), slot_seed(f"event-{number}", slot.id))
                for slot in page.slots
            ]
            choices = model.decide(lines, asked)
            earned = page.earned([page.actions[choice.ranking[0]].id for choice in choices])
            labels = [
                SlotLabel(choice.ranking, -reward, choice.probabilities[0])
                for choice, reward in zip(choices, earned, strict=True)
            ]
            model.learn(lines, labels)
            rewards.append(sum(earned))
    return rewards


@pytest.mark.parametrize("world", worlds.names())
def test_the_service_takes_the_policies_that_worlds_name(world: str) -> None:
    check(worlds.load(world).policy)


@pytest.mark.parametrize("seed", [1, 2])
def test_coffee_is_learned_to_the_ceiling(seed: int) -> None:
    # GIVEN the tutorial's 10,000 customers, whom an even choice pleases one time in four
    visits = visits_of("coffee", 10_000, seed)
    # WHEN the world's own policy decides and learns
    rewards = play(visits, worlds.load("coffee").policy)
    # THEN the last 1,000 are served as well as 20 % exploration allows: within 3 standard errors
    # (0.011 each), and a little less for what is still being learned
    most = ceiling(1.0, 0.25, EXPLORATION)
    assert most - 0.05 < fmean(rewards[-1000:]) < most + 0.034


def test_the_default_policy_learns_less_of_coffee_but_beats_chance() -> None:
    # It has no terms of context with context with action, and a slow rate.
    rewards = play(visits_of("coffee", 10_000, seed=1), DEFAULT_ARGUMENTS)
    assert 0.35 < fmean(rewards[-1000:]) < 0.75


def test_news_is_followed_as_tastes_drift() -> None:
    # GIVEN 10,000 readers, over whom tastes change 20 times and the page 100 times
    visits = visits_of("news", 10_000, seed=1)
    # WHEN the world's own policy decides and learns
    rewards = play(visits, worlds.load("news").policy)
    # THEN in the second half, it earns about half of what lies between chance and the best possible
    late = visits[5000:]
    chance = fmean(visit.random_rate for visit in late)
    best = ceiling(fmean(visit.best_rate for visit in late), chance, EXPLORATION)
    assert fmean(rewards[5000:]) > chance + 0.45 * (best - chance)


def test_what_the_shop_wants_in_each_slot_is_learned() -> None:
    # GIVEN 6,000 visitors, of a page where each slot wants another product than its neighbours
    stream = worlds.load("shop")(Random(1))
    pages = [page for _ in range(6_000) if isinstance(page := stream.visit(), PageVisit)]
    # WHEN the world's own policy decides and learns, with 5 % of the choices at random
    rewards = play_pages(pages, worlds.load("shop").policy)
    # THEN the last 1,000 earn what they could, but for a tenth: the best is 2.4 a page, chance 0.6
    best = fmean(page.best_rate for page in pages[-1000:])
    chance = fmean(page.random_rate for page in pages[-1000:])
    assert chance < 0.3 * best
    assert 0.9 * best < fmean(rewards[-1000:]) < best
