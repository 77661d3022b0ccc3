"""A real Azurite, started and stopped."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import azurite as module
from local.azurite import CONNECTION_FILE, ROOT, Azurite
from local.failures import CannotRun

# Starts an Azurite, says where it is and is killed.
_KILLED = """
import os, signal, sys
from pathlib import Path
from local.azurite import Azurite
emulator = Azurite(Path(sys.argv[1])).__enter__()
print(emulator.connection_string, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _endpoints(connection_string: str) -> list[tuple[str, int]]:
    parts = dict(p.split("=", 1) for p in connection_string.strip(";\n").split(";"))
    urls = [urlsplit(parts[f"{service}Endpoint"]) for service in ("Blob", "Table")]
    return [(url.hostname or "", url.port or 0) for url in urls]


def _assert_gone(endpoints: list[tuple[str, int]]) -> None:
    for endpoint in endpoints:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(endpoint)


def test_it_listens_inside_the_block_and_is_gone_after_it(tmp_path: Path) -> None:
    with Azurite(tmp_path / "new" / "directory") as emulator:
        endpoints = _endpoints(emulator.connection_string)
        for endpoint in endpoints:
            socket.create_connection(endpoint).close()
    _assert_gone(endpoints)


def test_its_connection_string_lies_beside_its_data_while_it_runs(tmp_path: Path) -> None:
    # GIVEN one that an Azurite has left that was killed
    file = tmp_path / CONNECTION_FILE
    file.write_text("old")
    file.chmod(0o644)
    with Azurite(tmp_path) as emulator:
        # THEN the owner's tools find how to connect, and nobody else does
        assert file.read_text() == emulator.connection_string
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()


def test_ports_can_be_given(tmp_path: Path) -> None:
    with Azurite(tmp_path / "a") as emulator:
        blob, table = (port for _, port in _endpoints(emulator.connection_string))
    with Azurite(tmp_path / "b", blob_port=blob, table_port=table) as emulator:
        assert [port for _, port in _endpoints(emulator.connection_string)] == [blob, table]


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun, match=f"EADDRINUSE.*{port}") as caught:
            Azurite(tmp_path, table_port=port).__enter__()
    assert "\n" not in str(caught.value)


def test_its_death_is_noticed_and_said_in_one_line(tmp_path: Path) -> None:
    died = threading.Event()
    with Azurite(tmp_path) as emulator:
        emulator.watch(died.set)
        os.kill(emulator.pid, signal.SIGKILL)
        assert died.wait(30)
        assert str(emulator.death()) == "Azurite has stopped (exit code -9)"


def test_stopping_it_is_no_death(tmp_path: Path) -> None:
    died = threading.Event()
    with Azurite(tmp_path) as emulator:
        emulator.watch(died.set)
    for thread in threading.enumerate():
        if thread.name == "azurite-watch":
            thread.join()
    assert not died.is_set()


def test_it_follows_a_starter_that_was_killed_and_frees_the_directory(tmp_path: Path) -> None:
    # GIVEN a process that was killed with its Azurite up
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    # WHEN the next one starts on the same directory
    with Azurite(tmp_path):
        # THEN the first one has ended
        _assert_gone(_endpoints(killed.stdout))


def test_two_on_one_directory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.0)
    with (tmp_path / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotRun, match="Another Azurite is running on"):
            Azurite(tmp_path).__enter__()


def test_a_directory_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match=r"can't keep its data in .*/file/data"):
        Azurite(tmp_path / "file" / "data").__enter__()


def test_a_missing_node_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRun, match=r"Node\.js is missing: install version 18"):
        Azurite(tmp_path).__enter__()


@pytest.mark.parametrize("version", ["v16.20.2", "nonsense", ""])
def test_a_node_too_old_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRun, match=f"{version}.* is too old for Azurite"):
        Azurite(tmp_path).__enter__()


def test_a_missing_azurite_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    with pytest.raises(CannotRun, match="run `npm ci`"):
        Azurite(tmp_path).__enter__()
