from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.readings import SeriesKey
from tocsin.series.envelope import PANES, ROWS, Envelope
from tocsin.series.memory import Series

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN_S = 192.0  # a pane a second


def filled(seconds: int, value: Callable[[float], float], *, every_s: float = 0.5, from_s: float = 0.0) -> Envelope:
    envelope = Envelope(SPAN_S)
    for number in range(int(seconds / every_s)):
        at_s = from_s + number * every_s
        envelope.push(at_s, value(at_s))
    return envelope


def test_a_straight_line_has_a_course_of_each_span_that_is_known() -> None:
    assert [course.span_s for course in filled(400, float).courses()] == [192.0, 96.0, 48.0, 24.0, 12.0]
    assert [course.span_s for course in filled(60, float).courses()] == [48.0, 24.0, 12.0]
    assert not list(filled(9, float).courses())
    assert (filled(9, float).is_known(), filled(14, float).is_known()) == (False, True)


def test_a_course_has_the_lowest_and_highest_of_each_stretch_with_their_times() -> None:
    [course] = [one for one in filled(14, lambda at_s: at_s).courses() if one.span_s == 12.0]

    assert course.lows == [(float(second), float(second)) for second in range(1, 13)]
    assert course.highs == [(second + 0.5, second + 0.5) for second in range(1, 13)]
    assert course.earlier == 0.0  # the first second, which is no longer in it


def test_what_does_not_rise_has_none() -> None:
    assert not list(filled(400, lambda _: 5.0).courses())
    assert not list(filled(400, lambda at_s: -at_s).courses())
    assert filled(400, lambda _: 5.0).is_known()


def test_a_level_that_was_held_before_is_known_long_after() -> None:
    envelope = filled(3000, lambda at_s: 80.0 if 100 <= at_s < 200 else at_s / 100)

    longest = next(envelope.courses())
    assert longest.earlier == 80.0


def test_a_spike_is_no_level_that_was_held() -> None:
    envelope = filled(3000, lambda at_s: 80.0 if at_s == 100.0 else at_s / 100)

    assert all(course.earlier < 31.0 for course in envelope.courses())


def test_a_hole_is_no_course_and_a_small_one_is_passed_over() -> None:
    small, great = Envelope(SPAN_S), Envelope(SPAN_S)
    for number in range(200):
        if not 180 <= number < 183:
            small.push(float(number), float(number))
        if not 170 <= number < 195:
            great.push(float(number), float(number))

    assert 12.0 not in [course.span_s for course in great.courses()]
    assert len(next(course for course in small.courses() if course.span_s == 24.0).lows) < 12


def test_a_gap_is_not_forgotten_over() -> None:
    envelope = filled(100, float)
    before = list(envelope.courses())
    envelope.clear()
    assert list(envelope.courses()) == before


def test_memory_is_bounded() -> None:
    envelope = filled(60_000, lambda at_s: at_s % 7, every_s=1.0)

    held = [len(row._cells) // 8 for row in envelope._rows]
    assert len(held) == ROWS
    assert max(held) <= PANES + 8


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=300), st.floats(0.1, 40.0))
def test_lows_and_highs_are_readings_and_all_lie_between_the_extremes(values: list[float], every_s: float) -> None:
    envelope, said = Envelope(SPAN_S), {}
    for number, value in enumerate(values):
        envelope.push(number * every_s, value)
        said[number * every_s] = value
    low, high = envelope.extent()
    assert math.isnan(low) or min(values) <= low <= high <= max(values)
    for course in envelope.courses():
        assert course.lows == sorted(course.lows)
        for (low_s, least), (high_s, most) in zip(course.lows, course.highs, strict=True):
            assert said[low_s] == least <= most == said[high_s]
        assert course.earlier <= max(values)


def test_a_series_has_one_for_each_look_back_and_begins_it_with_what_it_remembers() -> None:
    series = Series(SeriesKey("m"))
    for second in range(100):
        series.push(float(second), float(second))
    envelope = series.envelope(SPAN_S)
    series.push(100.0, 100.0)

    assert series.envelope(SPAN_S) is envelope
    assert series.envelope(60.0) is not envelope
    assert envelope.value(100.0) == 100.0
    assert next(envelope.courses()).span_s == 96.0


def test_another_process_goes_on_as_if_there_had_been_one() -> None:
    through = filled(400, lambda at_s: at_s % 50.0)
    one, ahead_s = filled(250, lambda at_s: at_s % 50.0), 1000.25
    other = Envelope(SPAN_S)
    other.go_on(one.to_builtins(), ahead_s)
    for number in range(500, 800):
        other.push(number / 2 - ahead_s, (number / 2) % 50.0)
    moved = [
        [(at_s + ahead_s, value) for at_s, value in rows] for one in other.courses() for rows in (one.lows, one.highs)
    ]
    assert moved == [rows for one in through.courses() for rows in (one.lows, one.highs)]
    assert [(one.span_s, one.earlier) for one in other.courses()] == [
        (one.span_s, one.earlier) for one in through.courses()
    ]


def test_readings_that_came_before_the_record_of_another_process_are_not_lost() -> None:
    other = Envelope(SPAN_S)
    other.push(250.25, 999.0)
    other.go_on(filled(250, float).to_builtins(), 0.0)
    assert other.value(251.0) == 999.0
    other.push(251.0, 1.0)
    assert other.extent()[1] == 999.0


def test_after_a_long_hole_there_is_no_course_until_enough_was_seen_again() -> None:
    envelope = filled(400, float)
    assert list(envelope.courses())
    envelope.push(700.0, 700.0)
    assert not envelope.is_known()
    for second in range(701, 720):
        envelope.push(float(second), float(second))
    assert [course.span_s for course in envelope.courses()] == [12.0]


@pytest.mark.parametrize("kept", [{}, {"rows": 3}, {**filled(20, float).to_builtins(), "span_s": 1.0},
                                  {**filled(20, float).to_builtins(), "rows": [[1.0], [], [], []]}])  # fmt: skip
def test_what_is_no_record_of_this_look_back_is_refused(kept: dict[str, Any]) -> None:
    envelope = Envelope(SPAN_S)
    with pytest.raises(ValueError, match=r"."):
        envelope.go_on(kept, 0.0)
    assert not envelope.is_known()
