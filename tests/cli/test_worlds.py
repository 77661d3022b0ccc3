from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from cli import worlds
from cli.world import Action, PageVisit, Slot, Visit, World
from cli.worlds.coffee import Coffee
from cli.worlds.news import ARTICLES, NEW_ARTICLE_EVERY, NEW_TASTE_EVERY, News
from cli.worlds.shop import PASSING, RIGHT, Shop

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures/coffee"


def visits(world: World, number: int) -> list[Visit]:
    return [visit for _ in range(number) if isinstance(visit := world.visit(), Visit)]


def pages(world: World, number: int) -> list[PageVisit]:
    return [visit for _ in range(number) if isinstance(visit := world.visit(), PageVisit)]


def test_a_visit_knows_what_its_actions_earn() -> None:
    actions = (Action("a", ()), Action("b", ()), Action("c", ()))
    visit = Visit((), actions, rewards=(0.0, 1.0, 0.0), expected=(0.1, 0.6, 0.2))
    assert [visit.reward(action.id) for action in actions] == [0.0, 1.0, 0.0]
    assert visit.random_rate == pytest.approx(0.3)
    assert visit.best_rate == 0.6
    with pytest.raises(KeyError):
        visit.reward("d")


def test_a_page_knows_what_its_slots_earn() -> None:
    # GIVEN a page whose slots both want the same action most
    actions = (Action("a", ()), Action("b", ()), Action("c", ()))
    slots = (Slot("top", (), "a"), Slot("side", (), "b"))
    page = PageVisit((), actions, slots, ((0.0, 1.0, 0.0), (1.0, 1.0, 0.0)), ((0.1, 0.9, 0.2),) * 2)
    # THEN the best of it gives that to one of them
    assert page.earned(("b", "a")) == (1.0, 1.0)
    assert page.earned(("a", "c")) == (0.0, 0.0)
    assert page.best_rate == pytest.approx(0.9 + 0.2)
    assert page.random_rate == pytest.approx(0.8)
    with pytest.raises(ValueError):
        page.earned(("a", "d"))
    with pytest.raises(ValueError):
        page.earned(("a",))


@pytest.mark.parametrize("name", worlds.names())
def test_every_world_keeps_to_the_rules(name: str) -> None:
    # GIVEN the first visits of a world
    world = worlds.load(name)

    def first(seed: int) -> list[Visit | PageVisit]:
        found = world(Random(seed))
        return [found.visit() for _ in range(300)]

    played = first(7)
    for visit in played:
        # THEN each is a rank request that the API takes, with a reward for each action
        ids = [action.id for action in visit.actions]
        assert 1 <= len(ids) <= 50
        assert len(set(ids)) == len(ids)
        if isinstance(visit, PageVisit):
            assert 1 <= len({slot.id for slot in visit.slots}) == len(visit.slots) <= len(ids)
            baselines = {slot.baseline for slot in visit.slots}
            assert len(baselines.intersection(ids)) == len(visit.slots)
            earnings = list(zip(visit.rewards, visit.expected, strict=True))
            assert len(earnings) == len(visit.slots)
        else:
            earnings = [(visit.rewards, visit.expected)]
        for rewards, expected in earnings:
            assert len(rewards) == len(expected) == len(ids)
            assert all(0 <= value <= 1 for value in (*rewards, *expected))
        json.dumps([visit.context, [action.features for action in visit.actions]])
    # THEN there is something to learn, and a seed repeats it
    assert sum(visit.best_rate for visit in played) > 2 * sum(visit.random_rate for visit in played)
    assert first(7) == played
    assert first(8) != played


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


def test_each_place_of_the_shop_wants_something_else() -> None:
    # GIVEN many visitors
    for page in pages(Shop(Random(1)), 200):
        # THEN each slot wants one product most, none of them the same, and best shows them all
        wanted = [slot.index(RIGHT) for slot in page.expected]
        assert len(set(wanted)) == len(page.slots)
        assert page.best_rate == pytest.approx(3 * RIGHT)
        # AND elsewhere on the page most of them are passed over
        elsewhere = [page.expected[(i + 1) % 3][product] for i, product in enumerate(wanted)]
        assert elsewhere.count(PASSING) > 1
