"""When what fills is full: told of fills of many shapes, silent on what only looks like one."""

from __future__ import annotations

import math

import pytest
from benchmarks.filling_series import BENIGN, DAY_S, FILLS, PACES, benign, fill
from benchmarks.forecast import judge_fill, rings_of
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.forecast import Course
from tocsin.rules.forecast import MARGIN, NEWS, forecast

# A swing that is seen for the first time may be taken for a fill; so often in two days, and never again.
NEVER_SEEN = {
    "wandering": 1, "teeth_40_min_high": 1, "teeth_1_h": 1, "teeth_2_h": 1, "teeth_6_h": 3, "teeth_24_h": 1,
    "daily": 1, "daily_deep": 2, "weekly": 1, "jobs": 1, "counter": 1,
}  # fmt: skip


def course(value_at: list[float], *, span_s: float = 1200.0, high: float = 0.0, earlier: float = -math.inf) -> Course:
    step_s = span_s / 12
    lows = [(number * step_s, value) for number, value in enumerate(value_at)]
    return Course(span_s, lows, [(at_s, value + high) for at_s, value in lows], earlier)


LINE = [20.0 + 5.0 * number for number in range(12)]


@pytest.mark.parametrize("kind", BENIGN)
def test_where_nothing_is_wrong_it_is_silent_once_it_was_seen(kind: str) -> None:
    rings = rings_of(benign(kind, 7, 120.0, 4 * DAY_S), 120.0)

    assert sum(ring.at_s < 2 * DAY_S for ring in rings) <= NEVER_SEEN.get(kind, 0), rings
    assert not [ring for ring in rings if ring.at_s >= 2 * DAY_S]


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("kind", FILLS)
def test_every_fill_is_told_of_in_time(kind: str, pace: float) -> None:
    found = judge_fill(fill(kind, pace, 3, 30.0), 30.0)

    assert found.lead_s is not None
    assert found.lead_s >= (3600.0 if pace < 30.0 else 900.0)


@pytest.mark.parametrize("kind", ["straight", "little_noise", "teeth_10_min", "teeth_40_min"])
def test_of_steady_fills_the_limit_lies_in_the_interval(kind: str) -> None:
    judged = [judge_fill(fill(kind, pace, 11, 30.0), 30.0) for pace in PACES]

    assert sum(one.made for one in judged) > 100
    assert sum(one.inside for one in judged) >= 0.8 * sum(one.made for one in judged)


def test_a_straight_line_is_followed_to_the_limit() -> None:
    found = forecast([course(LINE)], 95.0, 1100.0, 75.0)

    assert found is not None
    assert found.in_s == pytest.approx(400.0)
    assert found.early_s == pytest.approx(400.0 * (1 - MARGIN))
    assert found.late_s == pytest.approx(400.0 * (1 + MARGIN))
    assert (found.pace, found.tooth) == pytest.approx((0.05, 0.0))


def test_teeth_reach_the_limit_with_their_peaks_and_are_judged_by_their_floors() -> None:
    found = forecast([course(LINE, high=10.0)], 95.0, 1100.0, 75.0)

    assert found is not None
    assert found.in_s == pytest.approx(200.0)
    assert found.tooth == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("lows", "why"),
    [
        ([20.0] * 6 + [75.0] * 6, "a step"),
        ([*LINE[:8], 55.0, 55.0, 55.0, 55.0], "it has come to a stop"),
        ([20.0, 70.0, 20.0, 70.0, 20.0, 70.0, 20.0, 70.0, 20.0, 70.0, 20.0, 75.0], "teeth as long as two stretches"),
        ([75.0 - 55.0 * 0.5**number for number in range(12)], "it ends below the limit"),
        ([75.0 - value for value in LINE], "it falls"),
        ([*(value + 35.0 for value in LINE[:8]), 90.1, 90.0, 90.2, 90.1], "what it rises by is noise"),
    ],
)
def test_there_is_no_forecast_where_there_is_no_trend(lows: list[float], why: str) -> None:
    assert forecast([course(lows)], 95.0, 1100.0, lows[-1]) is None, why


def test_nor_further_ahead_than_the_past_is_known() -> None:
    assert forecast([course(LINE)], 75.0 + 59.0, 1100.0, 75.0) is not None
    assert forecast([course(LINE)], 75.0 + 61.0, 1100.0, 75.0) is None


def test_nor_up_to_a_level_from_which_it_came_back_earlier() -> None:
    level = 75.0
    news = (level - NEWS * 95.0) / (1 - NEWS)  # an earlier level from which on this one is news
    assert forecast([course(LINE, earlier=news - 0.01)], 95.0, 1100.0, level) is not None
    assert forecast([course(LINE, earlier=news + 0.01)], 95.0, 1100.0, level) is None
    assert forecast([course(LINE, earlier=97.0)], 95.0, 1100.0, level) is not None, "then it did reach the limit"


def test_a_reading_far_below_the_line_makes_the_way_longer() -> None:
    found = forecast([course(LINE)], 95.0, 1100.0, 60.0)

    assert found is not None
    assert found.in_s == pytest.approx(700.0)


def test_of_several_courses_the_interval_holds_all() -> None:
    slow = course([30.0 + 4.0 * number for number in range(12)])
    found = forecast([course(LINE), slow], 95.0, 1100.0, 75.0)
    [one, other] = [forecast([single], 95.0, 1100.0, 75.0) for single in (course(LINE), slow)]

    assert found is not None
    assert one is not None
    assert other is not None
    assert (found.early_s, found.late_s) == (min(one.early_s, other.early_s), max(one.late_s, other.late_s))


@given(st.lists(st.floats(0, 1e12), min_size=9, max_size=12), st.floats(0, 1e12), st.floats(0, 1e12))
def test_an_interval_is_one_whatever_came(lows: list[float], high: float, present: float) -> None:
    found = forecast([course(lows, high=high)], 1e12, 1100.0, present)

    if found is not None:
        assert 0.0 <= found.early_s <= found.in_s <= found.late_s < math.inf
        assert found.pace > 0.0
