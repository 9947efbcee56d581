from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.rules.detectors.course import Course

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200)


@given(values=VALUES)
@settings(max_examples=50, deadline=None)
def test_the_means_are_those_of_exact_arithmetic(values: list[float]) -> None:
    course = Course()
    course.begin(values[0])
    fast = tide = slow = long = Fraction(values[0])
    largest = max(abs(value) for value in values)
    for number, value in enumerate(values[1:], 2):
        rate = 1.0 / number
        course.follow(value, 1.0, rate, 1.0, 1.0)
        course.settle(value, rate, rate)
        exact = Fraction(value)
        slow += (exact - slow) * Fraction(max(rate, 1 / 200))
        long += (exact - long) * Fraction(rate)
        fast += (exact - fast) * Fraction(0.15)
        tide += (exact - tide) * Fraction(max(rate, 1 / 256))
        for found, wanted in ((course.fast, fast), (course.tide, tide), (course.slow, slow), (course.long, long)):
            assert abs(Fraction(found) - wanted) <= Fraction(1e-13) * Fraction(largest or 1.0) + Fraction(
                1e-320
            )  # what denormals round off


def test_an_error_of_long_ago_is_forgotten() -> None:
    # A running sum would keep what was added and taken away; a mean that only moves towards what comes does not.
    course = Course()
    course.begin(1e300)
    for _ in range(300_000):
        course.follow(1.0, 0.0, 0.0, 1.0, 1.0)
        course.settle(1.0, 0.0, 0.01)
    for found in (course.fast, course.mid, course.tide, course.slow, course.long):
        assert abs(found - 1.0) < 1e-13


def test_equal_readings_are_counted_as_a_run() -> None:
    course = Course()
    course.begin(3.0)
    for value in (3.0, 3.0, 4.0, 4.0, 4.5):
        course.follow(value, 1.0, 0.1, 1.0, 1.0)
    assert (course.run, course.moves, course.step) == (0, 2, 0.5)
    course.follow(4.5, 0.0, 0.1, 1.0, 1.0)
    assert course.run == 1
