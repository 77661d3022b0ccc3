"""Metrics on their way to Application Insights, over HTTP to one of the tests' own."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)

from telemetry.export import LateExporter, azure_exporter, meter_provider
from telemetry.options import ExportOptions, ManagedIdentity, export_options
from tests.identity import _self_sign as self_sign
from tests.ingestion import KEY, Ingestion, Sum


def options_for(ingestion: Ingestion) -> ExportOptions:
    """How to send to an endpoint."""
    options = export_options({**ingestion.settings, "WEBSITE_SITE_NAME": "my-app"})
    assert options is not None
    return options


@contextmanager
def measuring(exporter: MetricExporter, interval: float = 0.05) -> Iterator[Meter]:
    """Instruments of this exporter's own, which are exported for the last time at the end."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000 * interval)
    provider = meter_provider(reader, "my-app")
    yield provider.get_meter("tests")
    provider.shutdown(timeout_millis=10_000)


def test_counts_and_distributions_arrive_with_their_loop() -> None:
    with Ingestion() as ingestion:
        options = options_for(ingestion)
        with measuring(LateExporter(lambda: azure_exporter(options))) as meter:
            # GIVEN counts, a gauge, and rewards of either sign
            joined = meter.create_counter("personalizer.joined")
            reward = meter.create_up_down_counter("personalizer.reward")
            age = meter.create_gauge("personalizer.model.age")
            for value in (-1.0, 0.25, 0.5):
                joined.add(1, {"loop": "shop"})
                reward.add(value, {"loop": "shop"})
            joined.add(4, {"loop": "news"})
            age.set(30.0, {"loop": "shop"})
            age.set(7.0, {"loop": "shop"})
            ingestion.wait_for(lambda: "personalizer.model.age" in ingestion.sums("shop"))
            # WHEN more comes after an export
            joined.add(2, {"loop": "shop"})
        # THEN what was told adds up
        assert ingestion.sums("shop") == {
            "personalizer.joined": Sum(5.0, 2),
            "personalizer.reward": Sum(-0.25, 3, least=-1.0, greatest=0.5),
            "personalizer.model.age": Sum(7.0, 1),
        }
        assert ingestion.sums("news") == {"personalizer.joined": Sum(4.0, 1)}
        # AND who has told it is known
        assert {envelope.key for envelope in ingestion.envelopes} == {KEY}
        assert {envelope.tags["ai.cloud.role"] for envelope in ingestion.envelopes} == {"my-app"}


def test_the_exporter_is_made_by_the_thread_that_exports() -> None:
    made: list[str] = []
    told: list[MetricExporter] = []

    class Quiet(LateExporter):
        def export(self, *_: object, **__: object) -> MetricExportResult:
            told.append(self)
            return MetricExportResult.SUCCESS

    def make() -> MetricExporter:
        made.append(threading.current_thread().name)
        return Quiet(make)

    # GIVEN a count before any exporter is there
    with measuring(LateExporter(make), interval=3600) as meter:
        meter.create_counter("personalizer.joined").add(1)
        assert not made
    # WHEN it is exported THEN it is not lost, and nobody else has waited for it
    assert made == ["OtelPeriodicExportingMetricReader"]
    assert len(told) == 1


def test_the_exporter_does_nothing_behind_anybody_s_back() -> None:
    with Ingestion() as ingestion:
        before = set(threading.enumerate())
        # GIVEN an exporter that has exported
        exporter = azure_exporter(options_for(ingestion))
        late = LateExporter(lambda: exporter)
        with measuring(late) as meter:
            meter.create_counter("personalizer.joined").add(1)
            ingestion.wait_for(lambda: bool(ingestion.envelopes))
            # THEN there is no thread of its own that would report on it or fetch settings
            new = {t.name for t in set(threading.enumerate()) - before}
        assert {name for name in new if "process_request" not in name} == {
            "OtelPeriodicExportingMetricReader"
        }
        # AND all that was sent are metrics of ours
        assert {path.strip("/") for _, path, _ in ingestion.requests} == {"v2.1/track"}
        assert {e.point.name for e in ingestion.envelopes} == {"personalizer.joined"}


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_an_export_that_is_refused_is_not_repeated(status: int) -> None:
    with Ingestion(answer=status) as ingestion:
        options = options_for(ingestion)
        with measuring(LateExporter(lambda: azure_exporter(options)), interval=3600) as meter:
            meter.create_counter("personalizer.joined").add(1)
        assert len(ingestion.requests) == 1


def test_an_endpoint_that_hangs_holds_up_nobody() -> None:
    held = threading.Event()
    with Ingestion(hanging=held) as ingestion:
        options = options_for(ingestion)
        reader = PeriodicExportingMetricReader(
            LateExporter(lambda: azure_exporter(options)), export_interval_millis=20
        )
        provider = meter_provider(reader, "my-app")
        joined = provider.get_meter("tests").create_counter("personalizer.joined")
        joined.add(1)
        ingestion.wait_for(lambda: bool(ingestion.requests))
        # WHEN an export waits for an answer THEN measuring goes on
        for _ in range(1000):
            joined.add(1)
        # AND so does who wants to end, once its patience is over
        provider.shutdown(timeout_millis=100)
        assert len(ingestion.requests) == 1
        held.set()


class _MonitorIdentity(BaseHTTPRequestHandler):
    """What App Service answers an app that asks for a token of its identity, for Azure Monitor."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        good = asked["resource"] == ["https://monitor.azure.com"] and asked["client_id"] == ["id-1"]
        body = json.dumps(
            {
                "access_token": "token-of-id-1",
                "expires_on": str(int(time.time()) + 3600),
                "resource": asked["resource"][0],
                "token_type": "Bearer",
            }
        ).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""


def test_an_identity_is_shown_where_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # GIVEN an endpoint over TLS, and a host that has a managed identity
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    self_sign(certificate, key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    identity = ThreadingHTTPServer(("127.0.0.1", 0), _MonitorIdentity)
    threading.Thread(target=identity.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{identity.server_port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-test")
    with Ingestion(tls=tls) as ingestion:
        options = replace(options_for(ingestion), identity=ManagedIdentity("id-1"))
        # WHEN metrics are exported
        with measuring(LateExporter(lambda: azure_exporter(options)), interval=3600) as meter:
            meter.create_counter("personalizer.joined").add(1)
        # THEN they bear its token
        ((_, _, headers),) = ingestion.requests
        assert headers["Authorization"] == "Bearer token-of-id-1"
        assert ingestion.sums(None) == {"personalizer.joined": Sum(1.0, 1)}
    identity.shutdown()
    identity.server_close()
