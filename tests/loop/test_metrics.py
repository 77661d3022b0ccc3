from __future__ import annotations

from dataclasses import replace

import pytest

from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Decision, LearningMode, Micros, MultiSlotDecision, SlotDecision
from loop.joined import JoinedEvent
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent, SlotOutcome
from loop.metrics import (
    EVENTS,
    FINE_CELLS,
    MOST_CELLS,
    SETTLING,
    Cell,
    LearningMetrics,
    Period,
    Selection,
    Sums,
    rows,
)
from loop.segments import HOUR

ONLINE, APPRENTICE = LearningMode.ONLINE, LearningMode.APPRENTICE
EVER = Selection(Micros(0), Micros(2**62))


def event(
    seconds: float, reward: float = 1.0, *, choice: int = 0, mode: LearningMode = ONLINE
) -> JoinedEvent:
    time = Micros(round(seconds * SECOND))
    decision = Decision("e", time, b"{}", (choice, 1 - choice), (0.5, 0.5), "m", mode)
    return JoinedEvent(decision, (), reward)


def counted(*events: Event) -> LearningMetrics:
    metrics = LearningMetrics()
    for some in events:
        metrics.add(some)
    return metrics


def table(metrics: LearningMetrics, asked: Selection) -> list[list[tuple[int, int]]]:
    """Of each row, its events and the cumulative ones."""
    found = rows(metrics, asked)
    return [[(row.sums.events, row.cumulative.events) for row in period] for period in found]


def test_events_rewards_and_those_that_match_the_baseline_add_up() -> None:
    metrics = counted(event(1, 0.5), event(2, 0.25, choice=1), event(3, -1.0), event(3600, 0.125))

    [[first, second]] = rows(metrics, EVER)

    assert (first.start, first.end) == (1 * SECOND, 3 * SECOND)
    assert first.sums == first.cumulative == Sums(3, -0.25, 2, -0.5)
    assert second.sums == Sums(1, 0.125, 1, 0.125)
    assert second.cumulative == Sums(4, -0.125, 3, -0.375)


def test_an_apprentice_counts_what_was_observed_not_what_it_is_taught() -> None:
    metrics = counted(event(1, 0.5, mode=APPRENTICE), event(2, 0.75, choice=1, mode=APPRENTICE))
    [[row]] = rows(metrics, EVER)
    assert (row.mode, row.sums) == (APPRENTICE, Sums(2, 1.25, 1, 0.5))


@pytest.mark.parametrize(("draws", "matched"), [((1, 0), 1), ((0, 1), 0), ((1, 1), 0)])
def test_a_page_matches_where_each_of_its_slots_does(draws: tuple[int, int], matched: int) -> None:
    slots = tuple(
        SlotDecision(name, (draw,), (1.0,), baseline)
        for name, draw, baseline in zip("ab", draws, (1, 0), strict=True)
    )
    decision = MultiSlotDecision("e", Micros(5), b"{}", slots)
    page = MultiSlotEvent(decision, (SlotOutcome((), 0.5), SlotOutcome((), 0.25)))
    [[row]] = rows(counted(page), EVER)
    assert row.sums == Sums(1, 0.75, matched, 0.75 * matched)


def test_what_came_to_nothing_does_not_count() -> None:
    unseen = event(1)
    unseen = replace(unseen, decision=replace(unseen.decision, deferred=True))
    watched = event(1, 1e300, mode=LearningMode.LOGGING_ONLY)
    assert counted(unseen, event(2).withhold(), watched) == LearningMetrics()


class TestPeriods:
    def test_each_stretch_of_a_mode_is_one(self) -> None:
        modes = [ONLINE, ONLINE, APPRENTICE, ONLINE]
        metrics = counted(*(event(100 * i, mode=mode) for i, mode in enumerate(modes)))
        found = [[(row.mode, row.sums.events) for row in period] for period in rows(metrics, EVER)]
        assert found == [[(ONLINE, 2)], [(APPRENTICE, 1)], [(ONLINE, 1)]]

    def test_who_has_not_noticed_a_change_counts_in_the_period_before(self) -> None:
        # GIVEN two processes, one of which has a new mode a while before the other
        events = [event(i, mode=(ONLINE, APPRENTICE)[i % 2]) for i in range(10)]
        last = SETTLING // SECOND
        metrics = counted(*events, event(last + 0.5), event(last + 1, mode=APPRENTICE))
        assert table(metrics, EVER) == [[(6, 6)], [(6, 6)]]
        # BUT not any longer
        metrics.add(event(last + 1))
        assert table(metrics, EVER) == [[(6, 6)], [(6, 6)], [(1, 1)]]


class TestRows:
    def test_by_hours_are_counted_from_midnight(self) -> None:
        metrics = counted(*(event(3600 * hour) for hour in (0, 1, 2, 3, 7, 8)))
        asked = replace(EVER, hours=4)
        assert table(metrics, asked) == [[(4, 4), (1, 5), (1, 6)]]

    def test_by_events_are_counted_from_the_period_s_first(self) -> None:
        # GIVEN 25,000 events, of which an hour has 7,000
        one = event(0)
        metrics = LearningMetrics([Period(ONLINE, Micros(0))])
        for i in range(25_000):
            decision = replace(one.decision, time=Micros(i // 7_000 * HOUR + i))
            metrics.add(replace(one, decision=decision))
        by_ten = Selection(Micros(0), EVER.end, hours=None, events=EVENTS)
        assert table(metrics, by_ten) == [[(10_000, 10_000), (10_000, 20_000), (5_000, 25_000)]]
        by_twenty = replace(by_ten, events=2 * EVENTS)
        assert table(metrics, by_twenty) == [[(20_000, 20_000), (5_000, 25_000)]]
        # AND the last ones of them are whole aggregates that hold at least so many
        assert table(metrics, replace(by_ten, recent=5_000)) == [[(5_000, 25_000)]]
        assert table(metrics, replace(by_ten, recent=5_001)) == [[(6_000, 20_000), (5_000, 25_000)]]

    def test_by_both_end_where_either_does(self) -> None:
        metrics = LearningMetrics([Period(ONLINE, Micros(0))])
        for hour, count in ((0, 10_000), (0, 5_000), (1, 5_000), (1, 1)):
            metrics.periods[0].add(Micros(hour * HOUR), Sums(count))
        assert table(metrics, replace(EVER, events=EVENTS)) == [
            [(10_000, 10_000), (5_000, 15_000), (5_000, 20_000), (1, 20_001)]
        ]

    def test_hours_that_a_range_touches_are_in_it(self) -> None:
        metrics = counted(*(event(3600 * hour + 1800) for hour in range(5)))
        asked = Selection(Micros(HOUR + 5), Micros(3 * HOUR + 1))
        assert table(metrics, asked) == [[(1, 2), (1, 3), (1, 4)]]
        assert table(metrics, Selection(Micros(HOUR), Micros(2 * HOUR))) == [[(1, 2)]]
        assert table(metrics, Selection(Micros(9 * HOUR), Micros(10 * HOUR))) == []


class TestForgetting:
    def test_what_is_dropped_still_counts_in_the_totals(self) -> None:
        metrics = counted(*(event(3600 * hour) for hour in range(5)))
        metrics.forget(3 * HOUR)
        assert table(metrics, EVER) == [[(1, 4), (1, 5)]]
        again = LearningMetrics.decode(metrics.encode())
        again.add(event(3600 * 5))
        assert table(again, EVER) == [[(1, 4), (1, 5), (1, 6)]]

    def test_a_period_that_is_over_goes_with_its_last_cell(self) -> None:
        metrics = counted(event(0), event(3600, mode=APPRENTICE))
        metrics.forget(2 * HOUR)
        assert [period.mode for period in metrics.periods] == [APPRENTICE]
        metrics.add(event(3 * 3600, mode=APPRENTICE))
        assert table(metrics, EVER) == [[(1, 2)]]

    def test_older_cells_become_whole_hours(self) -> None:
        # GIVEN a busy hour, and then as many cells as are kept fine
        period = Period(ONLINE, Micros(0))
        for _ in range(50):
            period.add(Micros(0), Sums(EVENTS))
        for _ in range(FINE_CELLS):
            period.add(Micros(HOUR), Sums(EVENTS))
        metrics = LearningMetrics([period])
        metrics.forget(0)
        assert len(period.cells) == 1 + FINE_CELLS
        assert period.cells[0] == Cell(Micros(0), Micros(0), Sums(50 * EVENTS))

    def test_there_are_never_more_cells_than_that(self) -> None:
        period = Period(ONLINE, Micros(0))
        for hour in range(MOST_CELLS + 100):
            period.add(Micros(hour * HOUR), Sums(1, 0.1))
        metrics = LearningMetrics([period])
        metrics.forget(0)
        assert len(period.cells) == MOST_CELLS
        assert period.before.events == 100
        assert len(metrics.encode()) < 400_000


def test_however_often_it_is_kept_and_read_again_it_adds_up_the_same() -> None:
    events = [event(i * 1000, i / 7, choice=i % 3 % 2) for i in range(50)]
    metrics = LearningMetrics()
    for some in events:
        metrics = LearningMetrics.decode(metrics.encode())
        metrics.add(some)
    assert metrics == counted(*events)


def test_the_default_reward_counts_as_well() -> None:
    decision = event(0).decision
    silent = JoinedEvent.of(decision, (), ServiceConfiguration(default_reward=-0.5))
    [[row]] = rows(counted(silent), EVER)
    assert row.sums.rewards == -0.5
