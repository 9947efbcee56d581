"""How fast a site grows, with an interval: each survivor stands for the bytes of its weight."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.memory.leaks.cohorts import Cohort

MB: Final = 1e6
HOUR_S: Final = 3600.0
_SIGMAS: Final = 1.96
_ENOUGH: Final = 30  # samples in the later half, for the rate to be that of today


class Rate(NamedTuple):
    """Bytes per second, and the 95 % interval."""

    per_s: float
    low: float
    high: float


def leak_rate(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> Rate | None:
    """The rate of growth between two times, or of the later half where that has enough samples.

    The sum of weights is a compound Poisson variable of variance Σw², here taken as Poisson with an effective count of
    (Σw)²/Σw², whose interval is that of Wilson and Hilferty (1931): with few samples the normal one lies too low.

    Args:
        cohorts: survivors by birth, oldest first.
        begin_s: births before do not count.
        end_s: nor those after.
    Returns: None where nothing was born, or the times do not lie apart.
    """
    middle_s = (begin_s + end_s) / 2
    halves = [cohort for cohort in cohorts if cohort.begin_s >= middle_s and cohort.end_s <= end_s]
    if halves and sum(cohort.samples for cohort in halves) >= _ENOUGH:
        begin_s = halves[0].begin_s if _follows(cohorts, halves[0]) else middle_s
        return _rate(halves, begin_s, end_s)
    return _rate([cohort for cohort in cohorts if cohort.begin_s >= begin_s and cohort.end_s <= end_s], begin_s, end_s)


def _follows(cohorts: Sequence[Cohort], first: Cohort) -> bool:
    """Whether the cohort before one ends where that one begins, so that the time between them is counted once."""
    place = cohorts.index(first)
    return place > 0 and cohorts[place - 1].end_s == first.begin_s


def _rate(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> Rate | None:
    total = sum(cohort.live_bytes for cohort in cohorts)
    squares = sum(cohort.live_bytes**2 / cohort.samples for cohort in cohorts if cohort.samples)
    if end_s <= begin_s or squares <= 0:
        return None
    count = total**2 / squares
    weight, span_s = total / count, end_s - begin_s
    return Rate(total / span_s, weight * _lowest(count) / span_s, weight * _highest(count) / span_s)


def _lowest(count: float) -> float:
    return float(count * max(1 - 1 / (9 * count) - _SIGMAS / (3 * sqrt(count)), 0.0) ** 3)


def _highest(count: float) -> float:
    more = count + 1
    return float(more * (1 - 1 / (9 * more) + _SIGMAS / (3 * sqrt(more))) ** 3)
