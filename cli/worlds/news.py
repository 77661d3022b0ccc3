"""A news site: a front page that is always being rewritten, for readers whose tastes drift."""

from __future__ import annotations

from itertools import count
from random import Random

from cli.world import Action, Visit, World

TOPICS = ("politics", "sport", "science", "culture", "money", "travel", "food", "weather")
TAGS = tuple(f"tag{number:02d}" for number in range(40))
REGIONS = ("north", "south", "east", "west")
AGES = ("under30", "30to60", "over60")
DEVICES = ("phone", "desktop")
LENGTHS = ("short", "long")

ARTICLES = 10
NEW_ARTICLE_EVERY = 100  # visits
NEW_TASTE_EVERY = 500  # visits

# Chance that a reader clicks an article: of no topic of theirs, of their second, of their first.
PASSING, SECOND, FIRST = 0.05, 0.30, 0.60
LONG_ON_PHONE = 0.5  # a factor


class News(World):
    """Twelve audiences (region and age), two liked topics each, of which one changes now and then.

    Ten articles stand on the page, each with a topic, a length and three of forty tags that mean
    nothing. The oldest gives way to a new one, so that what is learned of an id is soon lost.
    """

    about = "a news site: 10 short-lived articles with sparse features, 12 drifting audiences"
    policy = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -q rj -q dj --interactions rrj"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._visits = count(1)
        self._numbers = count(1)
        self._page = [self._write() for _ in range(ARTICLES)]
        self._tastes = {
            (region, age): random.sample(TOPICS, 2) for region in REGIONS for age in AGES
        }

    def visit(self) -> Visit:
        """A reader of a random audience, before the page as it stands now."""
        visits = next(self._visits)
        if visits % NEW_ARTICLE_EVERY == 0:
            self._page = [*self._page[1:], self._write()]
        if visits % NEW_TASTE_EVERY == 0:
            self._drift()
        audience = region, age = self._random.choice(list(self._tastes))
        device = self._random.choice(DEVICES)
        expected = tuple(self._chance(audience, device, article) for article in self._page)
        return Visit(
            context=({"reader": {"region": region, "age": age}, "device": {"kind": device}},),
            actions=tuple(self._page),
            rewards=tuple(float(self._random.random() < chance) for chance in expected),
            expected=expected,
        )

    def _write(self) -> Action:
        tags = sorted(self._random.sample(TAGS, 3))
        return Action(
            f"article{next(self._numbers)}",
            (
                {
                    "topic": self._random.choice(TOPICS),
                    "length": self._random.choice(LENGTHS),
                    "tags": dict.fromkeys(tags, True),
                },
            ),
        )

    def _drift(self) -> None:
        audience = self._random.choice(list(self._tastes))
        first, second = self._tastes[audience]
        fresh = self._random.choice([topic for topic in TOPICS if topic not in (first, second)])
        self._tastes[audience] = [fresh, first]

    def _chance(self, audience: tuple[str, str], device: str, article: Action) -> float:
        [features] = article.features
        first, second = self._tastes[audience]
        chance = {first: FIRST, second: SECOND}.get(str(features["topic"]), PASSING)
        if device == "phone" and features["length"] == "long":
            chance *= LONG_ON_PHONE
        return chance
