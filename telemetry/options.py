"""Where metrics are sent, and as whom: settings under the names that the platform gave them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
AUTHENTICATION = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"
INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"

_MINUTE = 60.0
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class TelemetrySettingsError(Exception):
    """Raised when the settings name no place to send metrics to; the text says which to mend."""


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """Who the sender is: the identity of ``client_id``, or the host's own."""

    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Everything that sending metrics needs.

    Attributes:
        connection: The connection string of an Application Insights resource, which names the one
            endpoint that anything is sent to.
        identity: None where the resource takes whatever bears its instrumentation key.
        service: What the metrics are told apart by from those of other services.
        interval: Seconds between two exports.
    """

    connection: str = field(repr=False)
    identity: ManagedIdentity | None = None
    service: str = "open-personalizer"
    interval: float = _MINUTE


def export_options(environment: Mapping[str, str]) -> ExportOptions | None:
    """Reads the settings; None where there is no connection string, and nothing is sent.

    Raises:
        TelemetrySettingsError: One of them can't be used.

    >>> export_options({}) is None
    True
    >>> key = "InstrumentationKey=00000000-0000-0000-0000-000000000000"
    >>> endpoint = "IngestionEndpoint=https://westeurope-1.in.applicationinsights.azure.com/"
    >>> aad = {"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Authorization=AAD;ClientId=id-1"}
    >>> export_options({"APPLICATIONINSIGHTS_CONNECTION_STRING": f"{key};{endpoint}", **aad})
    ExportOptions(identity=ManagedIdentity(client_id='id-1'), service='open-personalizer', \
interval=60.0)
    """
    connection = environment.get(CONNECTION, "").strip()
    if not connection:
        return None
    _check_connection(connection)
    return ExportOptions(
        connection,
        _identity(environment.get(AUTHENTICATION, "").strip()),
        # On the platform it is the name that its own records bear.
        environment.get("WEBSITE_SITE_NAME") or "open-personalizer",
        _interval(environment.get(INTERVAL, "").strip()),
    )


def _check_connection(text: str) -> None:
    try:
        parts = _parts(text)
        endpoint = urlsplit(parts["ingestionendpoint"])
        known = _GUID.fullmatch(parts["instrumentationkey"].lower())
    except (KeyError, ValueError):
        known = None
    if not known or endpoint.scheme not in ("http", "https") or not endpoint.hostname:
        # The text itself stays out of the message: it lets whoever has it send to the resource.
        raise TelemetrySettingsError(
            f"{CONNECTION} must be a connection string of Application Insights, with"
            " InstrumentationKey and IngestionEndpoint and no ';' at its end."
        )


def _identity(text: str) -> ManagedIdentity | None:
    if not text:
        return None
    try:
        parts = _parts(text)
    except ValueError:
        parts = {}
    if parts.get("authorization", "").lower() != "aad" or parts.keys() - {
        "authorization",
        "clientid",
    }:
        raise TelemetrySettingsError(
            f"{AUTHENTICATION} must be 'Authorization=AAD', for the host's own identity, or"
            " 'Authorization=AAD;ClientId=…', for a user-assigned one."
        )
    return ManagedIdentity(parts.get("clientid") or None)


def _interval(text: str) -> float:
    if not text:
        return _MINUTE
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = 0.0
    if not 10 <= milliseconds <= 3_600_000:
        raise TelemetrySettingsError(
            f"{INTERVAL} must be a number of milliseconds from 10 to 3600000."
        )
    return milliseconds / 1000


def _parts(text: str) -> dict[str, str]:
    """Read as strictly as the exporter does, which would refuse it much later."""
    pairs = [part.split("=") for part in text.split(";")]
    return {name.strip().lower(): value.strip() for name, value in pairs}
