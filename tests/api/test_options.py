"""Settings: their defaults, and a clear word about each one that can't be used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.entra_options import DEFAULT_AUDIENCES, EntraOptions
from api.options import (
    CLIENT_KEY_SETTINGS,
    KEY_SETTINGS,
    Options,
    SettingError,
    read_options,
)

TENANT = "aaaaaaaa-0000-0000-0000-000000000001"
ONE, OTHER = "bbbbbbbb-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"


def test_without_any_setting_everything_has_its_default() -> None:
    assert read_options({}) == Options()
    assert read_options({"EVENT_LOG_SHARDS": "  ", "PERSONALIZER_KEY1": ""}) == Options()


def test_every_setting_is_read() -> None:
    options = read_options(
        {
            "PERSONALIZER_KEY1": "a",
            "PERSONALIZER_KEY2": "b",
            "PERSONALIZER_CLIENT_KEY1": "c",
            "PERSONALIZER_CLIENT_KEY2": "d",
            "ENTRA_TENANT_ID": TENANT.upper(),
            "ENTRA_PRINCIPALS": f"{ONE}, {OTHER}=shop,{ONE}=shop",
            "ENTRA_AUDIENCES": "api://mine, https://other.example/",
            "ENTRA_AUTHORITY": "https://login.microsoftonline.us/",
            "RATE_LIMIT": "50",
            "CLIENT_RATE_LIMIT": "0.5",
            "LOOPS_REFRESH_SECONDS": "5",
            "CORS_ORIGINS": "https://Example.com/, http://localhost:3000",
            "RANK_LOG_BUDGET_MS": "100",
            "RANK_REFRESH_BUDGET_MS": "0",
            "STRICT_LOGGING": "True",
            "MODEL_REFRESH_SECONDS": "0.5",
            "TRAINER_SCHEDULE": "0 * * * * *",
            "TRAINER_GRACE_SECONDS": "2",
            "TRAINER_TIME_LIMIT_SECONDS": "100",
            "EVALUATOR_SCHEDULE": "*/2 * * * * *",
            "EVALUATOR_TIME_LIMIT_SECONDS": "60",
            "EVALUATOR_PROCESSES": "3",
            "EVENT_LOG_SHARDS": "8",
            "MAX_REWARD_WAIT_TIME": "P7D",
            "MAX_BODY_BYTES": "2000000",
        }
    )
    assert options == Options(
        default_keys=("a", "b"),
        default_client_keys=("c", "d"),
        entra=EntraOptions(
            tenant=TENANT,
            principals=((ONE, "default"), (OTHER, "shop"), (ONE, "shop")),
            audiences=("api://mine", "https://other.example/"),
            authority="https://login.microsoftonline.us",
        ),
        rate_limit=50.0,
        client_rate_limit=0.5,
        loops_refresh=5.0,
        cors_origins=frozenset({"https://example.com", "http://localhost:3000"}),
        rank_log_budget=0.1,
        rank_refresh_budget=0.0,
        strict_logging=True,
        model_refresh=0.5,
        trainer_schedule="0 * * * * *",
        trainer_grace=2.0,
        trainer_time_limit=100.0,
        evaluator_schedule="*/2 * * * * *",
        evaluator_time_limit=60.0,
        evaluator_processes=3,
        event_log_shards=8,
        max_reward_wait=timedelta(days=7),
        max_body_bytes=2_000_000,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLIENT_RATE_LIMIT", "-1"),
        ("ENTRA_AUDIENCES", "api://mine,"),
        ("ENTRA_AUTHORITY", "http://login.microsoftonline.com"),
        ("ENTRA_AUTHORITY", "http://127.0.0.1.evil.example"),
        ("ENTRA_AUTHORITY", "https://login.microsoftonline.com/common"),
        ("ENTRA_AUTHORITY", "https://user@login.microsoftonline.com"),
        ("ENTRA_PRINCIPALS", "somebody"),
        ("ENTRA_PRINCIPALS", f"{ONE}=No-Loop"),
        ("ENTRA_PRINCIPALS", f"{ONE}="),
        ("ENTRA_PRINCIPALS", f"{ONE},"),
        ("ENTRA_TENANT_ID", "example.com"),
        ("ENTRA_TENANT_ID", "common"),
        ("LOOPS_REFRESH_SECONDS", "60"),
        ("RATE_LIMIT", "0"),
        ("RATE_LIMIT", "inf"),
        ("RATE_LIMIT", "nan"),
        ("RATE_LIMIT", "many"),
        ("CORS_ORIGINS", "shop.example"),
        ("CORS_ORIGINS", "https://*.example.com"),
        ("EVALUATOR_PROCESSES", "0"),
        ("EVALUATOR_SCHEDULE", "* * * * *"),
        ("RANK_LOG_BUDGET_MS", "fast"),
        ("RANK_LOG_BUDGET_MS", "0"),
        ("RANK_LOG_BUDGET_MS", "nan"),
        ("STRICT_LOGGING", "maybe"),
        ("MODEL_REFRESH_SECONDS", "-1"),
        ("TRAINER_SCHEDULE", "* * * * *"),
        ("EVENT_LOG_SHARDS", "1.5"),
        ("EVENT_LOG_SHARDS", "1000"),
        ("MAX_REWARD_WAIT_TIME", "2 days"),
        ("MAX_REWARD_WAIT_TIME", "PT1S"),
        ("MAX_BODY_BYTES", "0"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as error:
        read_options({name: value})
    assert value == "0" or value not in str(error.value)


def test_a_rank_must_not_be_logged_later_than_the_trainer_waits() -> None:
    with pytest.raises(SettingError, match=r"RANK_LOG_BUDGET_MS.*TRAINER_GRACE_SECONDS"):
        read_options({"RANK_LOG_BUDGET_MS": "2000", "TRAINER_GRACE_SECONDS": "1"})


@pytest.mark.parametrize(("grace", "rows", "rewards"), [("60", 45.0, 5.0), ("2", 1.5, 1.5)])
def test_rows_are_taken_well_before_the_trainer_looks_for_them(
    grace: str, rows: float, rewards: float
) -> None:
    options = read_options({"TRAINER_GRACE_SECONDS": grace})
    assert (options.logging_deadline, options.reward_time_limit) == (rows, rewards)


def test_settings_that_are_logged_show_no_key() -> None:
    assert "secret" not in repr(read_options({"PERSONALIZER_KEY1": "secret"}))


def test_entra_is_off_without_a_tenant_and_says_so_without_a_principal() -> None:
    assert read_options({"ENTRA_PRINCIPALS": ONE}).entra is None
    with pytest.raises(SettingError, match=r"ENTRA_PRINCIPALS.*ENTRA_TENANT_ID"):
        read_options({"ENTRA_TENANT_ID": TENANT})
    entra = read_options({"ENTRA_TENANT_ID": TENANT, "ENTRA_PRINCIPALS": ONE}).entra
    assert entra == EntraOptions(TENANT, ((ONE, "default"),))
    assert "https://cognitiveservices.azure.com" in DEFAULT_AUDIENCES


@pytest.mark.parametrize(
    ("authority", "v1", "v2"),
    [
        (
            "https://login.microsoftonline.com",
            "https://sts.windows.net",
            "https://login.microsoftonline.com",
        ),
        (
            "https://login.microsoftonline.us",
            "https://sts.windows.net",
            "https://login.microsoftonline.us",
        ),
        (
            "https://login.partner.microsoftonline.cn",
            "https://sts.chinacloudapi.cn",
            "https://login.partner.microsoftonline.cn",
        ),
        ("http://127.0.0.1:8080", "https://sts.windows.net", "http://127.0.0.1:8080"),
    ],
)
def test_each_cloud_has_its_issuers(authority: str, v1: str, v2: str) -> None:
    settings = {"ENTRA_TENANT_ID": TENANT, "ENTRA_PRINCIPALS": ONE, "ENTRA_AUTHORITY": authority}
    entra = read_options(settings).entra
    assert entra is not None
    assert entra.issuers == (f"{v1}/{TENANT}/", f"{v2}/{TENANT}/v2.0")
    assert all(url.startswith(f"{authority}/{TENANT}/discovery/") for url in entra.key_urls)


def test_a_client_key_needs_a_key_beside_it_and_differs_from_it() -> None:
    with pytest.raises(SettingError, match=r"PERSONALIZER_KEY1.*PERSONALIZER_CLIENT_KEY1"):
        read_options({"PERSONALIZER_CLIENT_KEY2": "secret"})
    with pytest.raises(SettingError, match="must differ") as error:
        read_options({"PERSONALIZER_KEY2": "secret", "PERSONALIZER_CLIENT_KEY1": "secret"})
    assert "secret" not in str(error.value)
    options = read_options({"PERSONALIZER_KEY2": "a", "PERSONALIZER_CLIENT_KEY1": "secret"})
    assert "secret" not in repr(options)


@pytest.mark.parametrize("name", [*KEY_SETTINGS, *CLIENT_KEY_SETTINGS])
def test_a_reference_that_the_platform_left_as_it_is_becomes_no_key(name: str) -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://mine.vault.azure.net/secrets/key/)"
    with pytest.raises(SettingError, match=rf"{name} is a Key Vault reference") as error:
        read_options({"PERSONALIZER_KEY1": "a", name: reference})
    assert "mine" not in str(error.value)
