"""Shows a simulation while it runs, and writes down each answered event as it comes."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TextIO

import orjson
from tqdm import tqdm

from cli.playing import Played

RECENT = 500


class Progress:
    """A progress bar with the reward rate of the last events, and a file of JSON lines if asked.

    A line is ``{"eventId", "action", "reward", "rewarded"}``, complete in the file before the
    next event is entered; ``rewarded`` says whether the service acknowledged the reward.
    """

    def __init__(self, events: int, record: Path | None) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._lost = 0
        self._record: TextIO | None = record.open("w", encoding="utf-8") if record else None
        self._bar: tqdm[NoReturn] = tqdm(total=events, unit=" events", dynamic_ncols=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._record:
            self._record.close()

    def enter(self, played: Played | None) -> None:
        """Take in one event; None is one that was not answered."""
        if played is None:
            self._lost += 1
        else:
            self._recent.append(played.reward)
            self._write(played)
        if self._recent:
            rate = sum(self._recent) / len(self._recent)
            lost = f", {self._lost} lost" if self._lost else ""
            self._bar.set_postfix_str(
                f"reward {rate:.3f} of the last {len(self._recent)}{lost}", refresh=False
            )
        self._bar.update()

    def _write(self, played: Played) -> None:
        if self._record is None:
            return
        line = {
            "eventId": played.event_id,
            "action": played.action,
            "reward": played.reward,
            "rewarded": played.rewarded,
        }
        self._record.write(orjson.dumps(line).decode() + "\n")
        self._record.flush()
