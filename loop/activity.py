"""What a loop has done, and how well, by time: small enough to be kept whole and answered at once.

Time is cut into spans of four widths. The narrow ones are kept for an hour, the widest for more
than a year, and each event is in a span of every width that still reaches back to it. So whoever
asks about a stretch of time gets a few hundred spans, without a look at the log.

Decisions and what came of them count at the time of the decision, everything else that was sent
at the time when its fate was known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import cast

import orjson
import zstandard

from loop.choices import judged_choices
from loop.estimates import Sums
from loop.events import SECOND, Activation, LearningMode, Micros, Reward
from loop.features import tree_of
from loop.joined import JoinedEvent
from loop.joined_log import Event
from loop.joining import Unjoined
from loop.manifest import Counts
from loop.metrics import Sums as Observed
from loop.metrics import observed

MOST_ACTIONS = 20
"""How many actions a span tells apart; the ones that were drawn least count together."""

MOST_LOOKS = 200
"""Of how many events the actions are counted in each of the narrowest spans: it takes a look at
their features."""

SHORTEST_DELAY = -4
LONGEST_DELAY = 36
"""Bounds of the bins of delays: 0.25 s, and three days."""

_SUMS = attrgetter(*(member.name for member in fields(Sums)))
_NOTHING = Counts()
_MOST_FRESH = 400
_MOST_FRESH_ACTIONS = 10 * MOST_ACTIONS


@dataclass(frozen=True, slots=True)
class Level:
    """A width of spans, in microseconds, and how many of them are kept."""

    width: int
    spans: int

    @property
    def reach(self) -> int:
        """How far back it goes, in microseconds."""
        return self.width * self.spans


LEVELS = (
    Level(10 * SECOND, 360),
    Level(120 * SECOND, 360),
    Level(3600 * SECOND, 336),
    Level(86_400 * SECOND, 500),
)


@dataclass(slots=True)
class ActionCounts:
    """How often an action was drawn, among how many offers, and with what chance.

    Attributes:
        propensities: The sum of its propensities over the offers.
    """

    chosen: int = 0
    offered: int = 0
    propensities: float = 0.0

    def include(self, other: ActionCounts) -> None:
        """Take in what was counted elsewhere."""
        self.chosen += other.chosen
        self.offered += other.offered
        self.propensities += other.propensities


_OBSERVED = attrgetter(*(member.name for member in fields(Observed)))
_ACTION = attrgetter("chosen", "offered", "propensities")


@dataclass(slots=True)
class Span:
    """A stretch of time of one width.

    Attributes:
        counts: What has become of what was sent; one count of the manifest's each.
        online: What was earned.
        baseline: What the baseline would have earned, and ``random`` even choices.
        imitation: What was observed of an apprentice's events.
        drawn: Choices that a model has made by itself, among more than one action.
        explored: How many of them were not the one that the model thought best.
        delays: How many rewards came so long after their decision, by ``delay_bin``: inside the
            wait, or late for a decision that was still remembered.
        looks: Of how many choices ``actions`` and ``others`` are.
        actions: By the action's id.
        others: Those beyond ``MOST_ACTIONS``, together.
    """

    counts: Counts = field(default_factory=Counts)
    online: Sums = field(default_factory=Sums)
    baseline: Sums = field(default_factory=Sums)
    random: Sums = field(default_factory=Sums)
    imitation: Observed = field(default_factory=Observed)
    drawn: int = 0
    explored: int = 0
    delays: dict[int, int] = field(default_factory=dict)
    looks: int = 0
    actions: dict[str, ActionCounts] = field(default_factory=dict)
    others: ActionCounts = field(default_factory=ActionCounts)

    def include(self, other: Span) -> None:
        """Take in what was counted elsewhere."""
        self.counts = self.counts.plus(other.counts)
        self.online.include(other.online)
        self.baseline.include(other.baseline)
        self.random.include(other.random)
        self.imitation.add(other.imitation)
        self.drawn += other.drawn
        self.explored += other.explored
        for delay, count in other.delays.items():
            self.delays[delay] = self.delays.get(delay, 0) + count
        self.looks += other.looks
        for action, counts in other.actions.items():
            self.actions.setdefault(action, ActionCounts()).include(counts)
        self.others.include(other.others)
        self.narrow()

    def narrow(self) -> None:
        """Count those actions together that were drawn least, as far as they are too many."""
        if len(self.actions) <= MOST_ACTIONS:
            return
        ranked = sorted(
            self.actions.items(), key=lambda item: (-item[1].chosen, -item[1].offered, item[0])
        )
        self.actions = dict(ranked[:MOST_ACTIONS])
        for _, counts in ranked[MOST_ACTIONS:]:
            self.others.include(counts)


def delay_bin(seconds: float) -> int:
    """The bin of a delay: k holds those from 2^(k/2) to below 2^((k+1)/2) seconds.

    >>> delay_bin(1.0), delay_bin(2.0), delay_bin(-3.0), delay_bin(1e9)
    (0, 2, -4, 36)
    """
    if seconds <= 0:
        return SHORTEST_DELAY
    return max(SHORTEST_DELAY, min(LONGEST_DELAY, math.floor(2 * math.log2(seconds))))


class Activity:
    """The spans of all widths.

    Attributes:
        levels: By the width's place in ``LEVELS``, the spans by their number since 1970; without
            those that nothing has happened in.
        changed: Whether anything was taken in since it was made or decoded.

    >>> activity = Activity()
    >>> activity.count(Micros(5 * SECOND), Counts(decisions=3))
    >>> activity.count(Micros(15 * SECOND), Counts(decisions=2))
    >>> kept = Activity.decode(activity.encode())
    >>> [[span.counts.decisions for span in level.values()] for level in kept.levels]
    [[3, 2], [5], [5], [5]]
    """

    def __init__(self) -> None:
        self.levels: tuple[dict[int, Span], ...] = tuple({} for _ in LEVELS)
        self.changed = False
        self._fresh: dict[int, Span] = {}

    def add(self, event: Event) -> None:
        """Take in a joined event."""
        found = judged_choices(event, event.decision.kind)
        if not found:
            return
        decision = event.decision
        span = self._span(decision.time)
        if decision.mode is LearningMode.APPRENTICE:
            span.imitation.add(observed(event))
        by_model = bool(decision.model) and decision.mode is LearningMode.ONLINE
        for choice in found:
            span.online.add(1.0, choice.reward)
            span.baseline.add(choice.baseline, choice.reward)
            if choice.random is not None:
                span.random.add(choice.random, choice.reward)
        for probabilities in _draws(event):
            if by_model and len(probabilities) > 1:
                span.drawn += 1
                span.explored += probabilities[0] < max(probabilities)
        for time in _rewarded(event):
            _delay(span, time - decision.time)
        if span.looks < MOST_LOOKS:
            _look(event, span)

    def add_late(self, unjoined: Unjoined) -> None:
        """Take in an observation that no event was learned with."""
        observation = unjoined.observation
        if unjoined.late and not isinstance(observation, Activation):
            _delay(self._span(observation.time), unjoined.late)

    def count(self, time: Micros, counts: Counts) -> None:
        """Take in what has become of what was sent, known at ``time``."""
        if counts == _NOTHING:
            return
        span = self._span(time)
        span.counts = span.counts.plus(counts)

    def include(self, other: Activity) -> None:
        """Take in what was counted elsewhere."""
        self._settle()
        other._settle()
        for level, spans, more in zip(LEVELS, self.levels, other.levels, strict=True):
            for number, span in more.items():
                spans.setdefault(number, Span()).include(span)
            _trim(level, spans)
        self.changed = self.changed or other.changed

    def forget(self, time: int) -> None:
        """Drop the spans that end by ``time``."""
        self._settle()
        for level, spans in zip(LEVELS, self.levels, strict=True):
            for number in [n for n in spans if (n + 1) * level.width <= time]:
                del spans[number]

    def encode(self) -> bytes:
        """The spans of all levels, compressed."""
        self._settle()
        rows = [[[number, *_row(span)] for number, span in s.items()] for s in self.levels]
        return zstandard.compress(orjson.dumps(rows))

    @classmethod
    def decode(cls, data: bytes) -> Activity:
        """The inverse of ``encode``."""
        activity = cls()
        for spans, rows in zip(
            activity.levels, orjson.loads(zstandard.decompress(data)), strict=True
        ):
            for number, *row in rows:
                spans[number] = _span(row)
        return activity

    def _span(self, time: int) -> Span:
        self.changed = True
        number = time // LEVELS[0].width
        span = self._fresh.get(number)
        if span is None:
            if len(self._fresh) >= _MOST_FRESH:
                self._settle()
            span = self._fresh.setdefault(number, Span())
        return span

    def _settle(self) -> None:
        """Bring what is new into every level, and drop what a level does not reach back to."""
        for level, spans in zip(LEVELS, self.levels, strict=True):
            for number, span in self._fresh.items():
                spans.setdefault(number * LEVELS[0].width // level.width, Span()).include(span)
            _trim(level, spans)
        self._fresh = {}


def recently_imitated(activity: Activity, events: int) -> Observed:
    """What was observed of the last events of an apprentice.

    Args:
        events: How many are enough; of whole spans, so that they may be some more.
    """
    found = Observed()
    for spans in activity.levels:
        found = Observed()
        for number in sorted(spans, reverse=True):
            if found.events >= events:
                return found
            found.add(spans[number].imitation)
    return found


def _trim(level: Level, spans: dict[int, Span]) -> None:
    """Drop what a level does not reach back to from its newest span."""
    oldest = max(spans, default=0) - level.spans
    for number in [n for n in spans if n <= oldest]:
        del spans[number]


def _delay(span: Span, micros: int) -> None:
    delay = delay_bin(micros / SECOND)
    span.delays[delay] = span.delays.get(delay, 0) + 1


def _draws(event: Event) -> Iterator[tuple[float, ...]]:
    """The propensities of each draw, that of what was drawn first."""
    if isinstance(event, JoinedEvent):
        yield event.decision.probabilities
    else:
        yield from (slot.probabilities for slot in event.decision.slots)


def _rewarded(event: Event) -> Iterator[Micros]:
    """When each of its rewards came."""
    if isinstance(event, JoinedEvent):
        yield from (o.time for o in event.observations if isinstance(o, Reward))
    else:
        yield from (reward.time for outcome in event.outcomes for reward in outcome.rewards)


def _look(event: Event, span: Span) -> None:
    """Count the actions of an event, as far as its features name them."""
    try:
        multi = tree_of(event.decision.features)["_multi"]
    except ValueError:
        return
    ids = dict(enumerate(str(action.get("_tag", number)) for number, action in enumerate(multi)))
    ranked: Iterable[tuple[tuple[int, ...], tuple[float, ...]]]
    if isinstance(event, JoinedEvent):
        ranked = [(event.decision.ranking, event.decision.probabilities)]
    else:
        ranked = [(slot.ranking, slot.probabilities) for slot in event.decision.slots]
    for ranking, probabilities in ranked:
        span.looks += 1
        for place, (action, propensity) in enumerate(zip(ranking, probabilities, strict=True)):
            name = ids.get(action, str(action))
            counts = span.actions.setdefault(name, ActionCounts())
            counts.chosen += place == 0
            counts.offered += 1
            counts.propensities += propensity
    if len(span.actions) > _MOST_FRESH_ACTIONS:
        span.narrow()


_Row = list[object]


def _row(span: Span) -> _Row:
    return [
        list(span.counts),
        *(_SUMS(sums) for sums in (span.online, span.baseline, span.random)),
        _OBSERVED(span.imitation),
        [span.drawn, span.explored, span.looks],
        list(span.delays.items()),
        [(action, *_ACTION(counts)) for action, counts in span.actions.items()],
        _ACTION(span.others),
    ]


def _span(row: _Row) -> Span:
    counts, online, baseline, random, imitation, draws, delays, actions, others = row
    drawn, explored, looks = cast("tuple[int, int, int]", draws)
    return Span(
        counts=Counts(*cast("list[int]", counts)),
        online=Sums(*cast("tuple[int, int, float]", online)),
        baseline=Sums(*cast("tuple[int, int, float]", baseline)),
        random=Sums(*cast("tuple[int, int, float]", random)),
        imitation=Observed(*cast("tuple[int, float, int, float]", imitation)),
        drawn=drawn,
        explored=explored,
        delays=dict(cast("list[tuple[int, int]]", delays)),
        looks=looks,
        actions={
            action: ActionCounts(chosen, offered, propensities)
            for action, chosen, offered, propensities in cast(
                "list[tuple[str, int, int, float]]", actions
            )
        },
        others=ActionCounts(*cast("tuple[int, int, float]", others)),
    )
