"""How many calls a caller may make."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from api.callers import Caller
from loop.errors import TooManyRequests

_MANY = 1_024
"""So many callers are counted before those are forgotten who have all of their calls left."""


@dataclass(slots=True)
class _Bucket:
    """What a caller has left: ``calls`` at ``time``, and more since then."""

    calls: float
    time: float


class RateLimits:
    """Counts the calls of each caller of one process, and refuses those that are too many.

    A caller may make as many calls at once as in a second, one at least, and then goes on at its
    rate. A call that is refused costs nothing.

    Args:
        rate: Calls a second for each key and principal; None stands for any number.
        client_rate: The same for each client key.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        rate: float | None,
        client_rate: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._client_rate = client_rate
        self._clock = clock
        self._buckets: dict[bytes, _Bucket] = {}

    def spend(self, caller: Caller) -> None:
        """Count one call of somebody who has been let in.

        Raises:
            TooManyRequests: There is none left.
        """
        rate = self._client_rate if caller.limited else self._rate
        if rate is None:
            return
        most = max(1.0, rate)
        now = self._clock()
        bucket = self._buckets.get(caller.identity)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[caller.identity] = _Bucket(most, now)
        bucket.calls = min(most, bucket.calls + (now - bucket.time) * rate)
        bucket.time = now
        if bucket.calls < 1.0:
            wait = max(1, math.ceil((1.0 - bucket.calls) / rate))
            kind = "client key" if caller.limited else "key or principal"
            raise TooManyRequests(
                f"This {kind} may make {rate:g} calls a second here; try again in {wait} s.", wait
            )
        bucket.calls -= 1.0

    def _forget(self, now: float) -> None:
        # Rotated keys would pile up otherwise; who has been idle long enough has all calls again.
        if len(self._buckets) >= _MANY:
            slowest = min(r for r in (self._rate, self._client_rate) if r is not None)
            idle = now - max(1.0, 1.0 / slowest)
            self._buckets = {k: b for k, b in self._buckets.items() if b.time > idle}
