"""Which namespaces a model multiplies with each other: VW's rules, from the arguments it runs with.

VW knows a namespace by its first byte. Its rules, read from what it does: a single wildcard
stands for every namespace at its place; two stand for every pair, each once, and what is named
besides them comes after; of interactions that hold the same namespaces only the first in
alphabetical order stays; one that holds a namespace twice is sorted, others keep their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise

Namespaces = tuple[int, ...]
"""First bytes of the namespaces of an interaction, in VW's order."""

_WILDCARD = ord(":")
_CROSSING = ("--quadratic", "--cubic", "--interactions")
_ESCAPED = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_PRINTABLE = range(0x20, 0x7F)
"""What a wildcard stands for; a namespace that begins otherwise has to be named."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """How a model makes terms out of features.

    Attributes:
        interactions: As the arguments have them, with wildcards.
        unweighed: Namespaces whose features count in interactions only.
        permuted: Whether a feature also meets those that stand before it in its own namespace.
        repeated: Whether the same interaction may count several times.
    """

    interactions: tuple[Namespaces, ...]
    unweighed: frozenset[int]
    permuted: bool
    repeated: bool

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Crossing:
        """From the arguments that VW says it runs with: long names, values after a space."""
        interactions: list[Namespaces] = []
        unweighed: set[int] = set()
        for name, value in pairwise(arguments):
            if name in _CROSSING:
                interactions.append(_bytes(value))
            elif name == "--ignore_linear":
                unweighed.update(_bytes(value))
        return cls(
            tuple(interactions),
            frozenset(unweighed),
            "--permutations" in arguments,
            "--leave_duplicate_interactions" in arguments,
        )

    def among(self, present: Iterable[int]) -> list[Namespaces]:
        """The interactions of an example that has the namespaces ``present``.

        >>> crossing = Crossing.read("--quadratic F: --quadratic jF".split())
        >>> [bytes(met).decode() for met in crossing.among(b"Fij")]
        ['FF', 'Fi', 'Fj']
        """
        present = sorted(present)
        found = [met for each in self.interactions for met in self._filled(each, present)]
        found = [met for met in found if set(met) <= set(present)]
        seen: set[Namespaces] = set()
        kept = []
        for met in sorted(found, key=lambda met: (len(met), met)):
            in_order = tuple(sorted(met))
            if self.repeated or in_order not in seen:
                seen.add(in_order)
                kept.append(met if len(set(met)) == len(met) else in_order)
        return kept

    def _filled(self, interaction: Namespaces, present: Sequence[int]) -> Iterator[Namespaces]:
        wild = interaction.count(_WILDCARD)
        open_to_all = [namespace for namespace in present if namespace in _PRINTABLE]
        if wild == 0:
            yield interaction
        elif wild == 1:
            place = interaction.index(_WILDCARD)
            for namespace in open_to_all:
                yield (*interaction[:place], namespace, *interaction[place + 1 :])
        else:
            named = tuple(namespace for namespace in interaction if namespace != _WILDCARD)
            for met in combinations_with_replacement(open_to_all, wild):
                yield (*met, *named)
                if self.repeated and met[0] != met[-1]:
                    yield (*met[::-1], *named)


def _bytes(value: str) -> Namespaces:
    return tuple(_ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), value.encode()))
