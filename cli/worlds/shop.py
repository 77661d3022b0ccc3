"""A shop's start page: three places, where what is wanted depends on who looks and on where."""

from __future__ import annotations

from random import Random

from cli.world import Action, PageVisit, Slot, World

# category, price, on sale
PRODUCTS = """
    polo      clothing     low   yes
    racket    sports       mid   no
    monitor   electronics  mid   yes
    console   electronics  high  no
    tent      sports       high  yes
    sneakers  clothing     mid   no
"""

# size, position, what stands there by default
SLOTS = """
    hero     large  left   polo
    sidebar  small  right  console
    footer   wide   below  tent
"""

# Who wants what where: the same product sells in one place and is passed over in another.
WANTED = """
    visitor            hero      sidebar   footer
    student   phone    console   sneakers  polo
    student   desktop  monitor   console   racket
    parent    phone    tent      polo      sneakers
    parent    desktop  racket    tent      monitor
    traveller phone    sneakers  racket    tent
    traveller desktop  polo      monitor   console
"""

# Chance that what is shown is bought: the wanted product, one of its category, any other.
RIGHT, NEAR, PASSING = 0.80, 0.20, 0.05


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.split("\n") if line.strip()]


class Shop(World):
    """Six kinds of visitors, six products, three places; each wants another product in each."""

    about = "a shop's page with 3 slots: what is wanted depends on the visitor and on the place"
    policy = "--ccb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -l 0.05 -q Fi --interactions FFi"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        products = _rows(PRODUCTS)
        self._categories = {name: category for name, category, _, _ in products}
        self._actions = tuple(
            Action(name, ({"category": category, "price": price, "onSale": sale},))
            for name, category, price, sale in products
        )
        self._slots = tuple(
            Slot(name, ({"size": size, "position": position},), baseline)
            for name, size, position, baseline in _rows(SLOTS)
        )
        self._visitors = _rows(WANTED)[1:]

    def visit(self) -> PageVisit:
        """A visitor of a random kind; whether they buy is left to chance."""
        visitor, device, *wanted = self._random.choice(self._visitors)
        expected = tuple(
            tuple(self._chance(action.id, wish) for action in self._actions) for wish in wanted
        )
        return PageVisit(
            context=({"visitor": visitor, "device": device},),
            actions=self._actions,
            slots=self._slots,
            rewards=tuple(
                tuple(float(self._random.random() < chance) for chance in slot) for slot in expected
            ),
            expected=expected,
        )

    def _chance(self, product: str, wish: str) -> float:
        if product == wish:
            return RIGHT
        return NEAR if self._categories[product] == self._categories[wish] else PASSING
