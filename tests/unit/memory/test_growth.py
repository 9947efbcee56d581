"""How fast memory grows, judged by what may disturb it."""

from __future__ import annotations

from random import Random

import pytest

from tocsin.memory.growth import Growth


def fed(values: list[float], step_s: float = 5.0, window_s: float = 60.0) -> Growth:
    growth = Growth(window_s)
    for number, value in enumerate(values):
        growth.add(number * step_s, value)
    return growth


def test_a_steady_growth_is_found() -> None:
    assert fed([1e8 + 5 * 2.5e6 * number for number in range(13)]).mb_per_s() == pytest.approx(2.5)


def test_shrinking_is_negative() -> None:
    assert fed([1e9 - 5e6 * number for number in range(13)]).mb_per_s() == pytest.approx(-1.0)


def test_one_load_of_a_large_file_is_no_growth() -> None:
    assert fed([1e8] * 9 + [6e8] * 3).mb_per_s() == 0.0


def test_noise_hides_no_growth() -> None:
    rng = Random(1)
    values = [1e8 + 5e6 * number + rng.gauss(0, 5e6) for number in range(13)]
    assert fed(values).mb_per_s() == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(("readings", "step_s"), [(0, 5.0), (4, 5.0), (20, 0.5)])
def test_few_readings_or_a_short_time_give_no_rate(readings: int, step_s: float) -> None:
    assert fed([1e8 + 1e7 * number for number in range(readings)], step_s).mb_per_s() is None


def test_five_readings_over_ten_seconds_give_one() -> None:
    assert fed([1e8 + 1e7 * number for number in range(5)], 2.5).mb_per_s() == pytest.approx(4.0)


def test_what_lies_before_the_window_counts_no_more() -> None:
    assert fed([1e7 * number for number in range(20)] + [2e8] * 13).mb_per_s() == 0.0


def test_readings_that_come_fast_are_thinned_and_span_the_window() -> None:
    growth = fed([1e8 + 1e3 * number for number in range(60_000)], 0.001)
    assert len(growth) <= 66
    assert growth.span_s() == pytest.approx(59.999, abs=0.1)
    assert growth.mb_per_s() == pytest.approx(1.0)


def test_a_rate_begins_anew_after_it_was_forgotten() -> None:
    growth = fed([1e8 * number for number in range(10)])
    growth.forget()
    assert growth.mb_per_s() is None
