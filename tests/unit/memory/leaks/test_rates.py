from __future__ import annotations

import random

import pytest
from tests.unit.memory.leaks.simulated import INTERVAL, poisson

from tocsin.memory.leaks.cohorts import Cohort
from tocsin.memory.leaks.rates import leak_rate


def cohorts(times: list[float], run_s: float, number: int = 50) -> list[Cohort]:
    width_s = run_s / number
    found = []
    for at in range(number):
        samples = sum(at * width_s <= time_s < (at + 1) * width_s for time_s in times)
        if samples:
            found.append(Cohort(at * width_s, (at + 1) * width_s, samples, samples * INTERVAL, samples))
    return found


@pytest.mark.parametrize("count", [12, 25, 200])
def test_the_interval_holds_the_true_rate_in_95_of_100_runs(count: int) -> None:
    rng, hits = random.Random(count), 0
    for _ in range(400):
        rate = leak_rate(cohorts(poisson(rng, count, 0.0, 100.0), 100.0), 0.0, 100.0)
        assert rate is not None
        assert rate.low <= rate.per_s <= rate.high
        hits += rate.low <= count * INTERVAL / 100.0 <= rate.high

    assert 0.93 <= hits / 400 <= 0.99


def test_with_many_samples_it_is_the_rate_of_the_later_half() -> None:
    some = [Cohort(0.0, 50.0, 10, 1000.0, 10), Cohort(50.0, 75.0, 50, 5000.0, 50), Cohort(75.0, 100.0, 50, 5000.0, 50)]

    rate = leak_rate(some, 0.0, 100.0)

    assert rate is not None
    assert rate.per_s == pytest.approx(200.0)


def test_with_few_samples_it_is_the_rate_of_all() -> None:
    some = [Cohort(0.0, 50.0, 4, 400.0, 4), Cohort(50.0, 100.0, 6, 600.0, 6)]

    rate = leak_rate(some, 0.0, 100.0)

    assert rate is not None
    assert rate.per_s == pytest.approx(10.0)


def test_births_outside_do_not_count_and_none_is_no_rate() -> None:
    some = [Cohort(0.0, 10.0, 4, 400.0, 4), Cohort(90.0, 100.0, 6, 600.0, 6)]

    assert leak_rate(some, 20.0, 80.0) is None
    assert leak_rate([], 0.0, 100.0) is None
    assert leak_rate(some, 100.0, 100.0) is None
