"""What the environment is completed with."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from local.failures import CannotRun
from local.settings import complete, route_prefix, whole_number


def _complete(environment: dict[str, str], root: Path) -> dict[str, str]:
    complete(environment, root, root / ".local" / "keys.json")
    return environment


def test_keys_are_made_once_and_kept_for_their_owner_only(tmp_path: Path) -> None:
    first, second = _complete({}, tmp_path), _complete({}, tmp_path)
    keys = [first["PERSONALIZER_KEY1"], first["PERSONALIZER_KEY2"]]
    assert all(len(key) == 32 for key in keys)
    assert keys[0] != keys[1]
    assert keys == [second["PERSONALIZER_KEY1"], second["PERSONALIZER_KEY2"]]
    assert stat.S_IMODE((tmp_path / ".local/keys.json").stat().st_mode) == 0o600


def test_keys_that_are_set_stay_and_need_no_file(tmp_path: Path) -> None:
    given = {"PERSONALIZER_KEY1": "one", "PERSONALIZER_KEY2": "two"}
    assert _complete(dict(given), tmp_path).items() >= given.items()
    assert not (tmp_path / ".local").exists()


def test_one_key_that_is_set_is_joined_by_one_that_is_kept(tmp_path: Path) -> None:
    environment = _complete({"PERSONALIZER_KEY1": "one", "PERSONALIZER_KEY2": ""}, tmp_path)
    assert environment["PERSONALIZER_KEY1"] == "one"
    assert len(environment["PERSONALIZER_KEY2"]) == 32


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    values = {"TRAINER_SCHEDULE": "0 * * * * *", "CORS_ORIGINS": "*"}
    file = {"IsEncrypted": False, "Values": values}
    (tmp_path / "local.settings.json").write_text(json.dumps(file))
    environment = _complete({"CORS_ORIGINS": "https://example.com"}, tmp_path)
    assert environment["CORS_ORIGINS"] == "https://example.com"
    assert environment["TRAINER_SCHEDULE"] == "0 * * * * *"
    assert environment["TRAINER_GRACE_SECONDS"] == "2"


def test_a_broken_file_is_one_line_that_names_it_and_quotes_nothing(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"KEY": ["a secret"]}}')
    with pytest.raises(CannotRun, match=r"local\.settings\.json .*Values\.KEY") as caught:
        _complete({}, tmp_path)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_that_cannot_be_kept_are_one_line(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("a file, no directory")
    with pytest.raises(CannotRun, match=r"keys\.json"):
        _complete({}, tmp_path)


def test_the_route_prefix_is_that_of_host_json_or_the_hosts_own(tmp_path: Path) -> None:
    assert route_prefix(tmp_path) == "api"
    (tmp_path / "host.json").write_text('{"extensions": {"http": {"routePrefix": ""}}}')
    assert route_prefix(tmp_path) == ""


@pytest.mark.parametrize(("text", "value"), [("", 7071), ("0", 0), ("65535", 65535)])
def test_a_port_may_be_any_or_unset(text: str, value: int) -> None:
    assert whole_number({"PORT": text}, "PORT", 7071, 65535) == value


@pytest.mark.parametrize("text", ["-1", "65536", "http", "7071.0"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(CannotRun, match="PORT must be a number"):
        whole_number({"PORT": text}, "PORT", 7071, 65535)
