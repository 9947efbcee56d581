"""What the survivors of one site do, without chance."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.memory.leaks.simulated import Block, evenly, every, snapshots

from tocsin.memory.leaks.cohorts import Cohort, CohortHistory
from tocsin.memory.leaks.episodes import Episode
from tocsin.memory.leaks.growth import Growth, Trend, _Figures, _trend, find_growth
from tocsin.memory.leaks.timeline import Timeline


def found(blocks: list[Block], *, until_s: float = 100.0, step_s: float = 1.0, standing: bool = False) -> Growth:
    timeline, history = Timeline(), CohortHistory()
    timeline.begin(0.0, [], interval_bytes=1.0)
    for snapshot in snapshots(blocks, every(step_s, until_s)):
        dropped = timeline.add(snapshot.at_s, None, interval_bytes=1.0)
        if dropped:
            history.merge(*dropped)
        births = [birth for stack in snapshot.stacks for birth in stack.births]
        history.observe(births, timeline, marks={}, trust=True)
    return find_growth(history, timeline, standing=standing)


def test_what_comes_evenly_and_stays_grows() -> None:
    growth = found(evenly(20, 0.0, 100.0))

    assert growth.trend is Trend.GROWS
    assert growth.samples == 20
    assert growth.snapshots == 100
    assert growth.length_s == 100.0
    assert 0.8 <= growth.recency <= 1.2


def test_below_8_samples_nothing_grows() -> None:
    assert found(evenly(7, 0.0, 100.0)).trend is Trend.FEW
    assert found(evenly(8, 0.0, 100.0)).trend is Trend.GROWS


def test_below_4_snapshots_nothing_grows() -> None:
    assert found(evenly(60, 0.0, 30.0), until_s=30.0, step_s=10.0).trend is Trend.FEW
    assert found(evenly(60, 0.0, 40.0), until_s=40.0, step_s=10.0).trend is Trend.GROWS


def test_below_two_thirds_of_ten_seconds_nothing_grows() -> None:
    assert found(evenly(60, 0.0, 6.0), until_s=6.0, step_s=0.5).trend is Trend.FEW
    assert found(evenly(60, 0.0, 7.0), until_s=7.0, step_s=0.5).trend is Trend.GROWS


def test_what_came_at_once_is_no_growth() -> None:
    assert found(evenly(60, 90.0, 91.0)).trend is not Trend.GROWS
    assert found(evenly(60, 0.0, 1.0)).trend in {Trend.SLOWS, Trend.STOPPED}


def test_what_came_until_two_thirds_has_stopped() -> None:
    assert found(evenly(20, 0.0, 66.0)).trend is Trend.STOPPED
    assert found(evenly(20, 0.0, 66.0), standing=True).trend is Trend.STOPPED


def test_where_old_ones_go_as_new_ones_come_it_dies() -> None:
    blocks = [Block(1, one.born_s, one.born_s + 60.0) for one in evenly(50, 0.0, 100.0)]

    assert found(blocks, until_s=55.0).trend is Trend.GROWS
    assert found(blocks).trend is Trend.DIES
    assert found(blocks, standing=True).trend is Trend.DIES


def test_what_comes_ever_slower_slows() -> None:
    blocks = [Block(1, 100.0 * (number / 40) ** 3) for number in range(1, 40)]

    assert found(blocks).trend in {Trend.SLOWS, Trend.STOPPED}


def test_a_load_at_the_beginning_hides_no_growth_after_it() -> None:
    growth = found(evenly(60, 0.0, 2.0) + evenly(30, 2.0, 100.0))

    assert growth.trend is Trend.GROWS
    assert growth.begin_s >= 1.0
    assert growth.samples <= 61


def test_growth_that_begins_late_is_counted_from_there() -> None:
    growth = found(evenly(2, 0.0, 70.0) + evenly(30, 70.0, 100.0))

    assert growth.trend is Trend.GROWS
    assert growth.begin_s >= 60.0


def test_bursts_are_a_growth() -> None:
    blocks = [block for number in range(8) for block in evenly(10, 12.0 * number + 5.0, 12.0 * number + 6.0)]

    assert found(blocks).trend is Trend.GROWS


def test_what_comes_and_goes_in_the_same_line_is_left_out() -> None:
    short = [Block(1, one.born_s, one.born_s + 2.0) for one in evenly(900, 0.0, 100.0)]

    growth = found(evenly(30, 0.0, 100.0) + short)

    assert growth.trend is Trend.GROWS
    assert growth.settled_s > 0.5
    assert growth.samples <= 40


def test_what_lives_longer_than_before_is_watched_for_as_long_again() -> None:
    batches = [Block(1, one.born_s, 30.0) for one in evenly(60, 0.0, 30.0)]

    assert found(batches + evenly(60, 30.0, 59.0), until_s=59.0).trend is not Trend.GROWS
    assert found(batches + evenly(300, 30.0, 200.0), until_s=200.0).trend is Trend.GROWS


def test_nothing_is_no_growth() -> None:
    assert found([Block(1, 1.0, 2.0)]).trend is Trend.FEW


def test_bursts_are_one_growth_and_not_each_its_own() -> None:
    blocks = [block for number in range(8) for block in evenly(10, 14.0 * number, 14.0 * number + 1.0)]

    assert found(blocks).begin_s == 0.0


def test_a_cluster_that_ends_is_no_end_of_the_growth() -> None:
    blocks = evenly(18, 0.0, 90.0) + evenly(20, 80.0, 92.0)

    assert found(blocks, standing=True).trend is not Trend.STOPPED


def trend_of(
    counts: list[int], *, missing: float = 0.0, standing: bool = False, over: bool = False, **fields: Any
) -> Trend:
    """Of births in twelfths of a minute."""
    cohorts = [
        Cohort(5.0 * at, 5.0 * at + 5.0, count, 100.0 * count, count) for at, count in enumerate(counts) if count
    ]
    values: dict[str, Any] = {"begin_s": 0.0, "end_s": 60.0, "samples": sum(counts), "snapshots": 60} | fields
    figures = _Figures(Episode(0.0, cohorts), 60.0)
    figures.missing = missing
    return _trend(Growth(trend=Trend.FEW, **values), figures, standing=standing, over=over)


EVEN = [3] * 12


@pytest.mark.parametrize(
    ("died", "standing", "trend"),
    [
        (6, False, Trend.GROWS),
        (7, False, Trend.DIES),
        (9, True, Trend.GROWS),
        (12, True, Trend.DIES),
    ],
)
def test_it_dies_where_more_than_half_as_many_go_as_come(died: int, standing: bool, trend: Trend) -> None:
    assert trend_of(EVEN, died=died, born=12, standing=standing) is trend


def test_what_was_seen_to_live_longer_is_watched_for_that_long() -> None:
    assert trend_of(EVEN, settled_s=59.0) is Trend.GROWS
    assert trend_of(EVEN, settled_s=61.0) is Trend.FEW


@pytest.mark.parametrize(
    ("missing", "standing", "trend"),
    [
        (4.4, False, Trend.GROWS),
        (4.6, False, Trend.STOPPED),
        (5.2, True, Trend.GROWS),
        (5.3, True, Trend.STOPPED),
    ],
)
def test_it_has_stopped_where_births_are_missing(missing: float, standing: bool, trend: Trend) -> None:
    assert trend_of(EVEN, missing=missing, standing=standing) is trend


def test_births_that_lie_early_slow() -> None:
    few, many = [3, 2, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1], [24, 18, 18, 18, 6, 6, 6, 6, 6, 6, 6, 6]

    assert trend_of(few) is trend_of(few, standing=True) is Trend.GROWS
    assert trend_of(few, over=True) is Trend.SLOWS
    assert trend_of(many) is trend_of(many, standing=True) is Trend.SLOWS


def test_slowing_itself_is_no_burst_that_would_excuse_it() -> None:
    assert trend_of([60, 30, 15, 8, 4, 2, 1, 1, 1, 0, 1, 0]) is Trend.SLOWS


def test_too_few_births_in_the_last_third_slow() -> None:
    assert trend_of([3, 3, 3, 3, 5, 5, 5, 5, 1, 1, 1, 1]) is Trend.SLOWS
    assert trend_of([1, 1, 1, 1, 2, 2, 1, 1, 0, 1, 0, 0]) is Trend.GROWS
    assert trend_of([1, 1, 1, 1, 2, 2, 1, 1, 0, 1, 0, 0], over=True) is Trend.SLOWS


def test_births_in_a_few_bursts_only_are_uneven() -> None:
    assert trend_of([0, 9, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0]) is Trend.UNEVEN
    assert trend_of([0, 9, 0, 0, 9, 0, 0, 9, 0, 0, 9, 0]) is Trend.GROWS
