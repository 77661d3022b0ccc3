"""Settings on a laptop: the environment, then ``local.settings.json``, then what fits a laptop."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from local.failures import CannotRun

M = TypeVar("M", bound=BaseModel)

KEY_SETTINGS = ("PERSONALIZER_KEY1", "PERSONALIZER_KEY2")

# A laptop has no clock skew and no slow front ends: rewards are learned from within seconds.
_DEFAULTS = {
    "TRAINER_SCHEDULE": "* * * * * *",
    "TRAINER_GRACE_SECONDS": "2",
    "EVALUATOR_SCHEDULE": "*/2 * * * * *",
}


class _LocalSettings(BaseModel):
    """The part of ``local.settings.json`` that Core Tools puts into the environment."""

    values: dict[str, str] = Field(default_factory=dict, alias="Values")


class _Http(BaseModel):
    route_prefix: str = Field(default="api", alias="routePrefix")


class _Extensions(BaseModel):
    http: _Http = Field(default_factory=_Http)


class _HostJson(BaseModel):
    extensions: _Extensions = Field(default_factory=_Extensions)


class _Keys(BaseModel):
    """Both keys of the loop, as they were made once."""

    key1: str = Field(alias="PERSONALIZER_KEY1")
    key2: str = Field(alias="PERSONALIZER_KEY2")


def complete(environment: MutableMapping[str, str], root: Path, keys_file: Path) -> None:
    """Add to ``environment`` what is unset in it.

    Args:
        root: Where ``local.settings.json`` may be.
        keys_file: Where the keys are kept; made if they are needed and missing.

    Raises:
        CannotRun: A file can't be read or written.
    """
    settings = _read(root / "local.settings.json", _LocalSettings) or _LocalSettings()
    for name, value in {**_DEFAULTS, **settings.values}.items():
        environment.setdefault(name, value)
    if any(not environment.get(name) for name in KEY_SETTINGS):
        keys = _read(keys_file, _Keys) or _make_keys(keys_file)
        for name, key in zip(KEY_SETTINGS, (keys.key1, keys.key2), strict=True):
            environment[name] = environment.get(name) or key


def route_prefix(root: Path) -> str:
    """What ``host.json`` puts before every route.

    Raises:
        CannotRun: It can't be read.
    """
    host = _read(root / "host.json", _HostJson) or _HostJson()
    return host.extensions.http.route_prefix.strip("/")


def whole_number(environment: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """The value of a setting from 0 to ``largest``; ``default`` where it is unset or empty.

    Raises:
        CannotRun: It is something else.
    """
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) > largest:
        raise CannotRun(f"{name} must be a number from 0 to {largest}, not {text!r}")
    return int(text)


def _make_keys(file: Path) -> _Keys:
    keys = _Keys(PERSONALIZER_KEY1=secrets.token_hex(16), PERSONALIZER_KEY2=secrets.token_hex(16))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Only its owner may read it, from the first moment on.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(keys.model_dump_json(by_alias=True, indent=2) + "\n")
    except OSError as error:
        raise CannotRun(f"The keys can't be kept in {file}: {error.strerror}") from error
    return keys


def _read(file: Path, model: type[M]) -> M | None:
    try:
        return model.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotRun(f"{file} can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CannotRun(
            f"{file} is not as it should be: {place or 'JSON'}: {first['msg']}"
        ) from error
