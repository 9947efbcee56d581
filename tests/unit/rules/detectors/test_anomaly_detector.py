from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.model.anomaly import AnomalyVerdict, Phase, Reason
from tocsin.rules.detectors.anomaly import AnomalyDetector

if TYPE_CHECKING:
    from collections.abc import Iterable

START_S = 1_767_571_200.0
DAY = 1440


def noise(seed: int, n: int, mean: float = 30.0, spread: float = 5.0) -> list[float]:
    rng = Random(seed)
    return [rng.gauss(mean, spread) for _ in range(n)]


def feed(
    detector: AnomalyDetector, values: Iterable[float], *, first: int = 0, step_s: float = 60.0
) -> list[AnomalyVerdict]:
    return [detector.update(value, START_S + number * step_s) for number, value in enumerate(values, first)]


@pytest.fixture(scope="module")
def learned() -> dict[str, Any]:
    """The state after ten days of noise of 30 ± 5, a reading a minute."""
    detector = AnomalyDetector()
    feed(detector, noise(1, 10 * DAY))
    return detector.to_state()


def test_it_says_how_much_it_has_learned() -> None:
    verdicts = feed(AnomalyDetector(), noise(2, DAY + 60))
    assert {one.phase for one in verdicts[:100]} == {Phase.SILENT}
    assert {one.phase for one in verdicts[100:DAY]} == {Phase.PROVISIONAL}
    assert verdicts[-1].phase is Phase.CALIBRATED


def test_it_never_rings_in_its_first_hundred_readings() -> None:
    values = noise(3, 100)
    values[60] = 1e9
    assert not any(one.alarm for one in feed(AnomalyDetector(), values))


def test_on_the_first_day_only_what_is_far_outside_rings() -> None:
    quiet, loud = AnomalyDetector(), AnomalyDetector()
    feed(quiet, noise(4, 600))
    feed(loud, noise(4, 600))
    assert not feed(quiet, [60.0], first=600)[0].alarm
    assert feed(loud, [300.0], first=600)[0].alarm


def test_a_spike_rings_at_once_and_once(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned)
    verdicts = feed(detector, [75.0, 75.0, *noise(5, 60)], first=10 * DAY)
    assert [one.alarm for one in verdicts] == [True, *[False] * 61]
    first = verdicts[0]
    assert first.reason is Reason.RESIDUAL
    assert first.low < first.expected < first.high < 75.0
    assert first.p_value < 1e-4
    assert first.return_period_s > 7 * 86_400
    assert first.score == pytest.approx(-math.log(first.p_value))
    assert not verdicts[-1].abnormal


def test_a_fall_is_a_drop(learned: dict[str, Any]) -> None:
    verdict = feed(AnomalyDetector.from_state(learned), [-15.0], first=10 * DAY)[0]
    assert (verdict.alarm, verdict.reason) == (True, Reason.DROP)


def test_a_step_is_a_shift_once_it_stays_and_is_adopted_after_six_hours(learned: dict[str, Any]) -> None:
    verdicts = feed(AnomalyDetector.from_state(learned), noise(6, 12 * 60, mean=90.0), first=10 * DAY)
    assert verdicts[0].alarm
    assert verdicts[30].reason is Reason.SHIFT
    assert verdicts[350].abnormal
    assert not any(one.abnormal for one in verdicts[365:])
    assert sum(one.alarm for one in verdicts) <= 2
    assert abs(verdicts[-1].expected - 90.0) < 15.0


@pytest.mark.parametrize("value", [300.0, -300.0])
def test_what_goes_on_is_not_expected(learned: dict[str, Any], value: float) -> None:
    detector = AnomalyDetector.from_state(learned)
    verdicts = feed(detector, [value] * 60, first=10 * DAY)
    assert all(one.low < one.expected < one.high for one in verdicts)
    assert all(25.0 < one.expected < 35.0 for one in verdicts)
    assert not any(one.low < value < one.high for one in verdicts)
    assert detector.band(START_S + (10 * DAY + 60) * 60.0) == (
        verdicts[-1].expected, verdicts[-1].low, verdicts[-1].high,
    )  # fmt: skip


def test_a_way_that_was_long_is_expected_where_it_began(learned: dict[str, Any]) -> None:
    values = [value + number / 30 for number, value in enumerate(noise(7, DAY))]
    verdicts = feed(AnomalyDetector.from_state(learned), values, first=10 * DAY)
    assert all(one.low <= one.expected <= one.high for one in verdicts if one.abnormal)


def test_a_change_that_is_known_by_its_mean_is_not_expected_when_it_is_told(learned: dict[str, Any]) -> None:
    verdicts = feed(AnomalyDetector.from_state(learned), noise(21, 40, mean=46.0, spread=2.0), first=10 * DAY)
    number, first = next((number, one) for number, one in enumerate(verdicts) if one.alarm)
    assert number > 3
    assert 25.0 < first.expected < 35.0
    assert first.low <= first.expected <= first.high


@pytest.mark.parametrize("size", [60.0, 300.0])
def test_a_level_that_was_adopted_does_not_ring_a_day_later(learned: dict[str, Any], size: float) -> None:
    detector = AnomalyDetector.from_state(learned)
    first = 10 * DAY + 7  # in the midst of a quarter of an hour
    feed(detector, noise(18, 7), first=10 * DAY)
    verdicts = feed(detector, noise(19, 3 * DAY, mean=30.0 + size), first=first)
    assert [number for number, one in enumerate(verdicts) if one.alarm] == [0]


@pytest.mark.parametrize(("mean", "seed"), [(1030.0, 25), (2530.0, 24), (5030.0, 24)])
def test_a_step_of_hundreds_of_spreads_rings_once(learned: dict[str, Any], mean: float, seed: int) -> None:
    verdicts = feed(AnomalyDetector.from_state(learned), noise(seed, 2 * DAY, mean=mean), first=10 * DAY)
    assert [number for number, one in enumerate(verdicts) if one.alarm] == [0]


def test_a_day_after_such_a_step_a_spike_rings_as_it_did_before(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned)
    feed(detector, noise(22, DAY, mean=5030.0), first=10 * DAY)
    [verdict] = feed(detector, [5075.0], first=11 * DAY)
    assert (verdict.alarm, verdict.reason) == (True, Reason.RESIDUAL)


def test_a_slow_way_up_is_a_matter_of_level(learned: dict[str, Any]) -> None:
    values = [value + number / 30 for number, value in enumerate(noise(7, DAY))]
    verdicts = feed(AnomalyDetector.from_state(learned), values, first=10 * DAY)
    assert any(one.alarm for one in verdicts)
    assert any(one.abnormal and one.reason is Reason.LEVEL for one in verdicts)


def test_a_stuck_value_is_a_matter_of_noise(learned: dict[str, Any]) -> None:
    verdicts = feed(AnomalyDetector.from_state(learned), [31.0] * 40, first=10 * DAY)
    assert any(one.alarm and one.reason is Reason.NOISE for one in verdicts)


def test_more_restless_readings_are_a_matter_of_noise(learned: dict[str, Any]) -> None:
    values = [30.0 + (-1) ** number * 12.0 for number in range(60)]
    verdicts = feed(AnomalyDetector.from_state(learned), values, first=10 * DAY)
    assert any(one.alarm and one.reason is Reason.NOISE for one in verdicts)


def test_a_lost_season_is_named() -> None:
    rng = Random(8)
    daily = [40.0 + 20.0 * math.sin(2 * math.pi * number / DAY) + rng.gauss(0.0, 2.0) for number in range(4 * DAY)]
    detector = AnomalyDetector()
    feed(detector, daily)
    verdicts = feed(detector, noise(9, DAY // 2, mean=40.0, spread=2.0), first=4 * DAY)
    assert any(one.alarm for one in verdicts)
    assert Reason.SEASON in {one.reason for one in verdicts if one.abnormal}


def test_an_alarm_in_a_stretch_does_not_teach_that_it_is_ordinary(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned)
    before = detector.band(START_S + 10 * DAY * 60.0)
    feed(detector, [200.0] * 30 + noise(10, 120), first=10 * DAY)
    after = detector.band(START_S + (10 * DAY + 150) * 60.0)
    assert after.high - after.expected < 1.2 * (before.high - before.expected)


def test_what_is_nearer_than_the_least_change_never_rings(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned, min_change=100.0)
    verdict = feed(detector, [75.0], first=10 * DAY)[0]
    assert not verdict.alarm
    assert verdict.high >= verdict.expected + 100.0
    assert verdict.low <= verdict.expected - 100.0


def test_standing_still_is_no_change_where_a_least_change_is_asked_for(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned, min_change=1.0)
    assert not any(one.abnormal for one in feed(detector, [30.5] * 200, first=10 * DAY))


def test_a_least_change_does_not_end_an_episode_that_goes_on(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned, min_change=20.0)
    verdicts = feed(detector, noise(16, 180, mean=90.0), first=10 * DAY)
    assert all(one.abnormal for one in verdicts)  # though what is expected has long followed
    back = feed(detector, noise(17, 120), first=10 * DAY + 180)
    assert not any(one.alarm for one in back)
    assert not back[-1].abnormal


def test_bands_stay_within_what_is_legal(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned, legal_range=(20.0, 40.0))
    verdict = feed(detector, [30.0], first=10 * DAY)[0]
    assert (verdict.low, verdict.high) == (20.0, 40.0)


def test_a_larger_budget_rings_sooner(learned: dict[str, Any]) -> None:
    at_s = START_S + 10 * DAY * 60.0
    rare = AnomalyDetector.from_state(learned, false_alarms_per_week=0.01).band(at_s)
    often = AnomalyDetector.from_state(learned, false_alarms_per_week=20.0).band(at_s)
    assert often.high < rare.high
    assert often.low > rare.low


def test_what_is_no_number_is_passed_over(learned: dict[str, Any]) -> None:
    one, other = AnomalyDetector.from_state(learned), AnomalyDetector.from_state(learned)
    for value in (math.nan, math.inf, -math.inf):
        verdict = one.update(value, START_S + 10 * DAY * 60.0)
        assert not verdict.alarm
        assert verdict.score == 0.0
    assert one.to_state() == other.to_state()


def test_a_clock_that_steps_back_is_no_time_that_passed(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned)
    verdicts = [detector.update(value, START_S + 9 * 86_400.0) for value in noise(11, 60)]
    assert not any(one.alarm for one in verdicts)
    assert detector.to_state()["now_s"] == learned["now_s"]


def test_a_clock_that_was_set_back_does_not_stop_time(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned)
    feed(detector, noise(11, 60))  # ten days ago
    assert detector.to_state()["now_s"] - learned["now_s"] == pytest.approx(59 * 60.0)
    verdicts = feed(detector, noise(20, 12 * 60, mean=90.0), first=60)
    assert verdicts[0].alarm
    assert not verdicts[-1].abnormal  # adopted


def test_a_gap_is_neither_time_nor_a_change(learned: dict[str, Any]) -> None:
    detector = AnomalyDetector.from_state(learned)
    verdict = detector.update(42.0, START_S + 13 * 86_400.0)
    assert not verdict.alarm
    assert detector.to_state()["now_s"] - learned["now_s"] == pytest.approx(60.0)


@pytest.mark.parametrize("pace_s", [40.0, 600.0, 3600.0])
def test_a_metric_that_comes_more_seldom_than_before_is_learned_on(learned: dict[str, Any], pace_s: float) -> None:
    detector, at_s = AnomalyDetector.from_state(learned), START_S + 10 * DAY * 60.0
    for value in noise(14, 300):
        at_s += pace_s
        detector.update(value, at_s)
    state = detector.to_state()
    assert state["interval_s"] == pytest.approx(pace_s, rel=1e-4)
    assert state["now_s"] - learned["now_s"] == pytest.approx(300 * pace_s, rel=0.12)


def test_two_first_readings_of_one_moment_do_not_stop_time() -> None:
    detector = AnomalyDetector()
    detector.update(1.0, START_S)
    feed(detector, noise(15, 2 * DAY))
    assert detector.phase is Phase.CALIBRATED


def test_readings_may_come_at_irregular_times() -> None:
    rng, at_s, alarms = Random(12), START_S, 0
    detector = AnomalyDetector()
    for value in noise(12, 4 * DAY):
        at_s += rng.choice([20.0, 60.0, 60.0, 130.0])
        alarms += detector.update(value, at_s).alarm
    assert alarms <= 1


@pytest.mark.parametrize("value", [0.0, 5.0, -3.5, 5e-324, 1e308, 1.7e308, -1e308])
def test_a_constant_never_rings(value: float) -> None:
    verdicts = feed(AnomalyDetector(), [value] * (2 * DAY))
    assert not any(one.alarm for one in verdicts)
    assert all(math.isfinite(one.expected) for one in verdicts)


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1.0, 1e300, 1.7e308])
def test_extreme_numbers_break_nothing(size: float) -> None:
    rng = Random(13)
    values = [rng.choice([-1.0, 1.0]) * rng.random() * size for _ in range(2 * DAY)]
    detector = AnomalyDetector()
    verdicts = feed(detector, values)
    assert sum(one.alarm for one in verdicts) <= 2
    assert all(math.isfinite(one.score) and 0.0 <= one.p_value <= 1.0 for one in verdicts)
    assert msgspec.json.decode(msgspec.json.encode(detector.to_state())) == detector.to_state()


@pytest.mark.parametrize("value", [True, 2**70, -(10**400)], ids=["true", "huge", "beyond a float"])
def test_numbers_that_are_no_floats_leave_a_state_that_can_be_kept(value: float) -> None:
    detector = AnomalyDetector()
    feed(detector, [1, value, 3, value])
    kept = msgspec.msgpack.encode(detector.to_state())
    assert AnomalyDetector.from_state(msgspec.msgpack.decode(kept)).to_state() == detector.to_state()


MANY = st.lists(
    st.one_of(st.floats(), st.floats(-100.0, 100.0), st.integers(-3, 3).map(float)), min_size=2, max_size=400
)


@given(values=MANY, step_s=st.sampled_from([0.0, 0.1, 1.0, 60.0, 3600.0]), cut=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_detector_goes_on_from_its_state_bit_for_bit(values: list[float], step_s: float, cut: float) -> None:
    at = int(cut * len(values))
    through, stopped = AnomalyDetector(), AnomalyDetector()
    feed(through, values[:at], step_s=step_s)
    feed(stopped, values[:at], step_s=step_s)
    kept = msgspec.json.encode(stopped.to_state())
    resumed = AnomalyDetector.from_state(msgspec.json.decode(kept))
    assert msgspec.json.encode(resumed.to_state()) == kept
    after = feed(resumed, values[at:], first=at, step_s=step_s)
    assert repr(after) == repr(feed(through, values[at:], first=at, step_s=step_s))
    assert resumed.to_state() == through.to_state()


def test_ten_days_survive_a_restart_bit_for_bit(learned: dict[str, Any]) -> None:
    for encode, decode in (
        (msgspec.json.encode, msgspec.json.decode),
        (msgspec.msgpack.encode, msgspec.msgpack.decode),
    ):
        assert AnomalyDetector.from_state(decode(encode(learned))).to_state() == learned


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({}, "version None, expected 1"),
        ({"version": 99}, "version 99, expected 1"),
        ({"version": 1}, "missing required field"),
        ("text", "version None"),
    ],
)
def test_what_is_no_state_is_refused_with_what_to_do(state: Any, named: str) -> None:
    with pytest.raises(ValueError, match=rf"detector state: .*{named}.*it learns again"):
        AnomalyDetector.from_state(state)


@pytest.mark.parametrize(
    ("settings_of_it", "named"),
    [
        ({"false_alarms_per_week": 0.0}, "false_alarms_per_week: found 0.0"),
        ({"false_alarms_per_week": math.nan}, "false_alarms_per_week: found nan"),
        ({"min_change": -1.0}, "min_change: found -1.0"),
        ({"legal_range": (1.0, 0.0)}, "legal_range"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings_of_it: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        AnomalyDetector(**settings_of_it)
