"""Rate limits: how many calls a caller may make, by a clock that is the test's."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from api import rate_limits
from api.callers import Caller
from api.keys import KEY_HEADER
from api.options import Options
from api.rate_limits import RateLimits
from loop.errors import TooManyRequests
from tests.api.conftest import CLIENT_KEYS, KEYS, OTHER_KEYS, Serve
from tests.api.test_service import RANK, code

OWNER, CLIENT = Caller("shop", False, b"owner"), Caller("shop", True, b"client")
OTHER = Caller("shop", False, b"other")


@dataclass
class Clock:
    """Seconds that pass only when told."""

    time: float = 100.0

    def __call__(self) -> float:
        return self.time


def let_through(limits: RateLimits, caller: Caller, calls: int) -> int:
    """How many of so many calls at once are let through."""
    passed = 0
    for _ in range(calls):
        try:
            limits.spend(caller)
        except TooManyRequests:
            continue
        passed += 1
    return passed


def test_without_a_limit_there_is_none() -> None:
    limits = RateLimits(None, None)
    assert let_through(limits, OWNER, 10_000) == let_through(limits, CLIENT, 10_000) == 10_000


def test_a_second_s_worth_may_come_at_once_and_then_so_many_a_second() -> None:
    clock = Clock()
    limits = RateLimits(10.0, None, clock)
    assert let_through(limits, OWNER, 30) == 10
    for _ in range(20):
        clock.time += 0.5
        assert let_through(limits, OWNER, 30) == 5
    # WHEN nobody has called for long THEN no more than a second's worth has come together
    clock.time += 3600.0
    assert let_through(limits, OWNER, 30) == 10


def test_each_caller_has_calls_of_its_own_and_client_keys_another_rate() -> None:
    limits = RateLimits(10.0, 3.0, Clock())
    assert let_through(limits, OWNER, 30) == 10
    assert let_through(limits, OTHER, 30) == 10
    assert let_through(limits, CLIENT, 30) == 3
    only_clients = RateLimits(None, 3.0, Clock())
    assert let_through(only_clients, OWNER, 30) == 30
    assert let_through(only_clients, CLIENT, 30) == 3


@pytest.mark.parametrize(("rate", "wait"), [(0.01, 100), (0.4, 3), (1.0, 1), (1000.0, 1)])
def test_a_refusal_says_when_to_come_again(rate: float, wait: int) -> None:
    # GIVEN a caller that has used up its calls
    clock = Clock()
    limits = RateLimits(rate, None, clock)
    assert let_through(limits, OWNER, 2_000) == max(1, int(rate))
    # WHEN it calls once more THEN it is told how long it takes
    with pytest.raises(TooManyRequests, match=f"in {wait} s") as error:
        limits.spend(OWNER)
    assert error.value.retry_after == wait
    # AND that is true
    clock.time += wait
    limits.spend(OWNER)


def test_who_is_refused_does_not_wait_the_longer_for_it() -> None:
    clock = Clock()
    limits = RateLimits(1.0, None, clock)
    assert let_through(limits, OWNER, 100) == 1
    clock.time += 1.0
    assert let_through(limits, OWNER, 100) == 1


def test_callers_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN keys that are rotated again and again
    monkeypatch.setattr(rate_limits, "_MANY", 10)
    clock = Clock()
    limits = RateLimits(2.0, 0.5, clock)
    assert let_through(limits, CLIENT, 5) == 1
    for number in range(100):
        limits.spend(Caller("shop", False, str(number).encode()))
        clock.time += 0.1
    # THEN not all of them are kept
    assert len(limits._buckets) < 40
    # AND who has calls to wait for is not forgotten before they have come
    limits = RateLimits(2.0, 0.5, clock)
    assert let_through(limits, CLIENT, 5) == 1
    for number in range(100):
        limits.spend(Caller("shop", False, str(number).encode()))
    assert let_through(limits, CLIENT, 5) == 0


async def test_what_is_too_much_is_answered_with_429_after_the_key(serve: Serve) -> None:
    async with serve(Options(rate_limit=0.01, client_rate_limit=0.02)) as client:
        url = "/personalizer/v1.0/rank"
        assert (await client.post(url, headers=KEYS, json=RANK)).status_code == 201
        # WHEN a key is used again too soon THEN it is told when to come again
        refused = await client.post(url, headers=KEYS, json=RANK)
        assert (refused.status_code, code(refused)) == (429, "429")
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        # AND whatever it asks for, also what can't be read
        assert (await client.get("/status", headers=KEYS)).status_code == 429
        assert (await client.post(url, headers=KEYS, content=b"[")).status_code == 429
        # AND no other key is any the worse for it, the loop's second one included
        for keys in (CLIENT_KEYS, OTHER_KEYS, {KEY_HEADER: "key-two"}):
            assert (await client.post(url, headers=keys, json=RANK)).status_code == 201
        refused = await client.post(url, headers=CLIENT_KEYS, json=RANK)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 50
        # AND what is wrong before it says so as ever
        assert (await client.post(url, headers={KEY_HEADER: "guess"})).status_code == 401
        assert (await client.put(url, headers=KEYS)).status_code == 405
        assert (await client.get("/status", headers=CLIENT_KEYS)).status_code == 403


async def test_keys_that_open_nothing_are_not_counted(serve: Serve) -> None:
    async with serve(Options(rate_limit=0.01)) as client:
        for number in range(50):
            answer = await client.get("/status", headers={KEY_HEADER: f"guess{number}"})
            assert answer.status_code == 401
        assert (await client.get("/status", headers=KEYS)).status_code == 200
