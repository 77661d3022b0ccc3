"""Intervals hold the true value as often as they say, on a world where that is known.

`make coverage` says so with more replications, of more events and policies.
"""

from __future__ import annotations

from functools import partial
from itertools import chain

from benchmarks.coverage import CONTENDERS, WINNER, Row, replicate, rows
from benchmarks.known_worlds import Setting, settings
from loop.estimates import CONFIDENCE

REPLICATIONS = 60
EVENTS = 1_000

LEAST = 51 / REPLICATIONS
"""With a coverage of 95 %, fewer of 60 intervals hold the true value once in 2,000 times."""

SOME = {name: CONTENDERS[name] for name in ("default", "triples", "triples, ips")}


def play(setting: Setting) -> dict[str, Row]:
    replicated = partial(replicate, setting, (EVENTS,), SOME)
    found = rows(chain.from_iterable(map(replicated, range(REPLICATIONS))))
    return {row.policy: row for row in found}


def assert_they_hold(found: dict[str, Row]) -> None:
    assert set(found) == {"online", "baseline", "random", *SOME, WINNER}
    for row in found.values():
        assert row.events == EVENTS
        assert row.coverage >= LEAST, row


def test_intervals_hold_the_true_value() -> None:
    # GIVEN loops of a coffee shop that learn in steps, and evaluations of what they have logged
    rich, *_ = settings()
    found = play(rich)
    # THEN the intervals of every policy hold its true value
    assert_they_hold(found)
    # AND tell a policy that learns well from chance
    good, chance = found["triples"], found["random"]
    assert good.truth - good.half_width > chance.truth + chance.half_width


def test_they_hold_it_where_rewards_are_rare() -> None:
    # GIVEN the same of a shop where customers seldom buy
    [*_, poor] = settings()
    found = play(poor)
    # THEN they hold it there
    assert_they_hold(found)
    # AND those of the delta method alone would miss it several times too often
    assert found["default"].plain < 1 - 3 * (1 - CONFIDENCE)
