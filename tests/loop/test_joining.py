from __future__ import annotations

from dataclasses import astuple, dataclass

import orjson
import pytest
import zstandard

from loop.configuration import RewardAggregation, ServiceConfiguration
from loop.events import (
    BATCHED,
    SECOND,
    Activation,
    Decision,
    Dropped,
    Micros,
    Observation,
    Reward,
    SlotRewards,
)
from loop.joined import JoinedEvent
from loop.joining import EARLY, HORIZON, Joiner, JoinState, Unjoined
from loop.manifest import Counts

T = Micros(1_700_000_000 * SECOND)
WAIT = 600 * SECOND
MS = 1_000


def at(offset: int) -> Micros:
    return Micros(T + offset)


def decision(offset: int = 0, event_id: str = "e", deferred: bool = False) -> Decision:
    return Decision(event_id, at(offset), b"{}", (0, 1), (0.75, 0.25), deferred=deferred)


def reward(offset: int, value: float = 1.0, event_id: str = "e") -> Reward:
    return Reward(event_id, at(offset), value)


@dataclass
class Outcome:
    events: list[JoinedEvent]
    unjoined: list[Unjoined]
    counts: Counts


def run(
    *rows: Decision | Observation,
    wait: int = WAIT,
    how: RewardAggregation = RewardAggregation.EARLIEST,
) -> Outcome:
    """Everything that comes out of rows, each handed over when its time has come."""
    counts = Counts()
    joiner = Joiner(JoinState(), wait, counts)
    configuration = ServiceConfiguration(reward_aggregation=how, default_reward=-9.0)
    observations = sorted((r for r in rows if not isinstance(r, Decision)), key=lambda r: r.time)
    decisions = sorted((r for r in rows if isinstance(r, Decision)), key=lambda r: r.time)
    outcome = Outcome([], [], counts)
    for d in decisions:
        due = [o for o in observations if o.time < d.time + wait]
        observations = observations[len(due) :]
        joiner.observe(due)
        for joined, found in joiner.join([d]):
            assert isinstance(joined, Decision)
            outcome.events.append(JoinedEvent.of(joined, found, configuration))
        outcome.unjoined += joiner.advance(d.time)
    joiner.observe(observations)
    outcome.unjoined += joiner.advance(T + 10 * WAIT + 10 * EARLY)
    return outcome


@pytest.mark.parametrize(
    ("offset", "joined", "late", "orphaned"),
    [
        (-EARLY - MS, 0, 0, 1),
        (-EARLY, 0, 0, 1),
        (-EARLY + 1, 1, 0, 0),
        (-EARLY + MS, 1, 0, 0),
        (0, 1, 0, 0),
        (WAIT - MS, 1, 0, 0),
        (WAIT - 1, 1, 0, 0),
        (WAIT, 0, 1, 0),
        (WAIT + MS, 0, 1, 0),
        (WAIT + HORIZON - 1, 0, 1, 0),
        (WAIT + HORIZON, 0, 0, 1),
    ],
)
def test_a_reward_counts_inside_the_window_only(
    offset: int, joined: int, late: int, orphaned: int
) -> None:
    # GIVEN a decision WHEN a reward arrives at an edge of its window
    outcome = run(decision(), reward(offset, 0.5))

    # THEN it is learned inside of it, both edges left out, and sorted by why not outside of it
    assert outcome.events[0].reward == (0.5 if joined else -9.0)
    counts = outcome.counts
    assert (counts.joined, counts.late, counts.orphaned) == (joined, late, orphaned)
    assert [u.late for u in outcome.unjoined] == [offset] * late + [0] * orphaned


@pytest.mark.parametrize("wait", [5 * SECOND, 15 * SECOND, WAIT, 48 * 3600 * SECOND])
def test_the_window_ends_with_the_wait(wait: int) -> None:
    assert run(decision(), reward(wait - 1, 0.5), wait=wait).events[0].reward == 0.5
    assert run(decision(), reward(wait, 0.5), wait=wait).events[0].reward == -9.0


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (RewardAggregation.EARLIEST, 0.25),
        (RewardAggregation.AVERAGE, 0.375),
        (RewardAggregation.MEDIAN, 0.25),
        (RewardAggregation.SUM, 1.125),
        (RewardAggregation.MIN, -0.125),
        (RewardAggregation.MAX, 1.0),
    ],
)
def test_several_rewards_are_aggregated(how: RewardAggregation, expected: float) -> None:
    # GIVEN three rewards in the window and one at either side of it
    outcome = run(
        decision(),
        reward(3 * SECOND, 1.0),
        reward(1 * SECOND, 0.25),
        reward(2 * SECOND, -0.125),
        reward(-EARLY, 5.0),
        reward(WAIT, 5.0),
        how=how,
    )
    # THEN the three are aggregated
    assert outcome.events[0].reward == expected
    assert outcome.counts.joined == 3


@pytest.mark.parametrize(
    ("activated_at", "rewarded", "learned"),
    [
        (None, False, False),
        (None, True, False),
        (-EARLY, True, False),
        (-EARLY + 1, True, True),
        (1, False, True),
        (WAIT - 1, True, True),
        (WAIT, True, False),
    ],
)
def test_a_deferred_decision_is_learned_once_it_is_activated(
    activated_at: int | None, rewarded: bool, learned: bool
) -> None:
    rows: list[Decision | Observation] = [decision(deferred=True)]
    if activated_at is not None:
        rows.append(Activation("e", at(activated_at)))
    if rewarded:
        rows.append(reward(1, 0.5))

    [event] = run(*rows).events

    assert (event.lesson is not None) == learned
    assert event.reward == (0.5 if rewarded else -9.0)


def test_a_decision_that_is_not_deferred_needs_no_activation() -> None:
    outcome = run(decision(), Activation("e", at(1)))
    assert outcome.events[0].lesson is not None
    assert outcome.counts.activated == 1


@pytest.mark.parametrize(
    ("second", "events"),
    [(1, 1), (HORIZON - 1, 1), (HORIZON, 2), (HORIZON + 1, 2)],
)
def test_a_repeat_of_an_event_id_is_a_duplicate_up_to_the_horizon(second: int, events: int) -> None:
    outcome = run(decision(), decision(second))
    assert len(outcome.events) == events
    assert outcome.counts.decisions == 2
    assert outcome.counts.duplicates == 2 - events


def test_the_horizon_runs_from_the_event_and_not_from_its_repeats() -> None:
    outcome = run(decision(), decision(HORIZON - 1), decision(HORIZON))
    assert [e.decision.time for e in outcome.events] == [T, at(HORIZON)]


def test_a_reward_goes_to_the_first_of_two_decisions_with_one_id() -> None:
    # GIVEN a repeat whose window reaches further than the event's
    outcome = run(decision(), decision(60 * SECOND), reward(1, 0.5), reward(WAIT + 1, 0.7))
    # THEN the repeat has no window of its own
    assert [e.reward for e in outcome.events] == [0.5]
    assert (outcome.counts.joined, outcome.counts.late) == (1, 1)


def test_a_reward_belongs_to_every_event_whose_window_holds_it() -> None:
    # GIVEN an id that is used again while its first window is open
    wait = 2 * HORIZON
    outcome = run(
        decision(), decision(HORIZON), reward(HORIZON + 1, 0.5), reward(wait + 1, 0.25), wait=wait
    )
    # THEN a reward in both windows is learned with both, and counts as one reward
    assert [e.reward for e in outcome.events] == [0.5, 0.5]
    assert [len(e.observations) for e in outcome.events] == [1, 2]
    assert (outcome.counts.rewards, outcome.counts.joined) == (2, 2)


def test_a_late_reward_may_still_be_in_time_for_the_next_event() -> None:
    outcome = run(decision(), decision(WAIT + 90 * SECOND), reward(WAIT + 1, 0.5))
    assert [e.reward for e in outcome.events] == [-9.0, 0.5]
    assert (outcome.counts.joined, outcome.counts.late) == (1, 0)


def test_observations_of_nothing_are_orphans_and_strays() -> None:
    lone, activation = reward(0, event_id="x"), Activation("x", at(1))
    outcome = run(decision(), lone, activation, Dropped(at(2), 3))
    assert outcome.unjoined == [Unjoined(lone, late=0), Unjoined(activation, late=0)]
    counts = outcome.counts
    assert (counts.orphaned, counts.strayed, counts.dropped) == (1, 1, 3)


def test_what_is_carried_over_makes_no_difference() -> None:
    # GIVEN the same rows
    rows: list[Observation] = [
        reward(-1, 0.1),
        reward(5, 0.2),
        Activation("f", at(6)),
        SlotRewards("f", at(7), (("top", 1.0), ("side", 0.0))),
        reward(WAIT + 5, 0.3),
    ]
    decisions = [decision(), decision(0, "f", deferred=True), decision(7), decision(HORIZON + 7)]

    def joined(encode: bool) -> tuple[list[object], tuple[int, ...]]:
        counts, state, out = Counts(), JoinState(), list[object]()
        for row in [*rows, *decisions]:
            if encode:
                state = JoinState.decode(state.encode())
            joiner = Joiner(state, WAIT, counts)
            if isinstance(row, Decision):
                out += joiner.join([row])
                out += joiner.advance(row.time)
            else:
                joiner.observe([row])
        return out, astuple(counts)

    # WHEN the state goes through its encoding between any two of them THEN nothing changes
    assert joined(encode=True) == joined(encode=False)


def test_what_is_over_is_forgotten() -> None:
    # GIVEN ten thousand events, an hour of them
    state = JoinState()
    joiner = Joiner(state, WAIT, Counts())
    largest = 0
    for i in range(10_000):
        now = i * 360_000
        joiner.observe([reward(now + WAIT - 1, event_id=f"e{i}")])
        joiner.join([decision(now, f"e{i}")])
        joiner.advance(T + now)
        largest = max(largest, len(state.waiting) + len(state.recent))
    # THEN the state never holds more than the wait, the horizon and the two minutes
    assert largest <= (WAIT + EARLY + HORIZON) / 360_000 + 2
    # AND nothing once they are over
    joiner.advance(T + 3600 * SECOND + WAIT + EARLY + HORIZON)
    assert not state


def test_a_reward_of_a_batch_that_was_sent_again_counts_once() -> None:
    # GIVEN a batch with two equal rewards for an event, and the same batch some buckets later
    nonces = [f"{BATCHED}0", f"{BATCHED}1"]
    sent = [Reward("e", at(offset), 1.0, nonce) for offset in (1, 40_000_000) for nonce in nonces]
    # WHEN the trainer meets it in one run, or in another than the batch itself
    for encode in (False, True):
        counts, state = Counts(), JoinState()
        for row in sent:
            Joiner(state, WAIT, counts).observe([row])
            state = JoinState.decode(state.encode()) if encode else state
        [(_, observations)] = Joiner(state, WAIT, counts).join([decision()])
        # THEN the rewards are the two of the batch
        assert observations == tuple(sent[:2])
        assert (counts.rewards, counts.repeated, counts.joined) == (2, 2, 2)


def test_a_state_of_before_there_were_batches_is_read() -> None:
    # GIVEN a state with a reward, as it was kept then
    state = JoinState()
    Joiner(state, WAIT, Counts()).observe([reward(1, 0.5)])
    columns = orjson.loads(zstandard.decompress(state.encode()))
    del columns["nonces"]
    # WHEN it is read now THEN the reward is still waited for
    assert JoinState.decode(zstandard.compress(orjson.dumps(columns))) == state
