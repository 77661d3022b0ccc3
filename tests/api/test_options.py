"""Settings: their defaults, and a clear word about each one that can't be used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.options import Options, SettingError, read_options


def test_without_any_setting_everything_has_its_default() -> None:
    assert read_options({}) == Options()
    assert read_options({"EVENT_LOG_SHARDS": "  ", "PERSONALIZER_KEY1": ""}) == Options()


def test_every_setting_is_read() -> None:
    options = read_options(
        {
            "PERSONALIZER_KEY1": "a",
            "PERSONALIZER_KEY2": "b",
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
        ("LOOPS_REFRESH_SECONDS", "60"),
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
