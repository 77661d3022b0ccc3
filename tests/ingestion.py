"""An Application Insights of the tests' own: it takes metrics over loopback, and keeps them."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from pydantic import BaseModel, Field, TypeAdapter

from telemetry.options import CONNECTION, INTERVAL

KEY = "00000000-1111-2222-3333-444444444444"
_PATIENCE_SECONDS = 60.0


class _Point(BaseModel):
    name: str
    value: float
    count: int = 1
    min: float | None = None
    max: float | None = None


class _BaseData(BaseModel):
    metrics: list[_Point]
    properties: dict[str, str] = Field(default_factory=dict)


class _Data(BaseModel):
    base_type: str = Field(alias="baseType")
    base_data: _BaseData = Field(alias="baseData")


class Envelope(BaseModel):
    """One measurement on its way, as far as anybody reads it."""

    key: str = Field(alias="iKey")
    tags: dict[str, str] = Field(default_factory=dict)
    data: _Data

    @property
    def point(self) -> _Point:
        """Its only value."""
        (point,) = self.data.base_data.metrics
        return point

    @property
    def loop(self) -> str | None:
        """The loop that it is about."""
        return self.data.base_data.properties.get("loop")


_ENVELOPES = TypeAdapter(list[Envelope])


@dataclass(frozen=True, slots=True)
class Sum:
    """What all exports of a metric come to together, for one loop."""

    value: float
    count: int
    least: float | None = None
    greatest: float | None = None


class Ingestion:
    """The endpoint, from entering the block to leaving it.

    Args:
        answer: The status that it answers with.
        hanging: It takes requests, and answers them once this is set.
        tls: What it proves itself with, where it is to be called by https.

    Attributes:
        requests: Method, path and headers of each request so far.
        envelopes: What they have brought.
    """

    def __init__(
        self,
        answer: int = 200,
        hanging: threading.Event | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.envelopes: list[Envelope] = []
        ingestion = self

        class Handler(BaseHTTPRequestHandler):
            """Takes whatever is sent."""

            def do_POST(self) -> None:
                """Keep it."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ingestion.requests.append((self.command, self.path, dict(self.headers)))
                ingestion.envelopes += _ENVELOPES.validate_json(body)
                if hanging is not None:
                    hanging.wait(_PATIENCE_SECONDS)
                said = {"itemsReceived": 1, "itemsAccepted": 1, "errors": []}
                answered = json.dumps(said).encode()
                self.send_response(answer)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answered)))
                self.end_headers()
                self.wfile.write(answered)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return self._server.server_port

    @property
    def settings(self) -> dict[str, str]:
        """What a service needs to send its metrics here, several times a second."""
        here = f"{self._scheme}://127.0.0.1:{self.port}/"
        connection = f"InstrumentationKey={KEY};IngestionEndpoint={here};LiveEndpoint={here}"
        return {CONNECTION: connection, INTERVAL: "200"}

    def sums(self, loop: str | None) -> dict[str, Sum]:
        """What has come of each metric so far, for a loop, by its name."""
        sums: dict[str, Sum] = {}
        for envelope in list(self.envelopes):
            if envelope.loop != loop:
                continue
            point = envelope.point
            before = sums.get(point.name, Sum(0.0, 0))
            least = [value for value in (before.least, point.min) if value is not None]
            greatest = [value for value in (before.greatest, point.max) if value is not None]
            sums[point.name] = Sum(
                before.value + point.value,
                before.count + point.count,
                min(least, default=None),
                max(greatest, default=None),
            )
        return sums

    def wait_for(self, told: Callable[[], bool]) -> None:
        """Return once enough has come.

        Raises:
            TimeoutError: It has not in a minute.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while not told():
            if time.monotonic() > end:
                raise TimeoutError(f"it has got {sorted({e.point.name for e in self.envelopes})}")
            time.sleep(0.05)

    def __enter__(self) -> Ingestion:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
