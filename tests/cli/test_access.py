from __future__ import annotations

from pathlib import Path

import pytest

from cli.access import KEY_VARIABLE, NoKey, find_access


@pytest.fixture
def keys_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return tmp_path / "keys.json"


def test_the_given_key_comes_first(keys_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "from the environment")
    access = find_access("http://host:1/", "given", keys_file)
    assert (access.endpoint, access.key, access.key_source) == ("http://host:1", "given", "--key")


def test_then_the_environments(keys_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "from the environment")
    keys_file.write_text('{"PERSONALIZER_KEY1": "kept", "PERSONALIZER_KEY2": "other"}')
    access = find_access("http://host:1", None, keys_file)
    assert (access.key, access.key_source) == ("from the environment", KEY_VARIABLE)


def test_then_the_one_that_make_run_keeps(keys_file: Path) -> None:
    keys_file.write_text('{"PERSONALIZER_KEY1": "kept", "PERSONALIZER_KEY2": "other"}')
    access = find_access("http://host:1", None, keys_file)
    assert (access.key, access.key_source) == ("kept", str(keys_file))


def test_no_key_at_all(keys_file: Path) -> None:
    with pytest.raises(NoKey, match="--key"):
        find_access("http://host:1", None, keys_file)
