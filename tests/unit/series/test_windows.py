"""Each window gives what a person would work out from the readings it spans."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.readings import SeriesKey
from tocsin.model.rule_fields import AGGREGATES
from tocsin.series.memory import Series
from tocsin.series.windows import make_window

SPAN_S = 10.0
STEPS = st.floats(0.0, 4.0).map(lambda seconds: round(seconds, 3))
VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
READINGS = st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=40)


def timed(steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    at_s, readings = 0.0, []
    for step_s, value in steps:
        at_s += step_s
        readings.append((at_s, value))
    return readings


def by_hand(aggregate: str, inside: list[tuple[float, float]], *, counter: bool) -> float:
    values = [value for _, value in inside]
    if aggregate == "last":
        return values[-1]
    if aggregate in {"avg", "sum"}:
        return fmean(values) if aggregate == "avg" else math.fsum(values)
    if aggregate in {"min", "max"}:
        return min(values) if aggregate == "min" else max(values)
    if aggregate.startswith("p"):
        if len(values) == 1:
            return values[0]
        return quantiles(values, n=100, method="inclusive")[int(aggregate[1:]) - 1]
    if len(values) < 2:
        return math.nan
    steps = [after - before for before, after in pairwise(values)]
    rise = math.fsum(max(step, 0.0) for step in steps) if counter else values[-1] - values[0]
    seconds = inside[-1][0] - inside[0][0]
    if aggregate == "delta":
        return rise
    return rise / seconds if seconds > 0 else math.nan


@pytest.mark.parametrize("counter", [False, True], ids=["gauge", "counter"])
@pytest.mark.parametrize("aggregate", AGGREGATES)
@given(steps=READINGS)
def test_a_window_agrees_with_working_it_out_by_hand(
    aggregate: str, counter: bool, steps: list[tuple[float, float]]
) -> None:
    window = make_window(aggregate, SPAN_S, counter=counter)
    readings = timed(steps)
    for place, (at_s, value) in enumerate(readings):
        window.push(at_s, value)
        inside = [reading for reading in readings[: place + 1] if reading[0] >= at_s - SPAN_S]
        expected = by_hand(aggregate, inside, counter=counter)
        found = window.value(at_s)
        assert math.isnan(found) == math.isnan(expected)
        if not math.isnan(expected):
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_window_whose_readings_are_all_too_old_has_no_value(aggregate: str) -> None:
    window = make_window(aggregate, SPAN_S, counter=False)
    window.push(0.0, 1.0)
    window.push(1.0, 2.0)
    assert math.isnan(window.value(20.0))


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_cleared_window_begins_anew(aggregate: str) -> None:
    window, fresh = make_window(aggregate, SPAN_S, counter=False), make_window(aggregate, SPAN_S, counter=False)
    window.push(0.0, 1e9)
    window.push(0.5, -1e9)
    window.clear()
    for at_s, value in [(1.0, 3.0), (2.0, 5.0)]:
        window.push(at_s, value)
        fresh.push(at_s, value)
    assert window.value(2.0) == fresh.value(2.0)


def test_a_rate_has_no_value_before_two_readings() -> None:
    window = make_window("rate", SPAN_S, counter=True)
    window.push(0.0, 100.0)
    assert math.isnan(window.value(0.0))


def test_a_counter_that_falls_was_reset_and_counts_for_nothing() -> None:
    window = make_window("delta", SPAN_S, counter=True)
    for at_s, value in enumerate([100.0, 110.0, 3.0, 5.0]):
        window.push(float(at_s), value)
    assert window.value(3.0) == 12.0


def test_a_million_sums_do_not_drift() -> None:
    window = make_window("sum", 3.0, counter=False)
    for at_s in range(50_000):
        window.push(float(at_s), 1e9 if at_s % 2 else 1e-9)
    for at_s in range(50_000, 50_004):
        window.push(float(at_s), 0.25)
    assert window.value(50_003.0) == pytest.approx(1.0, abs=1e-6)


def test_an_unknown_aggregate_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="median"):
        make_window("median", 1.0, counter=False)


def test_a_series_keeps_at_most_twice_its_points() -> None:
    series = Series(SeriesKey("m"), points=10)
    longest = 0
    for at_s in range(1000):
        series.push(float(at_s), float(at_s))
        longest = max(longest, len(series.readings()))
    assert longest <= 20
    assert series.recent(10) == [float(at_s) for at_s in range(990, 1000)]


def test_rules_that_ask_for_the_same_share_one_window() -> None:
    series = Series(SeriesKey("m"))
    assert series.look_through("avg", 10.0) == series.look_through("avg", 10.0)
    assert series.look_through("last", 0.0) is None


def test_a_window_that_is_asked_for_late_begins_with_what_is_remembered() -> None:
    series = Series(SeriesKey("m"))
    for at_s in range(5):
        series.push(float(at_s), float(at_s))
    look = series.look_through("avg", 10.0)
    assert look is not None
    assert look(4.0) == 2.0


def test_a_counter_is_shown_as_its_rate() -> None:
    series = Series(SeriesKey("system.network.io"))
    assert math.isnan(series.latest())
    series.push(0.0, 100.0)
    assert math.isnan(series.latest())
    series.push(2.0, 300.0)
    series.push(3.0, 50.0)
    assert series.recent(5) == [100.0, 0.0]
    assert series.latest() == 0.0


def test_readings_across_a_gap_make_no_rate() -> None:
    series = Series(SeriesKey("system.network.io"))
    look = series.look_through("rate", 60.0)
    assert look is not None
    series.push(0.0, 0.0)
    series.push(1.0, 10.0)
    series.forget_windows()
    series.push(2.0, 1e9)
    assert math.isnan(look(2.0))
