from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from cli import worlds
from cli.world import Action, Visit, World
from cli.worlds.coffee import Coffee
from cli.worlds.news import ARTICLES, NEW_ARTICLE_EVERY, NEW_TASTE_EVERY, News

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures/coffee"


def visits(world: World, number: int) -> list[Visit]:
    return [world.visit() for _ in range(number)]


def test_a_visit_knows_what_its_actions_earn() -> None:
    actions = (Action("a", ()), Action("b", ()), Action("c", ()))
    visit = Visit((), actions, rewards=(0.0, 1.0, 0.0), expected=(0.1, 0.6, 0.2))
    assert [visit.reward(action.id) for action in actions] == [0.0, 1.0, 0.0]
    assert visit.random_rate == pytest.approx(0.3)
    assert visit.best_rate == 0.6
    with pytest.raises(KeyError):
        visit.reward("d")


@pytest.mark.parametrize("name", worlds.names())
def test_every_world_keeps_to_the_rules(name: str) -> None:
    # GIVEN the first visits of a world
    world = worlds.load(name)
    played = visits(world(Random(7)), 300)
    for visit in played:
        # THEN each is a rank request that the API takes, with a reward for each action
        ids = [action.id for action in visit.actions]
        assert 1 <= len(ids) <= 50
        assert len(set(ids)) == len(ids)
        assert len(visit.rewards) == len(visit.expected) == len(ids)
        assert all(0 <= value <= 1 for value in (*visit.rewards, *visit.expected))
        json.dumps([visit.context, [action.features for action in visit.actions]])
    # THEN there is something to learn, and a seed repeats it
    assert sum(visit.best_rate for visit in played) > 2 * sum(visit.random_rate for visit in played)
    assert visits(world(Random(7)), 300) == played
    assert visits(world(Random(8)), 300) != played


def test_the_coffee_shop_is_the_tutorials() -> None:
    if not FIXTURES.exists():
        pytest.skip("the tutorial's files are not beside this repository")
    # GIVEN the tutorial's own files
    menu = json.loads((FIXTURES / "coffee.json").read_text())
    users = json.loads((FIXTURES / "users.json").read_text())
    seen: Counter[tuple[str, str, str]] = Counter()
    # WHEN many visits are played
    for visit in visits(Coffee(Random(1)), 3600):
        # THEN each has the tutorial's drinks, and rewards the one that the customer likes
        assert [
            {"id": action.id, "features": list(action.features)} for action in visit.actions
        ] == menu
        [context] = visit.context
        assert list(context) == ["timeofday", "weather", "name"]
        name, weather, time = (str(context[key]) for key in ("name", "weather", "timeofday"))
        liked = users[name][weather][time]
        assert {action.id: visit.reward(action.id) for action in visit.actions} == {
            drink["id"]: float(drink["id"] == liked) for drink in menu
        }
        assert (visit.random_rate, visit.best_rate) == (0.25, 1.0)
        seen[name, weather, time] += 1
    # THEN all 36 occasions come, about 100 times each
    assert len(seen) == 36
    assert min(seen.values()) > 60
    assert max(seen.values()) < 140


def test_the_front_page_is_rewritten() -> None:
    world = News(Random(3))
    # The page of visit n is new where n is a multiple of NEW_ARTICLE_EVERY.
    before = visits(world, NEW_ARTICLE_EVERY - 1)[-1]
    after = world.visit()
    assert after.actions[: ARTICLES - 1] == before.actions[1:]
    assert after.actions[-1] not in before.actions


def test_tastes_drift() -> None:
    # GIVEN the audiences' tastes at the beginning
    def tastes(visits: list[Visit]) -> dict[str, str]:
        found = {}
        for visit in visits:
            best = visit.actions[visit.expected.index(visit.best_rate)].features[0]["topic"]
            if visit.best_rate > 0.5:
                found[str(visit.context[0]["reader"])] = str(best)
        return found

    world = News(Random(3))
    first = tastes(visits(world, NEW_TASTE_EVERY - 1))
    # WHEN one of them drifts
    second = tastes(visits(world, NEW_TASTE_EVERY))
    # THEN at most that one is different
    same = [first[reader] == second[reader] for reader in first.keys() & second.keys()]
    assert same.count(False) <= 1
    # THEN after a long time, most are
    visits(world, 20 * NEW_TASTE_EVERY)
    late = tastes(visits(world, NEW_TASTE_EVERY))
    same = [first[reader] == late[reader] for reader in first.keys() & late.keys()]
    assert same.count(False) > same.count(True)


def test_rewards_come_as_often_as_expected() -> None:
    played = visits(News(Random(5)), 2000)
    earned = sum(sum(visit.rewards) for visit in played)
    expected = sum(sum(visit.expected) for visit in played)
    assert earned == pytest.approx(expected, rel=0.05)
