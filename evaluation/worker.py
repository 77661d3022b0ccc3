"""``python -m evaluation.worker folder``: judges some policies by one stretch of the log.

Each charge goes on from where it stopped and is judged by itself, event after event in the order of
the log: so neither the number of processes, nor where a stretch ends or a run breaks off, changes a
number.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evaluation.child import tell
from evaluation.judging import Judge, Logged, Series
from evaluation.tasks import (
    REPORT,
    TASK,
    Advance,
    Advances,
    Charge,
    Judging,
    State,
    model_file,
    read_state,
    state_file,
    write_state,
)
from loop.choices import is_judged
from loop.errors import PersonalizerError
from loop.features import tree_of
from loop.joined_log import Event, read_line
from loop.model import ModelError
from loop.vw_lines import vw_lines
from storage.joined_log import Cursor, LineReader, place_of

_TELL_SECONDS = 0.5
_READ = 256 * 1024


class _Judged(Protocol):
    """A charge while it is worked on."""

    def see(self, event: Event, lines: Sequence[str]) -> None: ...

    def save(self, folder: Path, key: str) -> None:
        """Write what it has come to; it is of no use afterwards."""


class _LoggedPolicies:
    def __init__(self, state: State | None) -> None:
        series = () if state is None else state.series
        self._logged = Logged(*map(Series.of, series))

    def see(self, event: Event, lines: Sequence[str]) -> None:
        self._logged.see(event)

    def save(self, folder: Path, key: str) -> None:
        logged = self._logged
        series = (logged.online.judged(), logged.baseline.judged(), logged.random.judged())
        write_state(state_file(folder, key), State(series=series))


class _Contender:
    def __init__(self, arguments: str, model: bytes | None, state: State | None) -> None:
        series = None if state is None else Series.of(state.series[0])
        self.judge = Judge(arguments, model, series, 0 if state is None else state.errors)

    def see(self, event: Event, lines: Sequence[str]) -> None:
        self.judge.see(event, lines)

    def save(self, folder: Path, key: str) -> None:
        state = State(series=(self.judge.series.judged(),), errors=self.judge.errors)
        write_state(state_file(folder, key), state)
        with self.judge as judge:
            model_file(folder, key).write_bytes(judge.save())


@dataclass(slots=True)
class _Charged:
    """A charge and where it is: so many lines behind the start of a file of the stretch."""

    charge: Charge
    judged: _Judged
    at: tuple[int, int]
    share: float


class _Worker:
    def __init__(self, folder: Path, task: Judging) -> None:
        self._folder = folder
        self._task = task
        self._files = task.stretch.files
        self._advances: dict[str, Advance] = {}
        self._charged: list[_Charged] = []
        for charge in task.charges:
            self._take(charge)

    def run(self) -> Advances:
        """Judge until the end of the stretch, or until time is up, and write what came of it."""
        ended = self._judge()
        # A model is held twice while it is saved: one after the other, and none longer than that.
        while self._charged:
            charged = self._charged.pop()
            charged.judged.save(self._folder, charged.charge.key)
            self._advances[charged.charge.key] = self._advance(charged, ended)
        return Advances(by_key=self._advances)

    def _judge(self) -> bool:
        """Whether all of the stretch is judged."""
        deadline = time.monotonic() + self._task.seconds
        told = 0.0
        # Those that are behind come first; they are joined by each that they catch up with.
        ahead = sorted(self._charged, key=lambda charged: charged.at, reverse=True)
        active: list[_Charged] = []
        for at, share, line in self._lines():
            while ahead and ahead[-1].at < at:
                active.append(ahead.pop())
            if not active:
                continue
            self._see(line, active)
            for charged in active:
                charged.at, charged.share = at, share
            now = time.monotonic()
            if now >= deadline:
                return False
            if now >= told + _TELL_SECONDS:
                told = now
                tell(sum(c.share for c in self._charged) / len(self._charged))
        return True

    def _see(self, line: bytes, active: Sequence[_Charged]) -> None:
        task = self._task
        try:
            event = read_line(line)
            if not (task.start <= event.decision.time < task.end and is_judged(event, task.kind)):
                return
            lines = vw_lines(tree_of(event.decision.features))
        except (PersonalizerError, ValueError):
            return  # what no model can be given, nobody is judged by
        for charged in active:
            charged.judged.see(event, lines)

    def _lines(self) -> Iterator[tuple[tuple[int, int], float, bytes]]:
        """Each line with the place behind it, and with the share of the log that is."""
        stretch = self._task.stretch
        position = stretch.before
        for index, file in enumerate(self._files):
            number = 0
            reader = LineReader()
            with file.path.open("rb") as stream:
                while data := stream.read(_READ):
                    position += len(data)
                    share = min(1.0, position / stretch.total)
                    for line in reader.lines(data):
                        number += 1
                        yield (index, number), share, line

    def _take(self, charge: Charge) -> None:
        try:
            judged = self._opened(charge)
        except ModelError as error:
            self._advances[charge.key] = Advance(
                after=charge.after,
                share=1.0,
                is_done=True,
                failure=f"VowpalWabbit refuses it: {error.reason}",
            )
        else:
            at = self._place(charge.after)
            self._charged.append(_Charged(charge, judged, at, charge.share))

    def _opened(self, charge: Charge) -> _Judged:
        state, model = state_file(self._folder, charge.key), model_file(self._folder, charge.key)
        held = read_state(state) if state.exists() else None
        if charge.arguments is None:
            return _LoggedPolicies(held)
        data = model.read_bytes() if model.exists() else None
        return _Contender(charge.arguments, data, held)

    def _place(self, after: Cursor | None) -> tuple[int, int]:
        if after is None:
            return 0, 0
        for index, file in enumerate(self._files):
            if file.name == after.blob:
                return index, after.lines
            if place_of(file.name) > place_of(after.blob):
                return index, 0
        return len(self._files), 0

    def _advance(self, charged: _Charged, ended: bool) -> Advance:
        following = self._task.stretch.following
        if ended and following is None:
            return Advance(after=None, share=1.0, is_done=True)
        index, lines = charged.at
        if index == len(self._files):
            after = charged.charge.after
        elif ended and following is not None:
            after = Cursor(following, 0)
        else:
            after = Cursor(self._files[index].name, lines)
        return Advance(after=after, share=charged.share, is_done=False)


def main() -> None:
    """Do the task that the folder holds."""
    folder = Path(sys.argv[1])
    task = Judging.model_validate_json((folder / TASK).read_bytes())
    advances = _Worker(folder, task).run()
    (folder / REPORT).write_text(advances.model_dump_json())


if __name__ == "__main__":
    main()
