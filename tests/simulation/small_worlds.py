"""Worlds that a search for better policies is tried on, each hard or easy in a way of its own."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import ClassVar

from cli.world import Action, Features, Visit, World


class SmallWorld(World):
    """Rewards of 0 and 1, with a chance that each subclass tells."""

    about: ClassVar[str] = ""
    policy: ClassVar[str] = ""

    def _visit(
        self, context: tuple[Features, ...], actions: tuple[Action, ...], chances: list[float]
    ) -> Visit:
        rewards = tuple(float(self._random.random() < chance) for chance in chances)
        return Visit(context, actions, rewards, tuple(chances))


class Apples(SmallWorld):
    """Four apples and four customers, each with one that they buy: products of two are enough."""

    KINDS = ("boskoop", "elstar", "gala", "pink")
    CUSTOMERS = ("baker", "child", "cook", "horse")

    def visit(self) -> Visit:
        """A customer of a random kind."""
        customer = self._random.randrange(len(self.CUSTOMERS))
        actions = tuple(Action(kind, ({"kind": kind},)) for kind in self.KINDS)
        chances = [0.7 if number == customer else 0.2 for number in range(len(self.KINDS))]
        return self._visit(({"customer": self.CUSTOMERS[customer]},), actions, chances)


class Segments(SmallWorld):
    """Fifty offers of which a segment of ten likes one in ten; everything is sparse."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._topics = [f"topic{number}" for number in range(10)]
        self._offers = tuple(
            Action(
                f"offer{number}",
                ({"topic": self._topics[number % 10], "tags": {f"t{number * 7 % 40}": 1}},),
            )
            for number in range(50)
        )
        self._likes = random.sample(range(10), 10)

    def visit(self) -> Visit:
        """Somebody of a random segment, with words about them that say nothing."""
        segment = self._random.randrange(10)
        noise = {f"w{self._random.randrange(100)}": True for _ in range(3)}
        chances = [
            0.6 if number % 10 == self._likes[segment] else 0.1
            for number in range(len(self._offers))
        ]
        return self._visit(
            ({"user": {"segment": f"s{segment}"}, "words": {**noise}},), self._offers, chances
        )


class Wide(SmallWorld):
    """Sixty context features, of which one decides between five actions."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._actions = tuple(Action(f"a{number}", ({"kind": number % 2},)) for number in range(5))

    def visit(self) -> Visit:
        """Sixty features at random."""
        features: Features = {f"f{number}": f"v{self._random.randrange(4)}" for number in range(60)}
        wanted = int(str(features["f17"])[1:])
        chances = [0.7 if number == wanted else 0.2 for number in range(5)]
        return self._visit((features,), self._actions, chances)


class Linear(SmallWorld):
    """What an action earns depends on the action alone; context is noise, and products hurt."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._actions = tuple(
            Action(f"a{number}", ({"colour": f"c{number % 3}", "size": f"z{number % 4}"},))
            for number in range(12)
        )
        self._chances = [random.uniform(0.1, 0.4) for _ in self._actions]
        self._chances[random.randrange(12)] = 0.6

    def visit(self) -> Visit:
        """Somebody of whom much is known that does not matter."""
        user: Features = {f"u{number}": self._random.randrange(1, 9) for number in range(8)}
        flags: Features = {f"g{self._random.randrange(50)}": True for _ in range(4)}
        return self._visit(({"user": user, "flags": flags},), self._actions, self._chances)


class Numeric(SmallWorld):
    """Numbers in context and actions: the nearer an action is to what is wanted, the better."""

    def visit(self) -> Visit:
        """Somebody with a budget and an age, and six products with a price and a weight."""
        budget, age = self._random.random(), self._random.random()
        products = [(self._random.random(), self._random.random()) for _ in range(6)]
        actions = tuple(
            Action(f"p{number}", ({"price": price, "heavy": heavy},))
            for number, (price, heavy) in enumerate(products)
        )
        chances = [
            max(0.02, 0.8 - 1.2 * abs(price - budget) - 0.4 * heavy * age)
            for price, heavy in products
        ]
        return self._visit(({"budget": budget, "age": age},), actions, chances)


class Mixed(SmallWorld):
    """Namespaces of context and actions with one first letter, and who likes what by two of them.

    The user's plan and the hour decide together which of three kinds of offers is taken.
    """

    PLANS = ("free", "team", "firm")
    HOURS = ("work", "home", "night")

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        kinds = [random.randrange(3) for _ in product(self.PLANS, self.HOURS)]
        self._likes = dict(zip(product(self.PLANS, self.HOURS), kinds, strict=True))
        self._offers = tuple(
            Action(f"o{number}", ({"offer": {"kind": f"k{number % 3}"}, "size": number % 2},))
            for number in range(6)
        )

    def visit(self) -> Visit:
        """A user with a plan, at an hour."""
        plan, hour = self._random.choice(self.PLANS), self._random.choice(self.HOURS)
        kind = self._likes[plan, hour]
        chances = [0.7 if number % 3 == kind else 0.15 for number in range(6)]
        return self._visit(
            ({"origin": {"plan": plan}, "time": {"hour": hour}},), self._offers, chances
        )


class Noise(SmallWorld):
    """Whatever is chosen, three in ten are pleased."""

    def visit(self) -> Visit:
        """Somebody, at some time."""
        actions = tuple(Action(f"a{number}", ({"kind": f"k{number % 3}"},)) for number in range(4))
        context: Features = {
            "who": self._random.choice("abcdefgh"),
            "when": self._random.choice("xyz"),
        }
        return self._visit((context,), actions, [0.3] * len(actions))
