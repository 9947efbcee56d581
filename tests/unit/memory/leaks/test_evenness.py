"""How bursty births are, and when they are missing."""

from __future__ import annotations

import random
from math import log, pi, sin
from statistics import mean

import pytest

from tocsin.memory.leaks.cohorts import Cohort
from tocsin.memory.leaks.evenness import dispersion, missing


def cohorts(count: int, *, until_s: float) -> list[Cohort]:
    step_s = until_s / count
    return [Cohort(step_s * at, step_s * (at + 1), 1, 1.0, 1.0) for at in range(count)]


def test_chance_is_no_burst() -> None:
    rng = random.Random("chance")
    counts = [[sum(rng.random() < 0.05 for _ in range(100)) for _ in range(12)] for _ in range(200)]

    assert mean([dispersion(one) for one in counts]) < 1.1


def test_a_burst_counts_by_its_size() -> None:
    assert 14 <= dispersion([0, 20, 0, 0, 20, 0, 0, 20, 0, 0, 20, 0]) <= 25


def test_a_rate_that_changes_slowly_is_no_burst() -> None:
    by_day = [round(20 + 18 * sin(2 * pi * at / 12)) for at in range(12)]

    assert dispersion(by_day) <= 3.0
    assert dispersion([60, 40, 27, 18, 12, 8, 5, 3, 2, 1, 1, 1]) <= 5.0


def test_nothing_is_even() -> None:
    assert dispersion([0.0] * 12) == 1.0


def test_many_births_are_missed_after_as_many_as_should_have_come() -> None:
    assert missing(cohorts(1000, until_s=100.0), 0.0, 101.0) == pytest.approx(10.0, rel=0.01)


def test_a_rate_known_from_few_births_may_be_lower() -> None:
    assert missing(cohorts(8, until_s=100.0), 0.0, 150.0) == pytest.approx(8 * log(1.5))


def test_nothing_is_missing_right_after_a_birth() -> None:
    assert missing(cohorts(8, until_s=100.0), 0.0, 100.0) == 0.0


def test_of_bursts_each_is_missed_once() -> None:
    bursts = [Cohort(25.0 * at, 25.0 * at + 1.0, 20, 20.0, 20.0) for at in range(4)]

    assert missing(bursts, 0.0, 2 * 76.0) < 4.0
