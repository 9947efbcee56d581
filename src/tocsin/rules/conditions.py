"""When a value is bad: one condition and one bound, compiled to a function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tocsin.model.levels import AlertCondition

if TYPE_CHECKING:
    from collections.abc import Callable

# Two floats count as equal within these: the ninth digit, or what rounding leaves of a difference of zero.
RELATIVE_TOLERANCE: Final = 1e-9
ABSOLUTE_TOLERANCE: Final = 1e-12


def compile_condition(condition: AlertCondition, limit: float) -> Callable[[float], bool]:
    """A function that says whether a finite value is bad. Greater and less are strict.

    Raises: ValueError: for a condition that compares with no bound.
    """
    match condition:
        case AlertCondition.GREATER_THAN:
            return limit.__lt__  # the fastest call there is: no Python frame
        case AlertCondition.LESS_THAN:
            return limit.__gt__
        case AlertCondition.EQUALS:
            return lambda value: equal(value, limit)
        case AlertCondition.NOT_EQUALS:
            return lambda value: not equal(value, limit)
    raise ValueError(f"{condition} does not compare with a bound")


def band_of(condition: AlertCondition, limit: float) -> tuple[float, float]:
    """The lowest and the highest value that is surely not bad; the lowest above the highest where none is sure."""
    match condition:
        case AlertCondition.GREATER_THAN:
            return -math.inf, limit
        case AlertCondition.LESS_THAN:
            return limit, math.inf
    return math.inf, -math.inf


def equal(value: float, limit: float) -> bool:
    """Whether two floats are equal within the stated tolerances."""
    return math.isclose(value, limit, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
