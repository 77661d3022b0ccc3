"""What the files of the joined log are called: one or more for each hour of decisions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from loop.events import SECOND, Micros

HOUR: int = 3600 * SECOND
"""The stretch of time, in microseconds, that a file is for."""

_NAME = re.compile(r"[a-z]+/(\d{4}/\d\d/\d\d/\d\d)-(\d{3,})\.[a-z.]+")
_FOLDERS = "%Y/%m/%d/%H"


@dataclass(frozen=True, slots=True)
class Series:
    """A kind of file: its folder and the end of its names."""

    folder: str
    suffix: str

    def prefix(self, time: Micros) -> str:
        """What the names of the files of the hour of ``time`` begin with.

        >>> JOINED_LOG.prefix(Micros(1_612_456_289_246_000))
        'log/2021/02/04/16-'
        """
        hour = datetime.fromtimestamp(time // SECOND, timezone.utc)
        return f"{self.folder}/{hour.strftime(_FOLDERS)}-"

    def name(self, time: Micros, sequence: int) -> str:
        """The name of one file of the hour of ``time``.

        >>> JOINED_LOG.name(Micros(1_612_456_289_246_000), 7)
        'log/2021/02/04/16-007.dsjson.zst'
        """
        return f"{self.prefix(time)}{sequence:03d}{self.suffix}"


JOINED_LOG = Series("log", ".dsjson.zst")
"""Events, as ``loop.joined`` writes them, in order of time."""

LATE_LOG = Series("late", ".jsonl.zst")
"""Rewards and activations that no event was learned with."""


def hour_of(name: str) -> Micros | None:
    """When the hour of a file begins; None where the name is of another kind.

    >>> hour_of("log/1970/01/01/02-000.dsjson.zst") == 2 * HOUR
    True
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    hour = datetime.strptime(found[1], _FOLDERS).replace(tzinfo=timezone.utc)
    return Micros(int(hour.timestamp()) * SECOND)


def sequence_of(name: str) -> int:
    """Which file of its hour it is.

    Raises:
        ValueError: The name is of another kind.

    >>> sequence_of("log/1970/01/01/02-007.dsjson.zst")
    7
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no file of a log")
    return int(found[2])
