"""What a deployment's settings say: the environment, read and checked once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from api.entra_options import (
    DEFAULT_AUDIENCES,
    PUBLIC_AUTHORITY,
    EntraOptions,
    Principals,
    parse_audiences,
    parse_authority,
    parse_id,
    parse_principals,
)
from loop.configuration import LONGEST_WAIT
from loop.iso import parse_duration
from loop.signing import SigningKey, SigningKeyError

T = TypeVar("T")

KEY_SETTINGS = ("PERSONALIZER_KEY1", "PERSONALIZER_KEY2")
"""The settings that hold the keys of the loop ``default``."""

CLIENT_KEY_SETTINGS = ("PERSONALIZER_CLIENT_KEY1", "PERSONALIZER_CLIENT_KEY2")
"""The settings that hold its client keys."""

_MOST_CORES = 4
_REFERENCE = "@Microsoft.KeyVault("
_SOME_ID = "00000000-0000-0000-0000-000000000000"


class SettingError(Exception):
    """Raised when a setting can't be used; the text names it and says what it takes."""


def _cores() -> int:
    return min(os.cpu_count() or 1, _MOST_CORES)


@dataclass(frozen=True, slots=True)
class Options:
    """Every setting of the service but those of its storage; durations in seconds.

    Attributes:
        default_keys: PERSONALIZER_KEY1 and PERSONALIZER_KEY2, as far as they are set: the keys of
            the loop ``default``.
        default_client_keys: PERSONALIZER_CLIENT_KEY1 and PERSONALIZER_CLIENT_KEY2, as far as they
            are set: keys of ``default`` for browsers and devices.
        entra: ENTRA_TENANT_ID and what belongs to it: who may call with a bearer token; None
            where nobody may.
        rate_limit: RATE_LIMIT: calls a second that each key and each principal may make in each
            process; None stands for any number.
        client_rate_limit: CLIENT_RATE_LIMIT: the same for each client key.
        loops_refresh: LOOPS_REFRESH_SECONDS: how often a busy process looks for new loops and
            rotated keys; an idle one after twice that at the latest.
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
        evaluator_schedule: EVALUATOR_SCHEDULE: six-field cron in UTC.
        evaluator_time_limit: EVALUATOR_TIME_LIMIT_SECONDS: when the evaluator begins nothing more
            and leaves the rest to the next call; what it has begun may take two minutes more.
        evaluator_processes: EVALUATOR_PROCESSES: how many processes judge policies at once.
        event_log_shards: EVENT_LOG_SHARDS: may grow, must never shrink.
        max_reward_wait: MAX_REWARD_WAIT_TIME: the longest rewardWaitTime that a loop may have.
        max_body_bytes: MAX_BODY_BYTES: the largest body that a request may have.
        model_signing_key: MODEL_SIGNING_KEY: a private RSA key and its certificate in PEM, to sign
            exported models with; unset, each loop makes a key and keeps it in its storage.
        trusted_model_signers: TRUSTED_MODEL_SIGNERS: the SHA-256 fingerprints of certificates whose
            models may be imported, beside the loop's own.
    """

    default_keys: tuple[str, ...] = field(default=(), repr=False)
    default_client_keys: tuple[str, ...] = field(default=(), repr=False)
    entra: EntraOptions | None = None
    rate_limit: float | None = None
    client_rate_limit: float | None = None
    loops_refresh: float = 15.0
    cors_origins: frozenset[str] = frozenset()
    rank_log_budget: float = 0.25
    rank_refresh_budget: float = 1.0
    strict_logging: bool = False
    model_refresh: float = 3.0
    trainer_schedule: str = "*/15 * * * * *"
    trainer_grace: float = 60.0
    trainer_time_limit: float = 240.0
    evaluator_schedule: str = "0 * * * * *"
    evaluator_time_limit: float = 120.0
    evaluator_processes: int = field(default_factory=_cores)
    event_log_shards: int = 4
    max_reward_wait: timedelta = LONGEST_WAIT
    max_body_bytes: int = 1_048_576
    model_signing_key: SigningKey | None = None
    trusted_model_signers: frozenset[str] = frozenset()

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

    @property
    def batch_time_limit(self) -> float:
        """Seconds that a batch of events waits for storage; its clients give up after 30."""
        return min(20.0, self.logging_deadline)


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

    def rate(name: str) -> float | None:
        return setting(name, _rate, None, "calls a second, a number from 0.01 to 1000000")

    def entra() -> EntraOptions | None:
        tenant = setting("ENTRA_TENANT_ID", parse_id, "", "a tenant's id, such as " + _SOME_ID)
        nobody: Principals = ()
        principals = setting(
            "ENTRA_PRINCIPALS",
            parse_principals,
            nobody,
            f"object or application ids, such as {_SOME_ID} or {_SOME_ID}=loop, "
            "with commas between",
        )
        audiences = setting(
            "ENTRA_AUDIENCES", parse_audiences, DEFAULT_AUDIENCES, "audiences with commas between"
        )
        authority = setting(
            "ENTRA_AUTHORITY",
            parse_authority,
            PUBLIC_AUTHORITY,
            f"an address such as {PUBLIC_AUTHORITY}, without a path",
        )
        if not tenant:
            return None
        if not principals:
            raise SettingError(
                "ENTRA_PRINCIPALS must list who may call with a token where ENTRA_TENANT_ID is set."
            )
        return EntraOptions(tenant, principals, audiences, authority)

    _check_keys(environment)
    standard = Options()
    options = Options(
        default_keys=default_keys(environment),
        default_client_keys=default_client_keys(environment),
        entra=entra(),
        rate_limit=rate("RATE_LIMIT"),
        client_rate_limit=rate("CLIENT_RATE_LIMIT"),
        loops_refresh=number("LOOPS_REFRESH_SECONDS", standard.loops_refresh, 0.05, 20),
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
        evaluator_schedule=setting(
            "EVALUATOR_SCHEDULE", _schedule, standard.evaluator_schedule, "cron with six fields"
        ),
        evaluator_time_limit=number(
            "EVALUATOR_TIME_LIMIT_SECONDS", standard.evaluator_time_limit, 1, 36_000
        ),
        evaluator_processes=whole("EVALUATOR_PROCESSES", standard.evaluator_processes, 1, 64),
        event_log_shards=whole("EVENT_LOG_SHARDS", standard.event_log_shards, 1, 99),
        max_reward_wait=setting(
            "MAX_REWARD_WAIT_TIME",
            _duration,
            standard.max_reward_wait,
            "an ISO 8601 duration such as P2D, of at least 5 s",
        ),
        max_body_bytes=whole("MAX_BODY_BYTES", standard.max_body_bytes, 1_024, 100_000_000),
        model_signing_key=setting(
            "MODEL_SIGNING_KEY", _signing_key, None, "a private RSA key and certificate in PEM"
        ),
        trusted_model_signers=setting(
            "TRUSTED_MODEL_SIGNERS",
            _fingerprints,
            frozenset(),
            "SHA-256 fingerprints of certificates, in hex, with commas between",
        ),
    )
    if options.rank_log_budget > options.logging_deadline:
        raise SettingError(
            "RANK_LOG_BUDGET_MS must be no longer than three quarters of TRAINER_GRACE_SECONDS."
        )
    return options


def default_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of the loop ``default`` that are settings; none where it has them elsewhere.

    >>> default_keys({"PERSONALIZER_KEY1": "", "PERSONALIZER_KEY2": "b"})
    ('b',)
    """
    return _set(environment, KEY_SETTINGS)


def default_client_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The client keys of the loop ``default`` that are settings."""
    return _set(environment, CLIENT_KEY_SETTINGS)


def _set(environment: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for name in names if (value := environment.get(name, "").strip()))


def _check_keys(environment: Mapping[str, str]) -> None:
    for name in (*KEY_SETTINGS, *CLIENT_KEY_SETTINGS):
        if environment.get(name, "").strip().startswith(_REFERENCE):
            # The platform leaves it as it is then, and it would be a key that can be guessed.
            raise SettingError(
                f"{name} is a Key Vault reference that has not been resolved: the vault has no "
                "such secret, or the app's identity may not read it."
            )
    keys, client_keys = default_keys(environment), default_client_keys(environment)
    if client_keys and not keys:
        raise SettingError(
            f"{' or '.join(KEY_SETTINGS)} must be set where {' or '.join(CLIENT_KEY_SETTINGS)} is: "
            "the keys of 'default' are either all settings, or all in the register."
        )
    if set(keys) & set(client_keys):
        raise SettingError(
            f"{' and '.join(CLIENT_KEY_SETTINGS)} must differ from {' and '.join(KEY_SETTINGS)}: "
            "what is given to browsers and devices must not open everything."
        )


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _rate(text: str) -> float | None:
    return _within(float(text), 0.01, 1e6)


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


def _signing_key(text: str) -> SigningKey | None:
    try:
        # Settings are often kept in one line.
        return SigningKey(text.replace("\\n", "\n").encode())
    except SigningKeyError as error:
        raise ValueError(text) from error


def _fingerprints(text: str) -> frozenset[str]:
    found = frozenset(part.strip().replace(":", "").lower() for part in text.split(","))
    if not all(re.fullmatch(r"[0-9a-f]{64}", fingerprint) for fingerprint in found):
        raise ValueError(text)
    return found


def _schedule(text: str) -> str:
    if len(text.split()) != 6:
        raise ValueError(text)
    return text


def _duration(text: str) -> timedelta:
    duration = parse_duration(text)
    if duration < timedelta(seconds=5):
        raise ValueError(text)
    return duration
