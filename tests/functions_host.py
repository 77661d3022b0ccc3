"""What the Functions host does for an app: it starts a worker, and calls functions in it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from pydantic import Base64Bytes, BaseModel

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0
"""How long the worker may take in all; far more than it needs on a busy machine."""

_TICK = '{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}'


class _Http(BaseModel):
    status: int
    headers: dict[str, str]
    body: Base64Bytes


class _Log(BaseModel):
    category: str
    text: str


class _Said(BaseModel):
    functions: dict[str, list[str]] = {}
    log: _Log | None = None
    failure: str = ""
    id: str = ""
    http: _Http | None = None


class WorkerFailed(Exception):
    """Raised when the worker refuses the app, a function fails, or the worker ends."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as the host sends it to the function that its router has found.

    Attributes:
        params: The parameters of the route, decoded but for ``%2F``.
        headers: Names in lower case.
    """

    function: str
    method: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Tick:
    """A timer that is due."""

    function: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered; for a timer there is nothing but that it went well."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FunctionsHost:
    """A worker with the app's functions, from entering the block to leaving it.

    Attributes:
        functions: Each function's bindings as the worker reports them, in JSON, by name.
        log: Category and text of the lines that the worker has passed on so far.

    Raises:
        WorkerFailed: On entering, when the worker refuses the app.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._calls = 0
        self.functions: dict[str, list[str]] = {}
        self.log: list[tuple[str, str]] = []

    def __enter__(self) -> FunctionsHost:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.functions_worker"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **self._settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        # A worker that hangs ends, and so does the reading of what it says.
        self._end = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        self._end.start()
        try:
            self.functions = self._next().functions
        except WorkerFailed:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._end.cancel()
        self._process.kill()
        self._process.communicate()

    def call(self, *calls: Request | Tick) -> Sequence[Answer]:
        """Make all calls at once, and return their answers in the same order.

        Raises:
            WorkerFailed: An error has escaped from a function, which its caller sees as an empty
                500.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        ids = [str(self._calls + number) for number in range(len(calls))]
        self._calls += len(calls)
        for call_id, call in zip(ids, calls, strict=True):
            self._process.stdin.write(_line(call_id, call))
        self._process.stdin.flush()
        answers: dict[str, Answer] = {}
        while len(answers) < len(calls):
            said = self._next()
            http = said.http
            answers[said.id] = Answer(http.status, http.headers, http.body) if http else Answer()
        return [answers[call_id] for call_id in ids]

    def _next(self) -> _Said:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = _Said.model_validate_json(line)
            if said.log is not None:
                self.log.append((said.log.category, said.log.text))
            elif said.failure:
                raise WorkerFailed(said.failure)
            else:
                return said
        raise WorkerFailed("the worker has ended")


def _line(call_id: str, call: Request | Tick) -> str:
    named = {"id": call_id, "function": call.function}
    if isinstance(call, Tick):
        return json.dumps({**named, "timer": _TICK}) + "\n"
    http = {
        "method": call.method,
        "url": "http://localhost:7071/",
        "params": dict(call.params),
        "query": dict(call.query),
        "headers": dict(call.headers),
        "body": base64.b64encode(call.body).decode(),
    }
    return json.dumps({**named, "http": http}) + "\n"
