"""What a policy may multiply, and what that costs.

Interactions of VW multiply namespaces, by the first letters of their names, in the line of each
action, which holds the context as well. A recipe names them by their roles:

    C   what is known of the context, and of slots
    i   the ids of actions
    D   what else is known of actions; a letter of both context and actions is one of these, and
        what multiplies it by itself multiplies the two
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations_with_replacement, product
from math import comb, prod

from evaluation.layout import Layout, Letter, Presence

MOST_TERMS = 100_000
"""Features and products of features that a policy may give one decision, over all its actions.

VW takes 5 to 10 ns for each, so that this is a millisecond at most.
"""

_MOST_OF_CONTEXT, _MOST_OF_ACTIONS = 30, 8
"""How many letters of a role are multiplied: those that most events have."""

_IDS = ord("i")
_WILDCARD = ord(":")


@dataclass(frozen=True, slots=True)
class Product:
    """Namespaces that are multiplied; as text, as arguments name it.

    Attributes:
        terms: How many products of features a decision has of them, at most.
        weights: How many different ones there may be.
    """

    letters: tuple[Letter, ...]
    terms: int
    weights: int

    def __str__(self) -> str:
        return "".join([_written(letter) for letter in self.letters])


def affordable(layout: Layout, recipe: Sequence[str], room: int) -> list[Product]:
    """The products of a recipe such as ``("Ci", "CCi")``; of too many, the cheapest ones.

    With all features of a decision, they are no more than ``MOST_TERMS`` at the largest widths of
    the layout.

    Args:
        room: How many characters their texts may take, with a space before each.
    """
    terms = _readings(layout) * sum(map(_width, layout.letters))
    kept = []
    for each in sorted(_products(layout, recipe), key=lambda each: each.terms):
        terms += each.terms
        room -= len(str(each)) + 1
        if terms > MOST_TERMS or room < 0:
            break
        kept.append(each)
    return sorted(kept, key=lambda each: [letter.byte for letter in each.letters])


def _products(layout: Layout, recipe: Sequence[str]) -> Iterator[Product]:
    roles = _roles(layout)
    readings = _readings(layout)
    for roles_of_one in recipe:
        groups = [
            combinations_with_replacement(roles[role], roles_of_one.count(role))
            for role in dict.fromkeys(roles_of_one)
        ]
        for picked in product(*groups):
            letters = tuple(chain.from_iterable(picked))
            yield Product(
                letters,
                terms=readings * _choices(letters, _width),
                weights=_choices(letters, _distinct),
            )


def _readings(layout: Layout) -> int:
    """How often VW goes through a line of an action for one decision.

    For each slot it multiplies everything again with the slot's id, and with what has no namespace.
    """
    return layout.most_actions * (3 * layout.most_slots if layout.most_slots else 1)


def _choices(letters: Sequence[Letter], size: Callable[[Letter], int]) -> int:
    """How many products of one feature of each letter there are, their order left aside."""
    times = Counter(letter.byte for letter in letters)
    sizes = {letter.byte: size(letter) for letter in letters}
    return prod(comb(sizes[byte] + n - 1, n) for byte, n in times.items())


def _roles(layout: Layout) -> Mapping[str, Sequence[Letter]]:
    letters = [letter for letter in layout.letters if letter.byte != _WILDCARD]
    actions = [letter for letter in letters if letter.action is not None]
    details = [letter for letter in actions if letter.byte != _IDS]
    return {
        "C": _commonest(_MOST_OF_CONTEXT, [each for each in letters if each.action is None]),
        "i": _commonest(1, [each for each in actions if each.byte == _IDS] or details),
        "D": _commonest(_MOST_OF_ACTIONS, details or actions),
    }


def _commonest(most: int, letters: Sequence[Letter]) -> Sequence[Letter]:
    return sorted(letters, key=lambda each: -max(p.share for p in _presences(each)))[:most]


def _width(letter: Letter) -> int:
    return sum(presence.most for presence in _presences(letter))


def _distinct(letter: Letter) -> int:
    return sum(presence.distinct for presence in _presences(letter))


def _presences(letter: Letter) -> list[Presence]:
    return [p for p in (letter.context, letter.action, letter.slot) if p is not None]


def _written(letter: Letter) -> str:
    character = chr(letter.byte)
    is_plain = character.isascii() and character.isalnum()
    return character if is_plain else f"\\x{letter.byte:02x}"
