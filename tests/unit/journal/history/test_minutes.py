"""Minutes: the shape of a gauge, and where a counter stood."""

from __future__ import annotations

import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.journal.history.minutes import by_the_minute

NAN = math.nan


def test_a_gauge_keeps_its_mean_and_its_extremes() -> None:
    strip = by_the_minute([0.0, 59.9, 60.0, 125.0], [[1.0, 3.0, 5.0, NAN]], [False])

    assert list(strip.times) == [0.0, 60.0, 120.0]
    assert list(strip.columns[0]) == pytest.approx([2.0, 5.0, NAN], nan_ok=True)
    assert list(strip.columns[1]) == pytest.approx([1.0, 5.0, NAN], nan_ok=True)
    assert list(strip.columns[2]) == pytest.approx([3.0, 5.0, NAN], nan_ok=True)


def test_a_counter_keeps_where_it_stood_last() -> None:
    strip = by_the_minute([0.0, 30.0, 59.0, 60.0], [[1.0, 2.0, NAN, 9.0]], [True])

    assert [list(column) for column in strip.columns] == [[2.0, 9.0]]


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(-1e6, 1e6)), min_size=1, max_size=60))
def test_minutes_hold_all_readings_in_whatever_order_the_clock_gave_them(rows: list[tuple[float, float]]) -> None:
    times, values = [row[0] for row in rows], [row[1] for row in rows]

    strip = by_the_minute(times, [values], [False])

    by_hand: dict[float, list[float]] = {}
    for at_s, value in rows:
        by_hand.setdefault(at_s // 60 * 60, []).append(value)
    assert list(strip.times) == sorted(by_hand)
    for start_s, mean, low, high in zip(strip.times, *strip.columns, strict=True):
        assert mean == pytest.approx(fmean(by_hand[start_s]))
        assert (low, high) == (min(by_hand[start_s]), max(by_hand[start_s]))
