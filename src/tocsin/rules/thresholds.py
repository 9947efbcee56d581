"""Static and dynamic thresholds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DEVIATIONS = 2.0


def dynamic_threshold(static: float, history: Sequence[float] = ()) -> float:
    """The mission's formula: the lower of the static threshold and the history's mean plus two deviations.

    On plain noise the formula alone rings 33 times a day at one reading a minute, so no default rule uses it; learned
    bounds will take its place where alerts depend on it.

    Args:
        static: the static threshold, in the history's unit.
        history: past values; what is not finite is left out.
    Returns: the threshold, in the same unit; `static` without history.
    """
    values = [float(value) for value in history if math.isfinite(value)]
    if not values:
        return static
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    return min(static, mean + DEVIATIONS * deviation)
