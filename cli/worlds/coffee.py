"""The tutorial's coffee shop: which drink does this customer want in this weather, at this time?"""

from __future__ import annotations

from random import Random

from cli.world import Action, Visit, World

# The spelling of the ids is the tutorial's.
DRINKS = {
    "p": "Cappucino",
    "b": "Cold brew",
    "m": "Iced mocha",
    "l": "Latte",
}

# Drinks by their letters, in the order of TIMES.
LIKES = """
    name    Sunny  Rainy  Snowy
    Alice   bmb    lpl    ppp
    Bob     pmb    lll    mmm
    Cathy   lbp    plm    bmp
    Dave    mmm    lll    ppp
"""

TIMES = ("Morning", "Afternoon", "Evening")

# type, origin, organic, roast
MENU = """
    p  hot   kenya     yes  dark
    b  cold  brazil    yes  light
    m  cold  ethiopia  no   light
    l  hot   brazil    no   dark
"""


def _menu() -> tuple[Action, ...]:
    rows = (line.split() for line in MENU.split("\n") if line.strip())
    return tuple(
        Action(
            DRINKS[letter],
            ({"type": type_, "origin": origin, "organic": organic, "roast": roast},),
        )
        for letter, type_, origin, organic, roast in rows
    )


def _likes() -> dict[tuple[str, str, str], str]:
    head, *rows = (line.split() for line in LIKES.split("\n") if line.strip())
    return {
        (name, weather, time): DRINKS[letter]
        for name, *cells in rows
        for weather, letters in zip(head[1:], cells, strict=True)
        for time, letter in zip(TIMES, letters, strict=True)
    }


class Coffee(World):
    """Four customers, three weathers, three times of day, all equally likely; one liked drink."""

    about = "the tutorial's coffee shop: 4 customers, 3 weathers, 3 times of day, 4 drinks"
    policy = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -q Fi -q Fj --interactions FFi"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._menu = _menu()
        self._likes = list(_likes().items())

    def visit(self) -> Visit:
        """A customer who likes exactly one of the four drinks now."""
        (name, weather, time), liked = self._random.choice(self._likes)
        rewards = tuple(float(action.id == liked) for action in self._menu)
        return Visit(
            context=({"timeofday": time, "weather": weather, "name": name},),
            actions=self._menu,
            rewards=rewards,
            expected=rewards,
        )
