"""The doctor, against a stub that answers with diagnoses."""

from __future__ import annotations

import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson
import pytest

from cli import doctor
from cli.__main__ import main
from cli.access import KEY_VARIABLE, find_access
from diagnosis.facts import Facts
from diagnosis.report import report
from tests.cli.stub import KEY, Fault, Stub
from tests.diagnosis.made import HEALTHY, with_counts


@pytest.fixture
def stub(stub: Stub) -> Stub:
    """A service whose loop is well."""
    stub.diagnosis = diagnosis(HEALTHY)
    return stub


def diagnosis(facts: Facts) -> bytes:
    return report(facts).to_json()


def ask(stub: Stub, *arguments: str, key: str = KEY) -> int:
    return main(["doctor", "--endpoint", stub.endpoint, "--key", key, *arguments])


def test_of_a_loop_that_is_well_it_says_so(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(stub) == 0
    said = capsys.readouterr().out
    assert said.startswith("The loop is learning. Nothing is wrong.\n")
    assert "model    2023-11-14T22:10:20Z, the next is due 2023-11-14T22:16:20Z" in said
    assert "10,000 decisions: 10,000 learned, 2,500 without a reward" in said
    assert "fine  A model serves  [model-current]" in said
    assert max(map(len, said.splitlines())) <= 120


def test_a_problem_is_told_first_with_what_to_do_and_fails(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.diagnosis = diagnosis(with_counts(joined=0, rewards=0, defaulted=10_000))
    assert ask(stub) == 1
    said = capsys.readouterr().out
    assert said.index("PROBLEM  No event has a reward  [no-rewards]") < said.index("fine  ")
    assert "  → Call events/{eventId}/reward with the event id of the rank call" in said


def test_a_warning_is_no_failure(stub: Stub) -> None:
    stub.diagnosis = diagnosis(with_counts(late=400))
    assert ask(stub) == 0


def test_of_a_fresh_loop_it_says_what_there_is(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = replace(HEALTHY, called=False, manifest=type(HEALTHY.manifest)())
    stub.diagnosis = diagnosis(fresh)
    assert ask(stub) == 0
    assert "model    none yet (policy app1, mode Online)" in capsys.readouterr().out


def test_as_json_it_is_the_answer_as_it_came(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(stub, "--json") == 0
    assert orjson.loads(capsys.readouterr().out) == orjson.loads(diagnosis(HEALTHY))


def test_a_wrong_key_is_told_with_where_it_was_found(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(stub, key="wrong") == 2
    assert "does not take the key from --key" in capsys.readouterr().err


def test_without_a_key_it_says_how_to_give_one(
    stub: Stub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    nowhere = partial(find_access, keys_file=tmp_path / "none.json")
    monkeypatch.setattr(doctor, "find_access", nowhere)
    assert main(["doctor", "--endpoint", stub.endpoint]) == 2
    assert "give --key" in capsys.readouterr().err


def test_a_service_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert main(["doctor", "--endpoint", endpoint, "--key", KEY]) == 2
    assert "is it running?" in capsys.readouterr().err


def test_a_service_that_knows_no_diagnosis(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.faults.append(Fault(404, "ResourceNotFound"))
    assert ask(stub) == 2
    assert "Is http" in capsys.readouterr().err


def test_an_answer_of_something_else(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.diagnosis = b'{"hello": "world"}'
    assert ask(stub) == 2
    assert "is no diagnosis: what answers there?" in capsys.readouterr().err
