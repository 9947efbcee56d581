from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.memory.leaks.timeline import MOST_MARKS, Timeline


def filled(number: int, step_s: float = 1.0) -> Timeline:
    timeline = Timeline()
    for at in range(1, number + 1):
        timeline.add(at * step_s, at * 10)
    return timeline


@given(st.lists(st.floats(min_value=0.01, max_value=1e4), min_size=1, max_size=300))
def test_it_stays_bounded_and_keeps_the_first_and_the_last_times(steps: list[float]) -> None:
    timeline, now_s = Timeline(), 0.0
    times = []
    for step_s in steps:
        now_s += step_s
        times.append(now_s)
        dropped = timeline.add(now_s, None)
        assert dropped is None or dropped[1] in timeline.times

    assert len(timeline.times) <= MOST_MARKS
    assert timeline.times[0] == times[0]
    assert timeline.times[-12:] == times[-12:]
    assert all(earlier < later for earlier, later in pairwise(timeline.times))


def test_no_cohort_of_a_long_run_is_wider_than_a_twelfth_of_it() -> None:
    timeline = filled(5_000)

    assert max(later - earlier for earlier, later in pairwise(timeline.times)) <= 5_000 / 12


def test_a_birth_belongs_to_the_cohort_that_ends_at_or_after_it() -> None:
    timeline = filled(5)

    assert timeline.mark_of(2.0) == 2.0
    assert timeline.mark_of(2.5) == 3.0
    assert timeline.mark_of(99.0) == 5.0
    assert timeline.begin_of(3.0) == 2.0
    assert timeline.begin_of(1.0) == 1.0


@pytest.mark.parametrize("number", [10, 500])
def test_it_counts_snapshots_also_those_whose_times_are_forgotten(number: int) -> None:
    timeline = filled(number)

    assert timeline.snapshots == number
    assert timeline.snapshots_since(0.0) == number
    assert timeline.snapshots_since(number - 3.0) == 3
    assert timeline.snapshots_since(number + 1.0) == 0


def test_the_start_of_the_profiler_is_a_time_but_no_snapshot() -> None:
    timeline = Timeline()
    timeline.begin(0.0, [], interval_bytes=1.0)
    timeline.add(2.0, None, interval_bytes=1.0)

    assert timeline.observed_s == 2.0
    assert timeline.snapshots_since(0.0) == 1
    assert timeline.begin_of(2.0) == 0.0


def test_many_times_from_before_are_thinned() -> None:
    timeline = Timeline()
    timeline.begin(0.0, [float(at) for at in range(1, 1_000)], interval_bytes=1.0)

    assert timeline.times[0] == 0.0
    assert len(timeline.times) <= MOST_MARKS // 2


def test_resident_memory_is_that_of_the_snapshot_before() -> None:
    timeline = filled(5)

    assert timeline.rss_at(3.0) == 30
    assert timeline.rss_at(3.9) == 30
    assert timeline.rss_at(99.0) == 50


def test_it_knows_when_samples_came_further_apart() -> None:
    timeline = Timeline()
    for at, interval in enumerate([100.0, 100.0, 400.0, 100.0], start=1):
        timeline.add(float(at), None, interval_bytes=interval)
        assert timeline.is_even == (at < 3)

    assert timeline.widest_interval([1.0, 3.0]) == 400.0
    assert timeline.widest_interval([1.0, 4.0]) == 100.0
