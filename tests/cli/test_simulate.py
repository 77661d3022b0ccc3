from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from cli.__main__ import main
from cli.access import KEY_VARIABLE
from cli.worlds.coffee import Coffee
from cli.worlds.shop import Shop
from tests.cli.stub import KEY, Call, Fault, Stub

Simulate = Callable[..., int]
Lines = list[dict[str, JsonValue]]


@pytest.fixture
def simulate(stub: Stub, tmp_path: Path) -> Simulate:
    """Play coffee against the stub, as fast as it goes, with all results in ``tmp_path``."""

    def run(*arguments: str, key: str = KEY, events: int = 60) -> int:
        return main(
            [
                *("simulate", "coffee", "--endpoint", stub.endpoint, "--key", key),
                *("--events", str(events), "--rate", "100000", "--concurrency", "4"),
                *("--output", str(tmp_path / "curve.png")),
                *("--json", str(tmp_path / "summary.json")),
                *("--record", str(tmp_path / "record.jsonl")),
                *arguments,
            ]
        )

    return run


def summary(tmp_path: Path) -> dict[str, JsonValue]:
    found = json.loads((tmp_path / "summary.json").read_text())
    assert isinstance(found, dict)
    return found


def record(tmp_path: Path) -> Lines:
    return [json.loads(line) for line in (tmp_path / "record.jsonl").read_text().splitlines()]


def test_customers_are_played_and_the_results_written(
    simulate: Simulate, stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a service that always serves a latte
    stub.choose = lambda call: "Latte"
    # WHEN 60 customers come
    assert simulate("--seed", "5") == 0
    # THEN each was ranked and rewarded once, and the reward is what the customer's taste says
    entries = record(tmp_path)
    ids = {str(entry["eventId"]) for entry in entries}
    assert len(ids) == len(entries) == 60
    assert {str(call.body["eventId"]) for call in stub.ranks()} == ids
    assert {call.path: call.body["value"] for call in stub.rewards()} == {
        f"/events/{entry['eventId']}/reward": entry["reward"] for entry in entries
    }
    assert all(entry["rewarded"] and entry["action"] == "Latte" for entry in entries)
    # THEN the summary, the picture and the closing lines tell the same
    found = summary(tmp_path)
    mean = sum(float(str(entry["reward"])) for entry in entries) / 60
    assert 0 < mean < 1
    assert found["mean"] == found["mean_last"] == pytest.approx(mean)
    assert (found["answered"], found["planned"], found["last"]) == (60, 60, 60)
    assert (found["random"], found["best"], found["ceiling"]) == (0.25, 1.0, 0.85)
    assert (found["failures"], found["retries"]) == ({}, {})
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "60 of 60 events" in printed
    assert f"{mean:.3f}  of all" in printed
    assert str(tmp_path / "curve.png") in printed


def test_a_seed_repeats_the_customers_but_not_the_event_ids(simulate: Simulate, stub: Stub) -> None:
    assert simulate("--seed", "5") == 0
    assert simulate("--seed", "5") == 0
    first, second = stub.ranks()[:60], stub.ranks()[60:]

    def by_number(calls: list[Call]) -> list[JsonValue]:
        ordered = sorted(calls, key=lambda call: str(call.body["eventId"]))
        return [call.body["contextFeatures"] for call in ordered]

    assert by_number(first) == by_number(second)
    assert not {str(call.body["eventId"]) for call in first} & {
        str(call.body["eventId"]) for call in second
    }


def test_bad_moments_are_outlasted(simulate: Simulate, stub: Stub, tmp_path: Path) -> None:
    # GIVEN a service that fails now and then
    stub.faults.extend([Fault(503, "RequestTimeout"), Fault(429, "TooMany", "0"), Fault(0)])
    # WHEN customers come
    assert simulate() == 0
    # THEN nobody is lost, and what had to be repeated is counted
    found = summary(tmp_path)
    assert found["answered"] == 60
    assert found["retries"] == {"503 RequestTimeout": 1, "429 TooMany": 1, "connection": 1}
    assert len({str(call.body["eventId"]) for call in stub.ranks()}) == 60


def test_lost_events_are_counted_and_the_rest_goes_on(
    simulate: Simulate, stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a service that refuses two ranks (each of the first calls is one, four at a time)
    stub.faults.extend([Fault(400, "InvalidRankRequest"), Fault(400, "InvalidRankRequest")])
    assert simulate() == 0
    found = summary(tmp_path)
    assert found["answered"] == 58
    assert found["failures"] == {"rank: 400 InvalidRankRequest": 2}
    assert "2 of rank: 400 InvalidRankRequest" in capsys.readouterr().out


def test_many_failures_in_a_row_end_the_simulation(
    simulate: Simulate, stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a service that breaks for good at the tenth customer
    def break_down(call: Call) -> str:
        if len(stub.ranks()) == 10:
            stub.broken = Fault(500, "InternalServerError")
        return "Latte"

    stub.choose = break_down
    # WHEN 60 customers come, and no call is repeated
    assert simulate("--attempts", "1", "--give-up", "5") == 1
    # THEN it ends with the reason, and with the results up to there
    captured = capsys.readouterr()
    assert "5 events in a row failed; the last: InternalServerError" in captured.err
    answered = summary(tmp_path)["answered"]
    assert isinstance(answered, int)
    assert 10 <= answered < 16
    assert (tmp_path / "curve.png").exists()


def test_an_answered_event_whose_reward_is_lost_is_recorded_as_such(
    simulate: Simulate, stub: Stub, tmp_path: Path
) -> None:
    # GIVEN a service that takes no reward
    def refuse_rewards(call: Call) -> str:
        stub.faults.append(Fault(400, "InvalidRewardRequest"))
        return "Latte"

    stub.choose = refuse_rewards
    # WHEN a single customer comes
    assert simulate(events=1) == 0
    # THEN the answered rank is in the record, as not rewarded
    [entry] = record(tmp_path)
    assert entry["rewarded"] is False
    assert summary(tmp_path)["failures"] == {"reward: 400 InvalidRewardRequest": 1}


def test_control_c_ends_early_with_results(
    simulate: Simulate, stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a service that hangs at the 21st customer, upon which somebody presses Ctrl-C
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    stub.hang_after = 20
    stub.on_hang = lambda: signal.pthread_kill(main_thread, signal.SIGINT)
    # WHEN customers come
    assert simulate() == 130
    # THEN what was answered until then is written
    answered = summary(tmp_path)["answered"]
    assert answered == len(record(tmp_path)) <= 20
    assert (tmp_path / "curve.png").exists()
    assert "ended early" in capsys.readouterr().err


def test_a_refused_key_is_one_clear_line(
    simulate: Simulate, stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(key="wrong") == 1
    error = capsys.readouterr().err
    assert error == f"simulate: {stub.endpoint} does not take the key from --key\n"
    assert list(tmp_path.iterdir()) == []


def test_the_loop_is_set_up_first_if_asked(simulate: Simulate, stub: Stub) -> None:
    assert (
        simulate("--wait", "PT15S", "--update", "PT20S", "--policy", Coffee.policy, events=1) == 0
    )
    puts = [call for call in stub.calls if call.method == "PUT"]
    assert [call.path for call in puts] == ["/configurations/policy", "/configurations/service"]
    assert puts[0].body == {"name": "simulate", "arguments": Coffee.policy}
    assert stub.configuration["rewardWaitTime"] == "PT15S"
    assert stub.configuration["modelExportFrequency"] == "PT20S"
    assert stub.calls.index(puts[1]) < stub.calls.index(stub.ranks()[0])


def test_a_loop_that_becomes_multi_slot_stops_optimizing_itself_first(
    simulate: Simulate, stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a loop that optimises itself
    stub.configuration["isAutoOptimizationEnabled"] = True
    # WHEN it is given a policy for slots, twice
    for _ in range(2):
        assert simulate("--policy", Shop.policy, events=1) == 0
    # THEN that is switched off before, once, and said
    puts = [call.path.rpartition("/")[2] for call in stub.calls if call.method == "PUT"]
    assert puts == ["service", "policy", "policy"]
    assert stub.configuration["isAutoOptimizationEnabled"] is False
    assert capsys.readouterr().out.count("auto-optimization is off from now on") == 1


def test_nothing_is_set_up_unasked(simulate: Simulate, stub: Stub) -> None:
    assert simulate(events=1) == 0
    assert not [call for call in stub.calls if call.method == "PUT"]


def test_a_policy_that_is_refused_ends_the_command(
    simulate: Simulate, stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("--policy=--nonsense") == 1
    assert "InvalidPolicyConfiguration: the stub answers 400" in capsys.readouterr().err
    assert not stub.ranks()


def test_a_loop_that_does_not_choose_by_itself_is_pointed_out(
    simulate: Simulate, stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.configuration["learningMode"] = "Apprentice"
    assert simulate(events=1) == 0
    assert "Apprentice mode" in capsys.readouterr().out


def test_worlds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--list"]) == 0
    printed = capsys.readouterr().out
    assert "coffee" in printed
    assert "news" in printed
    assert Coffee.policy in printed


def test_usage_errors(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert main(["simulate"]) == 2
    assert "name a world" in capsys.readouterr().err
    for wrong in (["--rate", "0"], ["--events", "-1"], ["--concurrency", "x"], ["--rate", "inf"]):
        with pytest.raises(SystemExit) as raised:
            simulate(*wrong)
        assert raised.value.code == 2
        assert "invalid positive" in capsys.readouterr().err
