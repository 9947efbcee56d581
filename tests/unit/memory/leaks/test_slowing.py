"""Growth that slows by itself, told from growth that does not."""

from __future__ import annotations

import random
from math import exp, log

import pytest

from tocsin.memory.leaks.cohorts import Cohort
from tocsin.memory.leaks.slowing import Slowing, find_slowing


def slowing(births_s: list[float]) -> Slowing:
    """Of births within ten minutes, seen each five seconds."""
    counts: dict[int, int] = {}
    for at_s in births_s:
        counts[int(at_s / 5)] = counts.get(int(at_s / 5), 0) + 1
    cohorts = [Cohort(5.0 * at, 5.0 * at + 5.0, count, count, count) for at, count in sorted(counts.items())]
    return find_slowing(cohorts, 0.0, 600.0)


def test_an_even_rate_seldom_seems_to_slow() -> None:
    rng = random.Random("even")
    found = [slowing([rng.uniform(0.0, 600.0) for _ in range(20)]).sigmas for _ in range(200)]

    assert sum(sigmas > 2.4 for sigmas in found) <= 6


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.4])
def test_a_memory_of_equally_likely_answers_does(scale: float) -> None:
    births = [-scale * 600.0 * log(1 - (number + 0.5) / 60 * (1 - exp(-1 / scale))) for number in range(60)]

    assert slowing(births).sigmas > 3.0
    assert slowing(births).dispersion == 1.0


@pytest.mark.parametrize("first_s", [2.0, 20.0])
def test_a_vocabulary_does(first_s: float) -> None:
    births = [first_s * ((600.0 / first_s + 1) ** ((number + 0.5) / 60) - 1) for number in range(60)]

    assert slowing(births).sigmas > 3.0
    assert slowing(births).dispersion == 1.0


def test_what_comes_ever_faster_does_not() -> None:
    assert slowing([600.0 * (number / 60) ** 0.5 for number in range(60)]) == Slowing(0.0, 1.0)


def test_a_few_bursts_are_not_sure_to_slow() -> None:
    bursts = [at_s for at_s in (10.0, 60.0, 290.0) for _ in range(20)]

    assert slowing(bursts).dispersion > 5.0
    assert slowing(bursts).sigmas < 2.4
