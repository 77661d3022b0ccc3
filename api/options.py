"""What a deployment's settings say: the environment, read and checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from loop.configuration import LONGEST_WAIT
from loop.iso import parse_duration

T = TypeVar("T")

DEFAULT_LOOP = "default"

_LOOP_NAME = re.compile(r"[a-z][a-z0-9]{2,23}")


class SettingError(Exception):
    """Raised when a setting can't be used; the text names it and says what it takes."""


@dataclass(frozen=True, slots=True)
class LoopKeys:
    """A loop's name and the keys that open it, at most two, so that one can be rotated."""

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """Every setting of the service but those of its storage; durations in seconds.

    Attributes:
        loops: PERSONALIZER_LOOPS, and each one's keys.
        cors_origins: CORS_ORIGINS: the web pages' origins that may call; ``*`` is any.
        rank_log_budget: RANK_LOG_BUDGET_MS: how long a rank waits for its decision to be logged.
        rank_refresh_budget: RANK_REFRESH_BUDGET_MS: how long the first rank of a new or long idle
            process waits for the loop's configuration and model.
        strict_logging: STRICT_LOGGING: a rank that can't be logged in its budget answers 503.
        model_refresh: MODEL_REFRESH_SECONDS: how often a busy process looks for a new model.
        trainer_schedule: TRAINER_SCHEDULE: six-field cron in UTC.
        trainer_grace: TRAINER_GRACE_SECONDS: how late a row may become visible and still count.
        trainer_time_limit: TRAINER_TIME_LIMIT_SECONDS: when a run stops and leaves the rest to
            the next one; below ``functionTimeout`` of host.json.
        event_log_shards: EVENT_LOG_SHARDS: may grow, must never shrink.
        max_reward_wait: MAX_REWARD_WAIT_TIME: the longest rewardWaitTime that a loop may have.
        max_body_bytes: MAX_BODY_BYTES: the largest body that a request may have.
    """

    loops: tuple[LoopKeys, ...] = (LoopKeys(DEFAULT_LOOP, ()),)
    cors_origins: frozenset[str] = frozenset()
    rank_log_budget: float = 0.25
    rank_refresh_budget: float = 1.0
    strict_logging: bool = False
    model_refresh: float = 3.0
    trainer_schedule: str = "*/15 * * * * *"
    trainer_grace: float = 60.0
    trainer_time_limit: float = 240.0
    event_log_shards: int = 4
    max_reward_wait: timedelta = LONGEST_WAIT
    max_body_bytes: int = 1_048_576

    @property
    def logging_deadline(self) -> float:
        """Seconds from a call's arrival by which storage must have taken its row.

        The trainer looks for it after the grace; the last quarter is for clocks that differ.
        """
        return 0.75 * self.trainer_grace

    @property
    def reward_time_limit(self) -> float:
        """Seconds that a reward or an activation waits for storage."""
        return min(5.0, self.logging_deadline)


def read_options(environment: Mapping[str, str]) -> Options:
    """Read every setting; one that is unset or empty has its default.

    Raises:
        SettingError: A setting can't be used.

    >>> read_options({"RANK_LOG_BUDGET_MS": "100"}).rank_log_budget
    0.1
    >>> read_options({"EVENT_LOG_SHARDS": "none"})
    Traceback (most recent call last):
    ...
    api.options.SettingError: EVENT_LOG_SHARDS must be a whole number from 1 to 99.
    """

    def setting(name: str, parse: Callable[[str], T], default: T, takes: str) -> T:
        text = environment.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            # The text itself stays out of the message: it may be a secret put in the wrong place.
            raise SettingError(f"{name} must be {takes}.") from error

    def number(name: str, default: float, low: float, high: float, scale: float = 1.0) -> float:
        takes = f"a number from {low:g} to {high:g}"
        return setting(name, lambda text: _within(float(text), low, high) * scale, default, takes)

    def whole(name: str, default: int, low: int, high: int) -> int:
        takes = f"a whole number from {low} to {high}"
        return setting(name, lambda text: int(_within(int(text), low, high)), default, takes)

    standard = Options()
    options = Options(
        loops=_loops(environment),
        cors_origins=setting(
            "CORS_ORIGINS", _origins, frozenset(), "'*' or origins such as https://example.com"
        ),
        rank_log_budget=number("RANK_LOG_BUDGET_MS", standard.rank_log_budget, 1, 10_000, 1e-3),
        rank_refresh_budget=number(
            "RANK_REFRESH_BUDGET_MS", standard.rank_refresh_budget, 0, 10_000, 1e-3
        ),
        strict_logging=setting("STRICT_LOGGING", _flag, standard.strict_logging, "true or false"),
        model_refresh=number("MODEL_REFRESH_SECONDS", standard.model_refresh, 0.05, 3600),
        trainer_schedule=setting(
            "TRAINER_SCHEDULE", _schedule, standard.trainer_schedule, "cron with six fields"
        ),
        trainer_grace=number("TRAINER_GRACE_SECONDS", standard.trainer_grace, 0.1, 3600),
        trainer_time_limit=number(
            "TRAINER_TIME_LIMIT_SECONDS", standard.trainer_time_limit, 1, 36_000
        ),
        event_log_shards=whole("EVENT_LOG_SHARDS", standard.event_log_shards, 1, 99),
        max_reward_wait=setting(
            "MAX_REWARD_WAIT_TIME",
            _duration,
            standard.max_reward_wait,
            "an ISO 8601 duration such as P2D, of at least 5 s",
        ),
        max_body_bytes=whole("MAX_BODY_BYTES", standard.max_body_bytes, 1_024, 100_000_000),
    )
    if options.rank_log_budget > options.logging_deadline:
        raise SettingError(
            "RANK_LOG_BUDGET_MS must be no longer than three quarters of TRAINER_GRACE_SECONDS."
        )
    return options


def key_settings(loop: str) -> tuple[str, str]:
    """The names of the two settings that hold a loop's keys.

    >>> key_settings("default")
    ('PERSONALIZER_KEY1', 'PERSONALIZER_KEY2')
    >>> key_settings("shop")
    ('PERSONALIZER_SHOP_KEY1', 'PERSONALIZER_SHOP_KEY2')
    """
    prefix = "PERSONALIZER" if loop == DEFAULT_LOOP else f"PERSONALIZER_{loop.upper()}"
    return f"{prefix}_KEY1", f"{prefix}_KEY2"


def _loops(environment: Mapping[str, str]) -> tuple[LoopKeys, ...]:
    text = environment.get("PERSONALIZER_LOOPS", "").strip() or DEFAULT_LOOP
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(names)) != len(names) or not all(_LOOP_NAME.fullmatch(name) for name in names):
        raise SettingError(
            "PERSONALIZER_LOOPS must be different names with commas between, each of 3 to 24 "
            "small letters and digits, a letter first."
        )
    owners: dict[str, str] = {}
    loops = []
    for name in names:
        settings = key_settings(name)
        keys = tuple(key for s in settings if (key := environment.get(s, "").strip()))
        for key in keys:
            if owners.setdefault(key, name) != name:
                raise SettingError(f"{settings[0]} or {settings[1]} is also a key of another loop.")
        loops.append(LoopKeys(name, keys))
    return tuple(loops)


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _flag(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _origins(text: str) -> frozenset[str]:
    origins = frozenset(origin.strip().rstrip("/").lower() for origin in text.split(","))
    if not all(o == "*" or re.fullmatch(r"https?://[^/\s*]+", o) for o in origins):
        raise ValueError(text)
    return origins


def _schedule(text: str) -> str:
    if len(text.split()) != 6:
        raise ValueError(text)
    return text


def _duration(text: str) -> timedelta:
    duration = parse_duration(text)
    if duration < timedelta(seconds=5):
        raise ValueError(text)
    return duration
