"""Whatever a detector accumulates, against the same recurrence in exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.rules.detectors.anomaly import AnomalyDetector
from tocsin.rules.detectors.course import Course
from tocsin.rules.detectors.gauge import gauge
from tocsin.rules.detectors.places import places
from tocsin.rules.detectors.season import DAY_S, season

DENORMAL = Fraction(2**-1074)
UNIT = Fraction(2**-53)

EXTREME = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(-1e300, 1e300),
    st.sampled_from([0.0, 5e-324, -5e-324, 1e-310, 2.2e-308, 1e300, -1e300, 1.0, -1.0]),
)
COURSES = st.one_of(
    st.lists(EXTREME, min_size=2, max_size=150),
    st.builds(lambda value, n: [value] * n, EXTREME, st.integers(2, 150)),
    st.builds(lambda value, n: [value * (-1) ** k for k in range(n)], EXTREME, st.integers(2, 150)),
)


def close(found: float, exact: Fraction, largest: float, steps: int) -> bool:
    """Within a few roundings a step of the largest number that took part, and of what denormals round off."""
    return abs(Fraction(found) - exact) <= 8 * min(steps, 400) * (UNIT * Fraction(largest) + DENORMAL)


def clipped(value: Fraction, most: Fraction) -> Fraction:
    return max(-most, min(most, value))


@given(values=COURSES)
@settings(max_examples=80, deadline=None)
def test_every_mean_of_the_course_is_that_of_exact_arithmetic(values: list[float]) -> None:
    course, first = Course(), Fraction(values[0])
    course.begin(values[0])
    fast = mid = tide = slow = long = first
    stay = unrest = mobility = Fraction(0)
    largest, last, step = max(abs(value) for value in values), values[0], 0.0
    spread = max(largest, 1e-300) / 8
    for n, value in enumerate(values[1:], 2):
        rate = 1.0 / n
        exact, weight = Fraction(value), Fraction(rate)
        moved = value - last
        course.follow(value, moved, rate, spread, spread)
        if moved and (abs(moved) < step or not step):
            step = abs(moved)
        stay += (clipped(exact - slow, 6 * Fraction(spread)) - stay) * Fraction(1 / 12)
        fast += (exact - fast) * Fraction(0.15)
        mid += (exact - mid) * Fraction(max(rate, 1 / 64))
        tide += (exact - tide) * Fraction(max(rate, 1 / 256))
        size = max(min(abs(Fraction(moved)), 8 * Fraction(spread)), Fraction(step) / 2)
        unrest += (size - unrest) * Fraction(1 / 16)
        course.settle(value, rate, rate)
        slow += (exact - slow) * Fraction(max(rate, 1 / 200))
        long += (exact - long) * weight
        mobility += ((0 if moved == 0 else 1) - mobility) * weight
        last = value
        for name, wanted in (("fast", fast), ("mid", mid), ("tide", tide), ("slow", slow), ("long", long),
                             ("stay", stay), ("unrest", unrest)):  # fmt: skip
            assert close(getattr(course, name), wanted, 2 * largest, n), name
        assert close(course.mobility, mobility, 1.0, n)
        assert course.step == step
    assert (course.lowest, course.highest) == (min(values), max(values))


@given(offs=st.lists(EXTREME, min_size=1, max_size=150))
@settings(max_examples=80, deadline=None)
def test_the_spread_of_a_gauge_is_that_of_exact_arithmetic(offs: list[float]) -> None:
    one, spread, largest = gauge(1e-6, 1e9), Fraction(0), max(abs(off) for off in offs)
    for n, off in enumerate(offs, 1):
        one.look(off, max(largest, 1e-300), 1.0 / n, n, n * 60.0)  # none of them exceeds the threshold
        spread += (abs(Fraction(off)) - spread) * Fraction(1.0 / n)
        assert close(one.spread, spread, largest, n)


@given(values=st.lists(EXTREME, min_size=1, max_size=40), days=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_season_is_that_of_exact_arithmetic(values: list[float], days: int) -> None:
    found, exact, counted = season(), [Fraction(0)] * 96, [0] * 96
    largest = max(abs(value) for value in values)
    for day in range(days):
        for slot in range(96):
            mean = Fraction(0)
            part = values[slot % len(values) :][:3]
            for number, value in enumerate(part, 1):
                found.learn(value * (-1) ** day, day * DAY_S + slot * 900.0 + number, 0.0)
                mean += (Fraction(value * (-1) ** day) - mean) / number
            counted[slot] = min(counted[slot] + 1, 7)
            exact[slot] += (mean - exact[slot]) / counted[slot]
    found.learn(0.0, days * DAY_S, 0.0)  # so that the last one is over
    for slot in range(96):
        assert close(found.day[slot], exact[slot], 2 * largest, 10 * days), slot


@given(offs=st.lists(EXTREME, min_size=1, max_size=200), spread=st.floats(1e-300, 1e300))
@settings(max_examples=60, deadline=None)
def test_places_are_counted_where_exact_arithmetic_puts_them(offs: list[float], spread: float) -> None:
    found, counts = places(), [0] * 49
    for off in offs:
        found.learn(off, spread)
        share = Fraction(off) / (Fraction(spread) + abs(Fraction(off)))
        at = 24 * share + Fraction(49, 2)
        if abs(at - round(at)) < Fraction(1, 10**9):
            return  # on the edge of two bins either is right
        counts[int(at)] += 1
    assert list(found.counts) == counts
    assert found.total == len(offs)


@given(
    steps=st.lists(st.sampled_from([0.0, 1e-3, 1.0, 17.0, 60.0, 3600.0]), min_size=1, max_size=200),
    begins_s=st.sampled_from([0.0, 1.7e9]),
)
@settings(max_examples=60, deadline=None)
def test_observed_time_is_that_of_exact_arithmetic(steps: list[float], begins_s: float) -> None:
    detector, at_s, rng = AnomalyDetector(), begins_s, Random(1)
    detector.update(0.0, at_s)
    now, interval, n, gaps, before_s = Fraction(0), Fraction(0), 1, 0, at_s
    for step in steps:
        at_s += step
        n += 1
        passed, before_s = at_s - before_s, at_s
        found = detector.to_state()
        detector.update(rng.random(), at_s)
        if passed <= 0.0:
            continue
        if n == 2:
            interval, now = Fraction(passed), now + Fraction(passed)
        elif passed > 5.0 * found["interval_s"] + 5.0:
            gaps += 1
            if gaps > 30:
                gaps, now = 0, now + interval
                interval = Fraction(passed)
            else:
                now += interval
        else:
            gaps, now = 0, now + Fraction(passed)
            interval += (Fraction(passed) - interval) * Fraction(max(0.05, 1.0 / n))
    found = detector.to_state()
    assert close(found["now_s"], now, max(float(now), 1.0), len(steps))
    assert close(found["interval_s"], interval, 3600.0, len(steps))


@pytest.mark.parametrize("size", [1.0, 1e-310, 1e300])
def test_errors_do_not_pile_up(size: float) -> None:
    # Two detectors' courses that began apart agree to the last digits once both have seen the same for long.
    one, other = Course(), Course()
    one.begin(size)
    other.begin(-size)
    rng = Random(5)
    for _ in range(60_000):
        value = rng.uniform(-1.0, 1.0) * size
        for course in (one, other):
            course.follow(value, 0.0, 0.0, size, size)
            course.settle(value, 0.0, 0.01)
    for name in ("fast", "mid", "tide", "slow", "long", "stay"):
        assert math.isclose(getattr(one, name), getattr(other, name), rel_tol=1e-9, abs_tol=1e-14 * size + 1e-320), name
