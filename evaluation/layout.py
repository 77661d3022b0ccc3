"""What namespaces the events of a log hold, by the letters that VW knows them by.

Interactions are named by the first letters of namespaces, and VW takes namespaces that share one
for one. What a decision costs follows from how many features stand under each letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from zlib import crc32

from loop.errors import PersonalizerError
from loop.features import tree_of
from loop.joined_log import Event
from loop.vw_lines import vw_lines

MOST_DISTINCT = 4_096
"""How many different features of one letter in one kind of line are told apart."""

_UNNAMED = ord(" ")
"""What VW takes for the first letter of a namespace without a name."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What stands under one letter in lines of one kind: the context's, actions' or slots'.

    Attributes:
        share: Of the events, how many have such a feature: 0 to 1.
        mean: Features per line, over all lines of this kind.
        most: Features of the line that has most.
        distinct: Different features, as far as ``MOST_DISTINCT``; a number counts by its name.
    """

    share: float
    mean: float
    most: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Letter:
    """The namespaces that begin with one letter; at least one of the three is there.

    Attributes:
        byte: The letter as VW has it: the first byte of the names in UTF-8.
    """

    byte: int
    context: Presence | None = None
    action: Presence | None = None
    slot: Presence | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What the events of a sample have in common.

    Attributes:
        events: How many could be read.
        letters: In the order of their bytes.
        actions: How many a decision has, in the mean.
        most_actions: How many the decision has that has most.
        slots: How many a decision has, in the mean; 0 where decisions are of a single slot.
        most_slots: As ``most_actions``.
    """

    events: int
    letters: tuple[Letter, ...]
    actions: float
    most_actions: int
    slots: float
    most_slots: int


def survey(events: Iterable[Event]) -> Layout:
    """What namespaces the events hold, in one pass and in bounded memory.

    Events whose features VW could not be given are passed over.

    >>> from loop.events import Decision, Micros
    >>> from loop.joined import JoinedEvent
    >>> features = b'{"FromUrl":[{"name":"Bob","age":7}],"_multi":[{"i":{"id":"a"}},{"j":[{}]}]}'
    >>> decision = Decision("e1", Micros(5), features, (0, 1), (0.5, 0.5))
    >>> layout = survey([JoinedEvent(decision, (), reward=1.0)])
    >>> [(chr(letter.byte), letter.context, letter.action) for letter in layout.letters]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('F', Presence(share=1.0, mean=2.0, most=2, distinct=2), None),
     ('i', None, Presence(share=1.0, mean=0.5, most=1, distinct=1))]
    """
    contexts, actions, slots = _Place(), _Place(), _Place()
    read = most_actions = most_slots = 0
    for event in events:
        try:
            tree = tree_of(event.decision.features)
            context, *others = vw_lines(tree)
        except (PersonalizerError, ValueError):
            continue
        read += 1
        count = len(tree["_multi"])
        contexts.take([context.removeprefix("shared")])
        actions.take(others[:count])
        slots.take(others[count:])
        most_actions = max(most_actions, count)
        most_slots = max(most_slots, len(others) - count)
    letters = sorted({*contexts.counts, *actions.counts, *slots.counts})
    return Layout(
        events=read,
        letters=tuple(
            [
                Letter(
                    byte,
                    contexts.presence(byte, read),
                    actions.presence(byte, read),
                    slots.presence(byte, read),
                )
                for byte in letters
            ]
        ),
        actions=actions.lines / max(1, read),
        most_actions=most_actions,
        slots=slots.lines / max(1, read),
        most_slots=most_slots,
    )


@dataclass(slots=True)
class _Count:
    events: int = 0
    features: int = 0
    most: int = 0
    seen: set[int] = field(default_factory=set)


class _Place:
    """Counts what stands in lines of one kind."""

    def __init__(self) -> None:
        self.lines = 0
        self.counts: dict[int, _Count] = {}

    def take(self, lines: list[str]) -> None:
        """Count the lines of one event."""
        self.lines += len(lines)
        present = set()
        for line in lines:
            for byte, names in _by_letter(line).items():
                count = self.counts.setdefault(byte, _Count())
                count.features += len(names)
                count.most = max(count.most, len(names))
                if len(count.seen) < MOST_DISTINCT:
                    count.seen.update(map(_digest, names[: MOST_DISTINCT - len(count.seen)]))
                present.add(byte)
        for byte in present:
            self.counts[byte].events += 1

    def presence(self, byte: int, events: int) -> Presence | None:
        count = self.counts.get(byte)
        if count is None:
            return None
        return Presence(
            share=count.events / events,
            mean=count.features / self.lines,
            most=count.most,
            distinct=len(count.seen),
        )


def _by_letter(line: str) -> dict[int, list[str]]:
    """The features of a line by the letters of their namespaces, each with its namespace."""
    found: dict[int, list[str]] = {}
    for namespace in line.split("|")[1:]:
        name, *features = namespace.rstrip(" ").split(" ")
        if features:
            byte = name.encode()[0] if name else _UNNAMED
            found.setdefault(byte, []).extend([f"{name} {feature}" for feature in features])
    return found


def _digest(feature: str) -> int:
    return crc32(feature.partition(":")[0].encode())
