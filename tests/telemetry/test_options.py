"""Where metrics go, by the platform's own settings."""

from __future__ import annotations

import pytest

from telemetry.options import ManagedIdentity, TelemetrySettingsError, export_options

KEY = "InstrumentationKey=00000000-1111-2222-3333-44444444abcd"
ENDPOINT = "IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/"
CONNECTION = f"{KEY};{ENDPOINT};LiveEndpoint=https://live/;ApplicationId=a"


def settings(connection: str = CONNECTION, **others: str) -> dict[str, str]:
    """Settings with a connection string."""
    return {"APPLICATIONINSIGHTS_CONNECTION_STRING": connection, **others}


@pytest.mark.parametrize("connection", ["", "  "])
def test_without_a_connection_string_nothing_is_sent(connection: str) -> None:
    assert export_options({}) is None
    assert export_options(settings(connection)) is None


def test_metrics_are_sent_under_the_name_of_the_app_every_minute() -> None:
    options = export_options(settings(WEBSITE_SITE_NAME="my-app"))
    assert options is not None
    assert (options.connection, options.service, options.interval) == (CONNECTION, "my-app", 60.0)
    assert options.identity is None


@pytest.mark.parametrize(
    ("text", "client_id"),
    [
        ("Authorization=AAD", None),
        ("Authorization=AAD;ClientId=abc-1", "abc-1"),
        ("clientid=abc-1 ; authorization=aad", "abc-1"),
        ("Authorization=AAD;ClientId=", None),
    ],
)
def test_they_are_sent_as_a_managed_identity(text: str, client_id: str | None) -> None:
    options = export_options(settings(APPLICATIONINSIGHTS_AUTHENTICATION_STRING=text))
    assert options is not None
    assert options.identity == ManagedIdentity(client_id)


@pytest.mark.parametrize(
    "text", ["AAD", "Authorization=Key", "ClientId=abc-1", "Authorization=AAD;Secret=s3cret", ";"]
)
def test_other_ways_to_say_who_sends_are_refused(text: str) -> None:
    with pytest.raises(TelemetrySettingsError, match="AUTHENTICATION_STRING must be") as refused:
        export_options(settings(APPLICATIONINSIGHTS_AUTHENTICATION_STRING=text))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "connection",
    [
        "s3cret",
        KEY,  # nobody is to guess where it goes
        ENDPOINT,
        f"InstrumentationKey=s3cret;{ENDPOINT}",
        f"{KEY};IngestionEndpoint=ftp://s3cret/",
        f"{KEY};IngestionEndpoint=https://",
        f"{KEY};IngestionEndpoint=https://[s3cret",
        f"{CONNECTION};",
    ],
)
def test_a_connection_string_that_leads_nowhere_is_refused(connection: str) -> None:
    with pytest.raises(TelemetrySettingsError, match="CONNECTION_STRING must be") as refused:
        export_options(settings(connection))
    assert "s3cret" not in str(refused.value)


def test_the_interval_is_opentelemetry_s_own_setting() -> None:
    options = export_options(settings(OTEL_METRIC_EXPORT_INTERVAL="1500"))
    assert options is not None
    assert options.interval == 1.5


@pytest.mark.parametrize("interval", ["soon", "0", "-1", "inf", "nan", "3600001"])
def test_an_interval_that_is_none_is_refused(interval: str) -> None:
    with pytest.raises(TelemetrySettingsError, match="EXPORT_INTERVAL must be"):
        export_options(settings(OTEL_METRIC_EXPORT_INTERVAL=interval))


def test_the_connection_string_is_not_shown() -> None:
    assert "00000000" not in repr(export_options(settings()))
