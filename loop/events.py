"""What an application tells a loop: decisions, outcomes, and how the event log keeps them.

Time is a whole number of microseconds since 1970 (UTC), taken once when a call arrives.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, NewType

import orjson

Micros = NewType("Micros", int)

SECOND = 1_000_000


class LearningMode(str, Enum):
    """How a loop serves and learns: its own choices, imitating the baseline, or only watching."""

    ONLINE = "Online"
    APPRENTICE = "Apprentice"
    LOGGING_ONLY = "LoggingOnly"


class LoopKind(str, Enum):
    """Whether a decision of a loop is one action, or one for each slot of a page."""

    SINGLE_SLOT = "single-slot"
    MULTI_SLOT = "multi-slot"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answered rank call of a single-slot loop.

    Attributes:
        event_id: 1 to 256 characters.
        time: When the call arrived.
        features: The ``c`` member of the retired service's log line, as JSON: the context and
            the eligible actions (``_multi``), in the order of the request.
        ranking: Indices into ``_multi``: the model's draw first, then the rest by its scores.
            In ``LearningMode.APPRENTICE`` and ``LOGGING_ONLY`` the application was given the
            baseline, index 0, instead.
        probabilities: The propensity of each action, in the order of ``ranking``; they sum to 1.
        model: The id of the model that scored, empty before a first one.
        mode: The learning mode that the call was answered in.
        deferred: Whether the event waits for an activation before it may be learned.
    """

    kind: ClassVar[LoopKind] = LoopKind.SINGLE_SLOT

    event_id: str
    time: Micros
    features: bytes
    ranking: tuple[int, ...]
    probabilities: tuple[float, ...]
    model: str = ""
    mode: LearningMode = LearningMode.ONLINE
    deferred: bool = False

    def encode(self) -> bytes:
        """The decision as one line of JSON and, after it, ``features`` untouched.

        >>> d = Decision("e1", Micros(5), b'{"_multi":[]}', (0,), (1.0,), "m1")
        >>> decode_decision(d.encode()) == d
        True
        """
        head = {
            "id": self.event_id,
            "t": self.time,
            "a": self.ranking,
            "p": self.probabilities,
            "m": self.model,
            "mode": self.mode.value,
            "deferred": self.deferred,
        }
        return orjson.dumps(head) + b"\n" + self.features


@dataclass(frozen=True, slots=True)
class SlotDecision:
    """What one slot of a page was given.

    Attributes:
        id: 1 to 256 characters, differing from those of the other slots.
        ranking: Indices into ``_multi`` of the actions that it could have, which none of the slots
            before it had taken: the model's draw first.
        probabilities: In the order of ``ranking``; they sum to 1, within single precision.
        baseline: Index of what the application would have shown by itself.
    """

    id: str
    ranking: tuple[int, ...]
    probabilities: tuple[float, ...]
    baseline: int


@dataclass(frozen=True, slots=True)
class MultiSlotDecision:
    """One answered rank call of a multi-slot loop.

    Attributes:
        event_id: As in ``Decision``, and so are ``time``, ``model``, ``mode`` and ``deferred``.
        features: The ``c`` member of the retired service's log line, as JSON: the context, all
            actions (``_multi``) and the slots (``_slots``), in the order of the request.
        slots: In the order of the request. In ``LearningMode.APPRENTICE`` and ``LOGGING_ONLY``
            the application was given each slot's baseline instead of its draw.
    """

    kind: ClassVar[LoopKind] = LoopKind.MULTI_SLOT

    event_id: str
    time: Micros
    features: bytes
    slots: tuple[SlotDecision, ...]
    model: str = ""
    mode: LearningMode = LearningMode.ONLINE
    deferred: bool = False

    def encode(self) -> bytes:
        """As ``Decision.encode``.

        >>> top = SlotDecision("top", (1, 0), (0.75, 0.25), baseline=0)
        >>> side = SlotDecision("side", (0,), (1.0,), baseline=1)
        >>> d = MultiSlotDecision("e1", Micros(5), b'{"_multi":[]}', (top, side), "m1")
        >>> decode_decision(d.encode()) == d
        True
        """
        head = {
            "id": self.event_id,
            "t": self.time,
            "s": [[s.id, s.ranking, s.probabilities, s.baseline] for s in self.slots],
            "m": self.model,
            "mode": self.mode.value,
            "deferred": self.deferred,
        }
        return orjson.dumps(head) + b"\n" + self.features


Ranked = Decision | MultiSlotDecision
"""One answered rank call, of either kind."""


def decode_decision(data: bytes) -> Ranked:
    """The inverse of ``encode`` of either kind."""
    line, _, features = data.partition(b"\n")
    head = orjson.loads(line)
    if "s" in head:
        return MultiSlotDecision(
            event_id=head["id"],
            time=Micros(head["t"]),
            features=features,
            slots=tuple(
                SlotDecision(slot, tuple(ranking), tuple(probabilities), baseline)
                for slot, ranking, probabilities, baseline in head["s"]
            ),
            model=head["m"],
            mode=LearningMode(head["mode"]),
            deferred=head["deferred"],
        )
    return Decision(
        event_id=head["id"],
        time=Micros(head["t"]),
        features=features,
        ranking=tuple(head["a"]),
        probabilities=tuple(head["p"]),
        model=head["m"],
        mode=LearningMode(head["mode"]),
        deferred=head["deferred"],
    )


BATCHED = "x"
"""What nonces of rewards begin with that came in a batch: sent again, a batch has the same ones."""


def _nonce() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Reward:
    """One reward call: a finite ``value`` for ``event_id`` that arrived at ``time``.

    Attributes:
        nonce: Tells two calls that say the same apart, and a call sent again from a second one.
            It holds no underscore.
    """

    event_id: str
    time: Micros
    value: float
    nonce: str = field(default_factory=_nonce, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SlotRewards:
    """One multi-slot reward call for ``event_id`` that arrived at ``time``.

    Attributes:
        values: Ids of slots with a finite reward each, as sent: an id may be there twice, and may
            be that of no slot.
        nonce: As in ``Reward``.
    """

    event_id: str
    time: Micros
    values: tuple[tuple[str, float], ...]
    nonce: str = field(default_factory=_nonce, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Activation:
    """One activate call: the deferred decision ``event_id`` was shown after all."""

    event_id: str
    time: Micros


@dataclass(frozen=True, slots=True)
class Dropped:
    """``count`` decisions that were answered but could not be logged, reported at ``time``.

    Attributes:
        nonce: As in ``Reward``.
    """

    time: Micros
    count: int
    nonce: str = field(default_factory=_nonce, compare=False, repr=False)


Report = Reward | SlotRewards | Activation
"""What an application tells of an event after its decision."""

Observation = Report | Dropped
