"""What was expected of the series that rules learn, over a stretch of time: the bands in the charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.system.core import SystemCore


def bands(core: SystemCore, metrics: Iterable[str], since: float, until: float) -> list[dict[str, Any]]:
    """The bands of some metrics, as far as this process has learned.

    Args:
        core: the system.
        metrics: names.
        since: Unix seconds; of the time before, the last band is given too, since it held then.
        until: Unix seconds.
    Returns: each with `metric`, `labels`, `times`, `expected`, `low` and `high`; None where there is no bound.
    """
    found = []
    for learner in core.engine.learners.charted(frozenset(metrics)):
        points = [point for point in learner.trail.points() if point[0] <= until]
        first = max((at for at, point in enumerate(points) if point[0] <= since), default=0)
        if points:
            times, expected, low, high = zip(*points[first:], strict=True)
            found.append({
                "metric": learner.metric(),
                "labels": dict(learner.series.key.labels),
                "times": [round(at, 3) for at in times],
                "expected": _known(expected),
                "low": _known(low),
                "high": _known(high),
            })  # fmt: skip
    return found


def _known(values: Iterable[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
