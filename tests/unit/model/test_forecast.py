from __future__ import annotations

import pytest

from tocsin.model.forecast import Forecast, format_time_left, when

SOON = Forecast(
    limit=0.95, made_s=100.0, in_s=6600.0, early_s=4800.0, late_s=9600.0, pace=1e-5, span_s=14_400.0, tooth=0.0
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (40.4, "40 s"),
        (60.0, "1 m"),
        (90.0, "1 m 30 s"),
        (599.6, "10 m"),
        (2400.0, "40 m"),
        (3599.0, "60 m"),
        (6600.0, "1 h 50 m"),
        (7199.0, "2 h"),
        (36_000.0, "10 h"),
        (273_600.0, "3 d 4 h"),
        (86_400.0 * 40, "40 d"),
    ],
)
def test_a_time_to_come_is_said_in_two_units_at_most(seconds: float, words: str) -> None:
    assert format_time_left(seconds) == words


def test_a_forecast_says_the_limit_the_time_and_the_interval() -> None:
    assert SOON.words("1") == "95 % in 1 h 50 m (1 h 20 m to 2 h 40 m)"


def test_seen_later_the_crossing_is_nearer_and_never_in_the_past() -> None:
    assert SOON.at(1900.0).words("1") == "95 % in 1 h 20 m (50 m to 2 h 10 m)"
    assert SOON.at(100.0 + 6700.0).words("1") == "95 % in 0 s (0 s to 48 m)"
    assert SOON.at(1e6).words("1") == "95 % now"
    assert SOON.at(0.0) == SOON


def test_an_interval_that_reads_the_same_is_left_out() -> None:
    assert when(600.0, 600.0, 600.2) == "in 10 m"
