"""Sends metrics to Application Insights, from a thread of its own that no request waits for.

Nothing else is sent, and nowhere else: what the exporter would tell its makers of itself is off.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable

from opentelemetry import metrics
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    UpDownCounter,
)
from opentelemetry.sdk.metrics import _Gauge as Gauge
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from telemetry.options import ExportOptions, ManagedIdentity

TEMPORALITY: dict[type, AggregationTemporality] = dict.fromkeys(
    (Counter, UpDownCounter, Histogram, Gauge), AggregationTemporality.DELTA
)
"""Each export tells what came since the last one, so that those of all processes add up. A gauge
that nobody has set meanwhile is left out: a process that trains no more knows no model's age."""

_ONE_BUCKET = ExplicitBucketHistogramAggregation(boundaries=())
_VIEWS = tuple(
    # What is kept of a distribution is its count, sum, least and greatest value.
    View(instrument_name=name, aggregation=_ONE_BUCKET)
    for name in ("personalizer.insert.lag", "personalizer.learn.time", "personalizer.reward")
)

_SWITCHES = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",  # its usage, and the instance's metadata
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",  # what it has sent and dropped, as further metrics
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",  # settings that its makers would change remotely
)
_TIMEOUT_SECONDS = 10.0
_LAST_EXPORT_SECONDS = 5.0


def export_metrics(options: ExportOptions) -> None:
    """Send what is measured in this process from now on, until it ends."""
    exporter = LateExporter(lambda: azure_exporter(options))
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000 * options.interval)
    provider = meter_provider(reader, options.service)
    metrics.set_meter_provider(provider)
    atexit.register(provider.shutdown, timeout_millis=1000 * _LAST_EXPORT_SECONDS)


def meter_provider(reader: MetricReader, service: str) -> MeterProvider:
    """What instruments measure into, as far as ``reader`` wants to know it.

    Args:
        reader: It asks for ``TEMPORALITY``.
    """
    resource = Resource.create({"service.name": service})
    return MeterProvider([reader], resource, shutdown_on_exit=False, views=_VIEWS)


class LateExporter(MetricExporter):
    """An exporter that is imported and made by the thread that exports, when it first does.

    Measurements begin at once; the process is up before.
    """

    def __init__(self, make: Callable[[], MetricExporter]) -> None:
        super().__init__(preferred_temporality=TEMPORALITY)
        self._make = make
        self._made: MetricExporter | None = None

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        if self._made is None:
            self._made = self._make()
        return self._made.export(metrics_data, timeout_millis)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        if self._made is not None:
            self._made.shutdown(timeout_millis)


def azure_exporter(options: ExportOptions) -> MetricExporter:
    """Azure Monitor's exporter, which sends to the endpoint of the connection string alone.

    An export that fails is not repeated, and what it held is lost: the next one is due soon, and
    the counts that matter for good are in each loop's manifest.
    """
    os.environ.update(dict.fromkeys(_SWITCHES, "true"))
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter

    return AzureMonitorMetricExporter(
        connection_string=options.connection,
        credential=_credential(options.identity),
        disable_offline_storage=True,
        retry_total=0,
        timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
    )


def _credential(identity: ManagedIdentity | None) -> object:
    if identity is None:
        return None
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=identity.client_id, retry_total=2)
