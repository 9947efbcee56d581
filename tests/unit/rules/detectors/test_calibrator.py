from __future__ import annotations

from random import Random

from tocsin.rules.detectors.calibrator import MOST_PEAKS, WEEK_S, Calibrator, calibrator

MINUTE_S, DAY_S = 60.0, 86_400.0
ONCE_A_WEEK = 1 / WEEK_S


def feed(one: Calibrator, scores: list[float], *, step_s: float = MINUTE_S, first: int = 0) -> int:
    """How many clusters exceed the level."""
    exceeded = 0
    for number, score in enumerate(scores, first):
        if score > one.threshold:
            one.exceed(score, number, number * step_s)
            if score > one.level and not one.rang:
                exceeded += 1
                one.rang = True
    return exceeded


def exponential(seed: int, n: int) -> list[float]:
    rng = Random(seed)
    return [rng.expovariate(1.0) for _ in range(n)]


def test_an_exponential_score_exceeds_the_level_no_more_often_than_asked() -> None:
    weeks = 20
    exceeded = [
        feed(calibrator(floor=4.0, scale=1.0, budget_per_s=budget), exponential(seed, weeks * 10_080))
        for seed, budget in enumerate([ONCE_A_WEEK, ONCE_A_WEEK, 3 * ONCE_A_WEEK])
    ]
    assert 2 <= exceeded[0] <= 30
    assert 2 <= exceeded[1] <= 30
    assert 15 <= exceeded[2] <= 90


def test_the_level_does_not_depend_on_the_rate_of_readings_but_on_time() -> None:
    slow = calibrator(floor=4.0, scale=1.0, budget_per_s=ONCE_A_WEEK)
    fast = calibrator(floor=4.0, scale=1.0, budget_per_s=ONCE_A_WEEK)
    feed(slow, exponential(1, 40_000))
    feed(fast, exponential(1, 40_000), step_s=1.0)
    assert fast.level > slow.level + 2.0  # the same scores in a sixtieth of the time: each is the more common


def test_readings_that_belong_together_are_one_peak() -> None:
    one = calibrator(floor=1.0, scale=1.0, budget_per_s=ONCE_A_WEEK)
    feed(one, [2.0, 3.0, 0.0, 5.0, 2.0])
    one.close(3600.0)
    assert list(one.heights) == [5.0]
    assert one.times[0] < 3600.0


def test_only_the_highest_peaks_are_kept_and_the_threshold_rises_to_them() -> None:
    one = calibrator(floor=1.0, scale=1.0, budget_per_s=ONCE_A_WEEK)
    for number in range(100):
        one.exceed(2.0 + number, number * 20, number * 1200.0)
    one.close(100 * 1200.0)
    assert list(one.heights) == [2.0 + number for number in range(100 - MOST_PEAKS, 100)]
    assert one.threshold == one.heights[0]


def test_what_was_seen_is_no_news() -> None:
    one = calibrator(floor=1.0, scale=1.0, budget_per_s=ONCE_A_WEEK / 8)
    one.exceed(30.0, 2000, DAY_S)
    one.close(10 * DAY_S)
    assert one.level >= 1.25 * 30.0


def test_a_peak_that_rang_does_not_raise_the_level_until_such_peaks_come_too_often() -> None:
    one = calibrator(floor=2.0, scale=1.0, budget_per_s=ONCE_A_WEEK / 8)
    feed(one, exponential(3, 30_000))
    now_s = 3 * WEEK_S
    one.close(now_s)
    level = one.level
    n = 60_000
    for count in range(1, 7):
        one.exceed(50.0, n, now_s)
        one.rang = True
        n, now_s = n + 100, now_s + 6000.0
        one.close(now_s)
        if count == 1:
            assert one.level < 1.1 * level
    assert one.level > 50.0


def test_as_much_as_the_budget_allows_is_news_again() -> None:
    one = calibrator(floor=1.0, scale=0.1, budget_per_s=ONCE_A_WEEK)
    for number in range(1, 12):
        one.exceed(10.0 + number, number * 3000, number * 2 * DAY_S)
    one.close(24 * DAY_S)
    assert one.level < 21.0  # three of the eleven may be exceeded in three weeks and a half


def test_peaks_older_than_four_weeks_are_forgotten() -> None:
    one = calibrator(floor=1.0, scale=1.0, budget_per_s=ONCE_A_WEEK)
    one.exceed(40.0, 100, DAY_S)
    one.close(2 * DAY_S)
    assert 40.0 in one.heights
    one.close(31 * DAY_S)
    assert not one.heights
    assert one.level < 40.0


def test_the_odds_at_the_level_are_the_budget() -> None:
    one = calibrator(floor=2.0, scale=1.0, budget_per_s=ONCE_A_WEEK)
    feed(one, exponential(5, 30_000))
    one.close(30_000 * MINUTE_S)
    log_rate = one.log_rate - (one.level - one.base) * one.slope
    assert abs(2.718281828459045**log_rate / ONCE_A_WEEK - 1.0) < 1e-9


def test_accepting_ends_the_cluster_and_makes_it_ordinary() -> None:
    one = calibrator(floor=2.0, scale=1.0, budget_per_s=ONCE_A_WEEK / 8)
    one.exceed(60.0, 100, 3 * WEEK_S)
    one.rang = True
    one.accept(3 * WEEK_S + 3600.0)
    assert one.level >= 1.25 * 60.0
    assert all(time >= 0.0 for time in one.times)
