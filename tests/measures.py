"""What instruments have measured, as an exporter would be given it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry import metrics
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    NumberDataPoint,
)

from telemetry.export import TEMPORALITY, meter_provider


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is kept of many values."""

    count: int
    total: float
    least: float
    greatest: float


class Measures:
    """Everything that is measured in this process; there can be one of it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader(preferred_temporality=TEMPORALITY)
        metrics.set_meter_provider(meter_provider(self._reader, "tests"))

    def taken(self, loop: str | None = None) -> Mapping[str, float | Distribution]:
        """What has been measured of a loop since the last call, by the name of the metric.

        Args:
            loop: None for what is about no loop.
        """
        found: dict[str, float | Distribution] = {}
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        if (point.attributes or {}).get("loop") != loop:
                            continue
                        if isinstance(point, HistogramDataPoint):
                            found[metric.name] = Distribution(
                                point.count, point.sum, point.min, point.max
                            )
                        elif isinstance(point, NumberDataPoint):
                            found[metric.name] = point.value
        return found
