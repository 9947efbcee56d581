"""What one reading costs a detector, and what a metric takes of memory: ours, and those of others.

CPU time of the thread, medians of slices of 2,000 readings after the first week; memory as traced after two weeks at a
reading a minute. Ours includes its calibrator and its odds; the peers give a bare score.
"""

from __future__ import annotations

import gc
import tracemalloc
from bisect import bisect_left, insort
from collections import deque
from statistics import median
from time import thread_time_ns
from typing import TYPE_CHECKING, Any, Final

from benchmarks.benign_series import DAY_S, START_S, series
from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

KINDS_SHOWN: Final = ("gaussian", "daily", "bursts", "mostly_zero")
STEP_S: Final = 60.0
SLICE: Final = 2000
WINDOW: Final = 288


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--days", type=int, default=14, help="of readings, one a minute (14)")


def run(args: argparse.Namespace) -> Result:
    """Each kind, and each peer on the first of them."""
    ours: Figures = {}
    for kind in KINDS_SHOWN:
        ours |= {f"{kind}_{figure}": value for figure, value in _measure(_our_detector, kind, args.days).items()}
    ours |= {"reading_ns": ours["gaussian_reading_ns"], "metric_bytes": ours["gaussian_metric_bytes"]}
    peers: dict[str, Figures | str] = {f"median/MAD of {WINDOW}": _measure(_MedianWindow, KINDS_SHOWN[0], args.days)}
    try:
        from river.anomaly import HalfSpaceTrees
    except ImportError:
        peers["river HalfSpaceTrees"] = "river is not installed"
    else:
        peers["river HalfSpaceTrees"] = _measure(lambda: _Trees(HalfSpaceTrees(seed=1)), KINDS_SHOWN[0], args.days)
    return Result(name="detector", ours=ours, peers=peers, packages=("msgspec", "river"))


def _measure(make: Callable[[], Any], kind: str, days: int) -> Figures:
    values = series(kind, 1, STEP_S, int(days * DAY_S / STEP_S))
    make()  # imports
    gc.collect()
    tracemalloc.start()
    detector = make()
    for number, value in enumerate(values):
        detector.update(value, START_S + number * STEP_S)
    gc.collect()
    taken, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    detector, slices = make(), []
    for begin in range(0, len(values) - SLICE + 1, SLICE):
        began = thread_time_ns()
        for number in range(begin, begin + SLICE):
            detector.update(values[number], START_S + number * STEP_S)
        slices.append((thread_time_ns() - began) / SLICE)
    return {"reading_ns": median(slices[len(slices) // 2 :]), "metric_bytes": float(taken)}


def _our_detector() -> Any:
    from tocsin.rules.detectors.anomaly import AnomalyDetector

    return AnomalyDetector()


class _MedianWindow:
    """The distance from the median of a window, in halves of its interquartile range."""

    def __init__(self) -> None:
        self.window: deque[float] = deque()
        self.ordered: list[float] = []

    def update(self, value: float, _at_s: float) -> float:
        ordered, window = self.ordered, self.window
        found = 0.0
        if len(window) == WINDOW:
            spread = (ordered[3 * WINDOW // 4] - ordered[WINDOW // 4]) / 2
            found = abs(value - ordered[WINDOW // 2]) / (spread or 1.0)
            del ordered[bisect_left(ordered, window.popleft())]
        window.append(value)
        insort(ordered, value)
        return found


class _Trees:
    """River's half-space trees, for values from 0 to 100."""

    def __init__(self, trees: Any) -> None:
        self.trees = trees

    def update(self, value: float, _at_s: float) -> float:
        reading = {"value": value / 100.0}
        found: float = self.trees.score_one(reading)
        self.trees.learn_one(reading)
        return found
