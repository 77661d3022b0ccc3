"""The seeded draw: VW's own generator and sampler, so that a retry repeats the choice."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import mmh3

_MULTIPLIER = 0xEECE66D5DEECE66D
_INCREMENT = 2147483647
_MASK = 0xFFFFFFFFFFFFFFFF
_MANTISSA = 0x7FFFFF


def seed(event_id: str) -> int:
    """MurmurHash3 (x86, 32 bits) of the event id.

    >>> seed("event_id")
    1209832024
    """
    return mmh3.hash(event_id, 0, signed=False)


def slot_seed(event_id: str, slot_id: str) -> str:
    """What stands for the event id where one slot of an event draws: 8 hex digits.

    The ids themselves may hold what VW's text can't. The hash is that of one id behind the other.

    >>> slot_seed("event", "_id")
    '481c9258'
    """
    return f"{seed(event_id + slot_id):08x}"


def uniform(seed: int) -> float:
    """The number in [0, 1) that VW's merand48 makes of ``seed``: a multiple of 2**-23.

    >>> round(uniform(1209832024), 6)
    0.333498
    """
    state = (_MULTIPLIER * seed + _INCREMENT) & _MASK
    return ((state >> 25) & _MANTISSA) / (_MANTISSA + 1)


def draw(event_id: str, probabilities: Sequence[float]) -> int:
    """The index that VW's sampler draws for an event.

    Sums run in single precision, as in VW's ``sample_after_normalizing`` (explore.h): the first
    index whose running sum exceeds ``total * uniform(seed)`` is drawn, otherwise the last.

    Args:
        event_id: The same id draws the same from the same probabilities.
        probabilities: In the order of the model's scores; at least one, none negative, not all 0.

    >>> draw("event_id", [0.3, 0.6, 0.1]), draw("a", [0.3, 0.6, 0.1])
    (1, 2)
    """
    singles = array("f", probabilities)
    running = array("f", [0.0, 0.0])  # storing into it rounds to single precision
    for probability in singles:
        running[0] += probability
    running[1] = running[0] * uniform(seed(event_id))
    threshold = running[1]
    running[0] = 0.0
    for index, probability in enumerate(singles):
        running[0] += probability
        if running[0] > threshold:
            return index
    return len(singles) - 1
