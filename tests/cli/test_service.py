from __future__ import annotations

import socket
from random import Random

import pytest

from cli.access import Access
from cli.service import CallFailed, KeyRefused, LoopSetup, Patience, Service
from cli.world import Action, Visit
from tests.cli.stub import KEY, Fault, Stub

HASTE = Patience(attempts=4, first=0.0)

VISIT = Visit(
    context=({"name": "Zoë"},),
    actions=(Action("tea", ({"type": "hot"},)), Action("juice", ({"type": "cold"},))),
    rewards=(0.0, 1.0),
    expected=(0.0, 1.0),
)


def service(stub: Stub, key: str = KEY) -> Service:
    return Service(Access(stub.endpoint, key, "--key"), connections=2, patience=HASTE)


async def test_rank_sends_the_visit_and_gives_the_answered_action(stub: Stub) -> None:
    # GIVEN a service that chooses the first action
    async with service(stub) as calls:
        # WHEN a visit is ranked
        action = await calls.rank("event-1", VISIT)
    # THEN its action is given, and the request was the API's
    assert action == "tea"
    [call] = stub.calls
    assert (call.method, call.path) == ("POST", "/rank")
    assert call.body == {
        "eventId": "event-1",
        "contextFeatures": [{"name": "Zoë"}],
        "actions": [
            {"id": "tea", "features": [{"type": "hot"}]},
            {"id": "juice", "features": [{"type": "cold"}]},
        ],
    }


async def test_reward_is_sent_to_the_event(stub: Stub) -> None:
    async with service(stub) as calls:
        await calls.reward("event-1", 1.0)
    [call] = stub.calls
    assert (call.path, call.body) == ("/events/event-1/reward", {"value": 1.0})


async def test_a_call_that_failed_is_repeated_as_it_was(stub: Stub) -> None:
    # GIVEN a service that is busy, then broken, then hangs up
    stub.faults.extend(
        [Fault(429, "TooMany", retry_after="0"), Fault(503, "RequestTimeout"), Fault(0)]
    )
    async with service(stub) as calls:
        # WHEN one visit is ranked
        action = await calls.rank("event-1", VISIT)
        # THEN the fourth attempt is answered, all four asked the same, and each failure is counted
        assert action == "tea"
        assert len(stub.calls) == 4
        assert all(call == stub.calls[0] for call in stub.calls)
        assert calls.retries == {"429 TooMany": 1, "503 RequestTimeout": 1, "connection": 1}


async def test_a_call_that_keeps_failing_fails(stub: Stub) -> None:
    stub.broken = Fault(503, "RequestTimeout")
    async with service(stub) as calls:
        with pytest.raises(CallFailed, match="RequestTimeout: the stub answers 503") as raised:
            await calls.reward("event-1", 1.0)
    assert raised.value.kind == "503 RequestTimeout"
    assert len(stub.calls) == HASTE.attempts


async def test_a_bad_request_is_not_repeated(stub: Stub) -> None:
    stub.broken = Fault(400, "InvalidRankRequest")
    async with service(stub) as calls:
        with pytest.raises(CallFailed) as raised:
            await calls.rank("event-1", VISIT)
    assert raised.value.kind == "400 InvalidRankRequest"
    assert len(stub.calls) == 1


async def test_a_refused_key_says_where_it_came_from(stub: Stub) -> None:
    async with service(stub, key="wrong") as calls:
        with pytest.raises(KeyRefused, match="does not take the key from --key") as raised:
            await calls.rank("event-1", VISIT)
    assert "wrong" not in str(raised.value)


async def test_an_answer_that_names_no_action_of_the_visit_is_a_failure(stub: Stub) -> None:
    stub.choose = lambda call: "coffee"
    async with service(stub) as calls:
        with pytest.raises(CallFailed) as raised:
            await calls.rank("event-1", VISIT)
    assert raised.value.kind == "unreadable answer"


async def test_nobody_there(unused_port: int) -> None:
    access = Access(f"http://127.0.0.1:{unused_port}", KEY, "--key")
    async with Service(access, connections=1, patience=HASTE) as calls:
        with pytest.raises(CallFailed, match=f"can't reach {access.endpoint}") as raised:
            await calls.read_setup()
        assert raised.value.kind == "connection"
        assert not calls.retries


async def test_changing_times_keeps_the_rest_of_the_configuration(stub: Stub) -> None:
    # GIVEN a configuration
    stub.configuration["explorationPercentage"] = 0.1
    async with service(stub) as calls:
        # WHEN only the wait is set
        setup = await calls.configure("PT15S", None, None)
    # THEN the whole configuration is written back with it
    assert stub.configuration == {
        "rewardWaitTime": "PT15S",
        "modelExportFrequency": "PT5M",
        "explorationPercentage": 0.1,
        "learningMode": "Online",
    }
    assert setup == LoopSetup(exploration=0.1, learning_mode="Online")


@pytest.mark.parametrize(
    ("attempt", "retry_after", "shortest", "longest"),
    [
        (1, None, 0.125, 0.25),
        (2, None, 0.25, 0.5),
        (20, None, 2.5, 5.0),
        (1, "7", 7.0, 7.0),
        (20, "0", 2.5, 5.0),
        (1, "86400", 60.0, 60.0),
        (1, "Fri, 31 Dec 1999 23:59:59 GMT", 0.125, 0.25),
    ],
)
def test_pauses(attempt: int, retry_after: str | None, shortest: float, longest: float) -> None:
    pauses = [Patience().pause(attempt, retry_after, Random(seed)) for seed in range(50)]
    assert shortest <= min(pauses)
    assert max(pauses) <= longest


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
