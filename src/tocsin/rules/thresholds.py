"""Static and dynamic thresholds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tocsin.model.anomaly import Phase
from tocsin.model.levels import ThresholdKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.rules.detectors.anomaly import AnomalyDetector

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


def learned_bound(detector: AnomalyDetector, at_s: float) -> float | None:
    """Above what a single reading would be unusual, in the metric's unit; None while the detector is learning.

    Args:
        detector: of the metric.
        at_s: Unix seconds, not before its last reading.
    """
    return detector.band(at_s).high if detector.phase is Phase.CALIBRATED else None


def effective_threshold(
    kind: ThresholdKind, static: float, *, learned: float | None = None, history: Sequence[float] = ()
) -> float:
    """The bound that a reading is compared with; above it is bad.

    Args:
        kind: which of them.
        static: the threshold that was written, in the metric's unit.
        learned: what `learned_bound` says; None while learning, and then the static one counts alone.
        history: past values, for `sigma` only.
    Returns: the bound, in the same unit; for all but `both` never above the static one.
    """
    if kind is ThresholdKind.SIGMA:
        return dynamic_threshold(static, history)
    if kind is ThresholdKind.STATIC or learned is None:
        return static
    return min(static, learned) if kind is ThresholdKind.DYNAMIC else max(static, learned)
