"""Growth that Python's allocators do not explain: of C code, seen only in resident memory.

What they did explain at their highest stays explained: an allocator keeps what it once had, and gives it back when it
likes. So what counts is resident memory beyond that, and only where it exceeds all that it ever was.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.leaks.standing import SURE_S, SURE_SNAPSHOTS
from tocsin.model.memory import LeakState

if TYPE_CHECKING:
    from tocsin.model.memory import HeapSnapshot

_LEAST_BYTES: Final = 4e6
_OVERHEAD: Final = 0.15  # of what Python's blocks take: malloc's own, and pages that are used in part
_WINDOWS: Final = 6
_MOST_READINGS: Final = 240
_LEAST_RECENCY: Final = 0.5
_SIGMAS: Final = 3.0


class Reading(NamedTuple):
    """What is not explained at one time, and what is."""

    at_s: float
    residual: float
    explained: float
    noise: float


class NativeGrowth:
    """Resident memory beyond what Python's blocks explain, over time."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque()
        self._most_explained = 0.0
        self._began_s = 0.0
        self.state: LeakState | None = None
        self.rise = 0.0
        self.rate: tuple[float, float, float] | None = None

    @property
    def observed_s(self) -> float:
        """Seconds between the first reading and the last."""
        return self._readings[-1].at_s - self._readings[0].at_s if self._readings else 0.0

    def observe(self, snapshot: HeapSnapshot) -> None:
        """One more snapshot; without resident memory, or without knowing Python's share, nothing is said."""
        large = snapshot.large_bytes
        if snapshot.rss_bytes is None or snapshot.arena_bytes is None or large is None:
            return
        self._most_explained = max(self._most_explained, snapshot.arena_bytes + large)
        noise = max((snapshot.live_variance or 0.0) - (snapshot.small_variance or 0.0), 0.0) ** 0.5
        residual = snapshot.rss_bytes - self._most_explained
        self._readings.append(Reading(snapshot.at_s, residual, self._most_explained, noise))
        self._thin()
        self._step()

    def _thin(self) -> None:
        """Keep a bounded number: every second one of the older half goes."""
        readings = list(self._readings)
        if len(readings) > _MOST_READINGS:
            half = len(readings) // 2
            self._readings = deque([*readings[:half:2], *readings[half:]])

    def _step(self) -> None:
        enough = len(self._readings) >= 2 * _WINDOWS and self.observed_s >= SURE_S
        grows = enough and self._grows()
        if grows:
            self.state = LeakState.SUSPECTED if self.state is None else self.state
            if self.state in {LeakState.BOUNDED, LeakState.RESOLVED}:
                self.state = LeakState.SUSPECTED
            now_s = self._readings[-1].at_s
            if self._began_s == 0.0:
                self._began_s = now_s
            if self._hits >= SURE_SNAPSHOTS // 2:
                self.state = LeakState.CONFIRMED
            self._hits += 1
        elif self.state is not None:
            self._hits = 0
            self.state = LeakState.BOUNDED

    _hits = 0

    def _grows(self) -> bool:
        readings = list(self._readings)
        windows = self._floors(readings)
        first_half = readings[: len(readings) // 2]
        explained = readings[-1].explained - readings[0].explained
        slack = _LEAST_BYTES + _OVERHEAD * explained + _SIGMAS * readings[-1].noise
        self.rise = windows[-1] - windows[0]
        recent = windows[-1] - windows[-3]
        beyond = windows[-1] - max(reading.residual for reading in first_half)
        even = recent >= _LEAST_RECENCY * self.rise * 2 / (_WINDOWS - 1)
        rising = all(later > earlier for earlier, later in pairwise(windows[2:]))
        self.rate = self._slope(readings) if rising else None
        return rising and even and self.rise > slack and beyond > slack / 2

    def _floors(self, readings: list[Reading]) -> list[float]:
        """The lowest residual of each window, all of the same length in time."""
        begin_s, width_s = readings[0].at_s, self.observed_s / _WINDOWS
        floors = [float("inf")] * _WINDOWS
        for reading in readings:
            place = min(int((reading.at_s - begin_s) / width_s), _WINDOWS - 1)
            floors[place] = min(floors[place], reading.residual)
        for place in range(1, _WINDOWS):
            if floors[place] == float("inf"):
                floors[place] = floors[place - 1]
        return floors

    def _slope(self, readings: list[Reading]) -> tuple[float, float, float]:
        """Bytes per second between the thirds, with an interval from how the residual scatters."""
        third = max(len(readings) // 3, 2)
        early, late = readings[:third], readings[-third:]
        span_s = _mean([r.at_s for r in late]) - _mean([r.at_s for r in early])
        slope = (_mean([r.residual for r in late]) - _mean([r.residual for r in early])) / span_s
        off = [r.residual - readings[0].residual - slope * (r.at_s - readings[0].at_s) for r in readings]
        centre = _mean(off)
        scatter = (sum((value - centre) ** 2 for value in off) / max(len(off) - 2, 1)) ** 0.5
        error = 1.96 * (scatter + readings[-1].noise) * (2 / third) ** 0.5 / span_s
        return slope, slope - error, slope + error


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
