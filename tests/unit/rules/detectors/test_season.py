from __future__ import annotations

import math

import pytest

from tocsin.rules.detectors.season import DAY_S, Season, season

MONDAY_S = 1_767_571_200.0
DAY = 288  # readings, one every five minutes


def learned(days: int, step_s: float) -> Season:
    found = season()
    for number in range(int(days * DAY_S / step_s)):
        at_s = MONDAY_S + number * step_s
        found.learn(sine(at_s), at_s, 0.0)
    return found


def sine(at_s: float) -> float:
    return 10.0 * math.sin(2 * math.pi * at_s / DAY_S)


def test_nothing_is_known_before_a_slot_was_met() -> None:
    assert season().known(MONDAY_S) is None


@pytest.mark.parametrize("step_s", [60.0, 300.0, 900.0])
def test_a_profile_follows_the_day_between_its_slots(step_s: float) -> None:
    found = learned(2, step_s)
    for quarter in range(96 * 3):
        at_s = MONDAY_S + 5 * DAY_S + quarter * 317.0
        known = found.known(at_s)
        assert known is not None
        assert abs(known - sine(at_s)) < 0.8 if step_s == 900.0 else abs(known - sine(at_s)) < 0.4


def test_midnight_lies_between_the_last_slot_and_the_first() -> None:
    found = learned(2, 60.0)
    known = found.known(MONDAY_S)
    assert known is not None
    assert abs(known) < 0.1


def test_hourly_readings_leave_no_holes() -> None:
    found = learned(3, 3600.0)
    assert all(found.known(MONDAY_S + quarter * 900.0) is not None for quarter in range(96))


def test_a_long_outage_leaves_a_hole() -> None:
    found = season()
    for number in range(24 * 60):
        if not 6 * 60 <= number < 12 * 60:
            found.learn(1.0, MONDAY_S + number * 60.0, 1.0)
    assert found.known(MONDAY_S + 10 * 3600.0) is None
    assert found.known(MONDAY_S + 3 * 3600.0) == 1.0


def test_a_week_is_known_beside_the_day() -> None:
    found, off, off_by_day = season(), 0.0, 0.0
    for number in range(28 * DAY):
        at_s = MONDAY_S + number * 300.0
        value = 0.0 if number % (7 * DAY) >= 5 * DAY else 10.0
        day = found.known(at_s)
        if number >= 21 * DAY:
            assert day is not None
            off += abs(value - (found.known(at_s, week=True) or 0.0)) / (7 * DAY)
            off_by_day += abs(value - day) / (7 * DAY)
        found.learn(value, at_s, 7.0)
    assert off < 0.25 * off_by_day


def test_moving_the_level_moves_the_whole_profile() -> None:
    found = learned(2, 300.0)
    before = found.known(MONDAY_S + 20_000.0)
    found.move(5.0)
    after = found.known(MONDAY_S + 20_000.0)
    assert before is not None
    assert after == pytest.approx(before + 5.0)
