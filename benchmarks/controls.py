"""The simple detectors that a learned one has to beat: full-history z, and Holt-Winters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_WARM: Final = 30
_LEVEL, _TREND, _SEASON, _SPREAD = 0.1, 0.001, 0.1, 0.01
_SURE: Final = 1e9


def full_history_z(values: Sequence[float]) -> list[float]:
    """How many standard deviations each value is from the mean of all before it; 0 for the first thirty."""
    mean, squares, found = 0.0, 0.0, []
    for count, value in enumerate(values):
        found.append(_deviations(value - mean, math.sqrt(squares / count)) if count >= _WARM else 0.0)
        off = value - mean
        mean += off / (count + 1)
        squares += off * (value - mean)
    return found


def holt_winters(values: Sequence[float], season: int) -> list[float]:
    """How many deviations each value is from what additive Holt-Winters foretold; 0 for the first thirty.

    Args:
        values: evenly spaced.
        season: values of one season.
    """
    level, trend, seasons, spread, found = values[0], 0.0, [0.0] * season, 0.0, []
    for number, value in enumerate(values):
        place = number % season
        off = value - (level + trend + seasons[place])
        found.append(_deviations(off, math.sqrt(spread)) if number >= _WARM else 0.0)
        spread = off * off if number == 1 else (1 - _SPREAD) * spread + _SPREAD * off * off
        risen = _LEVEL * (value - seasons[place]) + (1 - _LEVEL) * (level + trend)
        trend = _TREND * (risen - level) + (1 - _TREND) * trend
        seasons[place] = _SEASON * (value - risen) + (1 - _SEASON) * seasons[place]
        level = risen
    return found


def _deviations(off: float, spread: float) -> float:
    if spread > 0.0:
        return abs(off) / spread
    return _SURE if off else 0.0
