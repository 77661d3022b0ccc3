"""The service as `make run` starts it: one process for the user, one Azurite behind it."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
KEY_HEADER = "Ocp-Apim-Subscription-Key"
KEY = "key-of-the-test"
CONFIGURATION = {
    "rewardWaitTime": "PT15S",
    "defaultReward": 0.0,
    "rewardAggregation": "earliest",
    "explorationPercentage": 0.3,
    "modelExportFrequency": "PT15S",
    "logRetentionDays": 7,
}


def _environment(directory: Path, **settings: str) -> dict[str, str]:
    """That of a user who has set nothing but what keeps tests apart."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    keys = {"PERSONALIZER_KEY1": KEY, "PERSONALIZER_KEY2": "other-key"}
    return {**kept, **keys, "PORT": "0", "AZURITE_DIR": str(directory), **settings}


def _start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _refusal(environment: Mapping[str, str]) -> str:
    """The line with which it gives up."""
    process = _start(environment)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (1, "")
    (line,) = err.splitlines()
    return line


@dataclass(frozen=True, slots=True)
class Running:
    """A service that has said that it is up."""

    process: subprocess.Popen[str]
    endpoint: str
    keys: tuple[str, ...]
    curl: str

    def end(self, signal_number: int) -> int:
        """The exit code after a signal."""
        self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def _running(environment: Mapping[str, str]) -> Iterator[Running]:
    process = _start(environment)
    try:
        yield _read_greeting(process)
    finally:
        process.kill()
        process.communicate()


def _read_greeting(process: subprocess.Popen[str]) -> Running:
    assert process.stdout is not None
    endpoint, keys = "", list[str]()
    for line in process.stdout:
        match line.split():
            case ["endpoint", url]:
                endpoint = url
            case ["key", _, key]:
                keys.append(key)
            case ["curl", *_]:
                return Running(process, endpoint, tuple(keys), line.strip())
    assert process.stderr is not None
    pytest.fail(f"ended before it was up: {process.stderr.read()}")


def _assert_ended(service: Running, directory: Path) -> None:
    url = httpx.URL(service.endpoint)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.host, url.port or 0))
    # Azurite holds this lock as long as it lives.
    with (directory / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_it_says_how_to_call_it_and_ctrl_c_stops_both(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    with _running(_environment(tmp_path)) as service:
        # WHEN the printed line is pasted into a shell
        pasted = subprocess.run(
            ["sh", "-c", f"{service.curl} --silent"], capture_output=True, text=True, check=True
        )
        # THEN it ranks
        answer = json.loads(pasted.stdout)
        assert {action["id"] for action in answer["ranking"]} == {"pasta", "salad"}
        assert service.keys == (KEY, "other-key")
        # AND Ctrl-C ends service and storage
        assert service.end(signal.SIGINT) == 0
        _assert_ended(service, tmp_path)


def test_data_is_found_again_even_after_a_kill(tmp_path: Path) -> None:
    path = "/personalizer/v1.0/configurations/service"
    with _running(_environment(tmp_path)) as service:
        url, headers = service.endpoint + path, {KEY_HEADER: KEY}
        # GIVEN a configuration that was put before the service was killed
        put = httpx.put(url, headers=headers, json=CONFIGURATION)
        assert put.status_code == 200, put.text
        service.end(signal.SIGKILL)
    with _running(_environment(tmp_path)) as service:
        # WHEN it is up again, on other ports
        got = httpx.get(service.endpoint + path, headers=headers)
        # THEN the configuration is the one that was put
        assert got.json() == put.json()
        assert service.end(signal.SIGTERM) == 0
        _assert_ended(service, tmp_path)


def test_it_ends_with_one_line_when_azurite_dies(tmp_path: Path) -> None:
    # GIVEN a node that says its process id
    node, pid = tmp_path / "node", tmp_path / "pid"
    real = shlex.quote(str(shutil.which("node")))
    node.write_text(f'#!/bin/sh\necho $$ > {shlex.quote(str(pid))}\nexec {real} "$@"\n')
    node.chmod(0o755)
    environment = _environment(tmp_path / "data", PATH=f"{tmp_path}:{os.environ['PATH']}")
    with _running(environment) as service:
        # WHEN it is killed
        os.kill(int(pid.read_text()), signal.SIGKILL)
        # THEN the service ends by itself
        assert service.process.wait(PATIENCE_SECONDS) == 1
        assert service.process.stderr is not None
        assert service.process.stderr.read().splitlines()[-1] == (
            "error: Azurite has stopped (exit code -9)"
        )


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = _refusal(_environment(tmp_path, PORT=port))
    assert line.startswith(f"error: Port {port} can't be used: ")


def test_a_missing_node_is_one_line(tmp_path: Path) -> None:
    line = _refusal(_environment(tmp_path, PATH=str(tmp_path)))
    assert line.startswith("error: Node.js is missing: ")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("AzureWebJobsStorage", "no-connection-string"), ("PORT", "http"), ("CORS_ORIGINS", "?")],
)
def test_a_setting_that_cannot_be_used_is_one_line_that_names_it(
    tmp_path: Path, setting: str, value: str
) -> None:
    line = _refusal(_environment(tmp_path, **{setting: value}))
    assert line.startswith("error: ")
    assert setting in line
