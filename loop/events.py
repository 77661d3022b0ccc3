"""What an application tells a loop: decisions, outcomes, and how the event log keeps them.

Time is a whole number of microseconds since 1970 (UTC), taken once when a call arrives.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

import orjson

Micros = NewType("Micros", int)

SECOND = 1_000_000


class LearningMode(str, Enum):
    """How a loop serves and learns: its own choices, imitating the baseline, or only watching."""

    ONLINE = "Online"
    APPRENTICE = "Apprentice"
    LOGGING_ONLY = "LoggingOnly"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answered rank call.

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
        >>> Decision.decode(d.encode()) == d
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

    @classmethod
    def decode(cls, data: bytes) -> Decision:
        """The inverse of ``encode``."""
        line, _, features = data.partition(b"\n")
        head = orjson.loads(line)
        return cls(
            event_id=head["id"],
            time=Micros(head["t"]),
            features=features,
            ranking=tuple(head["a"]),
            probabilities=tuple(head["p"]),
            model=head["m"],
            mode=LearningMode(head["mode"]),
            deferred=head["deferred"],
        )


def _nonce() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Reward:
    """One reward call: a finite ``value`` for ``event_id`` that arrived at ``time``.

    Attributes:
        nonce: Tells two calls that say the same apart, and a call sent again from a second one.
    """

    event_id: str
    time: Micros
    value: float
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


Observation = Reward | Activation | Dropped
