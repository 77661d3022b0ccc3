"""Counting the features of many requests in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from diagnosis.leaves import Leaf
from diagnosis.profile import FeatureProfile, NamespaceProfile, Place
from loop.features import JsonValue

MOST_FEATURES = 500
MOST_VALUES = 500
_MOST_NAMESPACES = 200

_GUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*"  # a date with a time
    r"|1\d{9}(?:\d{3})?(?:\.\d+)?",  # seconds or milliseconds since 1970
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class Distinct:
    """How many different things there are, up to a number of them.

    Attributes:
        looked: How many were looked at until ``most`` different ones were known.
    """

    most: int
    looked: int = 0
    _hashes: set[int] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether it looks no further."""
        return len(self._hashes) >= self.most

    @property
    def count(self) -> int:
        """How many different ones are known."""
        return len(self._hashes)

    def look(self, thing: str | float | tuple[Leaf, ...] | None) -> None:
        """Look at one more, unless it is full."""
        if not self.full:
            self.looked += 1
            self._hashes.add(hash(thing))


@dataclass(slots=True)
class _FeatureSketch:
    events: int = 0
    last_event: int = -1
    values: Distinct = field(default_factory=lambda: Distinct(MOST_VALUES))
    owners: Distinct = field(default_factory=lambda: Distinct(MOST_VALUES + 1))
    texts: int = 0
    numbers: int = 0
    wholes: int = 0
    flags: int = 0
    nulls: int = 0
    vectors: int = 0
    guids: int = 0
    times: int = 0
    greatest: float = 0.0

    def add(self, event: int, value: JsonValue, owner: str) -> None:
        self.events += event != self.last_event
        self.last_event = event
        if self.values.full:
            return
        self.owners.look(owner)
        if isinstance(value, str):
            self.texts += 1
            self.guids += _GUID.fullmatch(value) is not None
            self.times += _TIME.fullmatch(value) is not None
            self.values.look(value)
        elif isinstance(value, bool):
            self.flags += 1
            self.values.look(str(value))
        elif isinstance(value, (int, float)):
            self.numbers += 1
            self.wholes += value == int(value)
            self.greatest = max(self.greatest, abs(value))
            self.values.look(value)
        elif value is None:
            self.nulls += 1
            self.values.look(None)
        else:
            self.vectors += 1
            self.values.look(str(value))


class FeatureSketches:
    """What is known of each feature: of the first ``MOST_FEATURES`` names that come.

    Attributes:
        left_out: How often a feature came for which there was no room.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._features: dict[tuple[Place, str, str], _FeatureSketch] = {}
        self._namespaces: dict[tuple[Place, str], tuple[int, int]] = {}

    def add(self, event: int, place: Place, found: Iterable[Leaf], owner: str = "") -> None:
        """Take in the features of a context, of an action or of a slot.

        Args:
            event: The number of the event, by which its parts are known to belong together.
            owner: The id of the action or slot.
        """
        for namespace, name, value in found:
            key = (place, namespace, name)
            sketch = self._features.get(key)
            if sketch is None:
                if len(self._features) >= MOST_FEATURES:
                    self.left_out += 1
                    continue
                sketch = self._features[key] = _FeatureSketch()
            sketch.add(event, value, owner)
            self.see(event, place, namespace)

    def see(self, event: int, place: Place, namespace: str) -> None:
        """Count a namespace, once for each event."""
        last, events = self._namespaces.get((place, namespace), (-1, 0))
        if event != last and (events or len(self._namespaces) < _MOST_NAMESPACES):
            self._namespaces[place, namespace] = (event, events + 1)

    def features(self) -> tuple[FeatureProfile, ...]:
        """Each feature, the most frequent first."""
        found = [
            FeatureProfile(
                place=place,
                namespace=namespace,
                name=name,
                events=sketch.events,
                looked=sketch.values.looked,
                values=sketch.values.count,
                owners=sketch.owners.count,
                texts=sketch.texts,
                numbers=sketch.numbers,
                wholes=sketch.wholes,
                flags=sketch.flags,
                nulls=sketch.nulls,
                vectors=sketch.vectors,
                guids=sketch.guids,
                times=sketch.times,
                greatest=sketch.greatest,
            )
            for (place, namespace, name), sketch in self._features.items()
        ]
        return tuple(sorted(found, key=lambda feature: -feature.events))

    def namespaces(self) -> tuple[NamespaceProfile, ...]:
        """Each namespace, in the order in which they came."""
        return tuple(
            NamespaceProfile(place=place, name=name, events=events)
            for (place, name), (_, events) in self._namespaces.items()
        )
