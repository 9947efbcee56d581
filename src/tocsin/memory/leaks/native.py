"""Growth that Python's allocators do not explain: of C code, seen only in resident memory.

What they did explain at their highest stays explained: an allocator keeps what it once had, and gives it back when it
likes. So what counts is resident memory beyond that, its lowest values, and only where they exceed what it ever was.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.leaks.rates import Rate
from tocsin.memory.leaks.standing import SURE_S
from tocsin.model.memory import LeakState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.model.memory import HeapSnapshot

_LEAST_BYTES: Final = 4e6
_OVERHEAD: Final = 0.15  # of what Python's blocks take: malloc's own, and pages that are used in part
_WINDOWS: Final = 6
_LEAST_READINGS: Final = 2 * _WINDOWS
_MOST_READINGS: Final = 240  # an even number
_LEAST_STEP: Final = 0.3  # from window to window, of an even one, for the last three
_SIGMAS: Final = 3.0
_SURE_LOOKS: Final = 4  # in a row


class Reading(NamedTuple):
    """Resident memory at one time.

    Attributes:
        at_s: when.
        residual: bytes that are not explained.
        explained: bytes of Python's allocators, at their highest so far.
        noise: standard error of that, since larger blocks are sampled.
    """

    at_s: float
    residual: float
    explained: float
    noise: float


class NativeGrowth:
    """What is thought of resident memory beyond what Python's blocks explain.

    Attributes:
        state: as of a site; None while there is nothing to say.
        rise: bytes between the lowest values of the first and the last sixth of the time.
        rate: in bytes per second.
    """

    def __init__(self) -> None:
        self.state: LeakState | None = None
        self.rise = 0.0
        self.rate: Rate | None = None
        self._readings: list[Reading] = []
        self._stride = self._joined = 1
        self._most_explained = 0.0
        self._looks = 0

    @property
    def observed_s(self) -> float:
        """Seconds between the first reading and the last."""
        return self._readings[-1].at_s - self._readings[0].at_s if self._readings else 0.0

    def observe(self, snapshot: HeapSnapshot, now_s: float) -> None:
        """One more snapshot; without resident memory, or without knowing Python's share, nothing is said."""
        large = snapshot.large_bytes
        if snapshot.rss_bytes is None or snapshot.arena_bytes is None or large is None:
            return
        self._most_explained = max(self._most_explained, snapshot.arena_bytes + large)
        noise = max((snapshot.live_variance or 0.0) - (snapshot.small_variance or 0.0), 0.0) ** 0.5
        residual = snapshot.rss_bytes - self._most_explained
        self._remember(Reading(now_s, residual, self._most_explained, noise))
        if len(self._readings) >= _LEAST_READINGS and self.observed_s >= SURE_S:
            self._step(self._grows(self._readings))

    def _remember(self, reading: Reading) -> None:
        """Several readings become one, their lowest, when there are many; all of them equally many."""
        if self._joined < self._stride:
            self._readings[-1] = _lowest(self._readings[-1], reading)
            self._joined += 1
            return
        self._readings.append(reading)
        self._joined = 1
        if len(self._readings) == _MOST_READINGS:
            pairs = zip(self._readings[::2], self._readings[1::2], strict=False)
            self._readings = [_lowest(*pair) for pair in pairs]
            self._joined = self._stride = 2 * self._stride

    def _step(self, grows: bool) -> None:  # noqa: FBT001 - private, and named where it is called
        self._looks = self._looks + 1 if grows else 0
        if grows:
            sure = self.state is LeakState.CONFIRMED or self._looks >= _SURE_LOOKS
            self.state = LeakState.CONFIRMED if sure else LeakState.SUSPECTED
        elif self.state is not None:
            self.state = LeakState.BOUNDED if self.rise > _LEAST_BYTES else LeakState.RESOLVED

    def _grows(self, readings: Sequence[Reading]) -> bool:
        floors = _floors(readings, self.observed_s / _WINDOWS)
        explained = readings[-1].explained - readings[0].explained
        slack = _LEAST_BYTES + _OVERHEAD * explained + _SIGMAS * readings[-1].noise
        self.rise = floors[-1] - floors[0]
        self.rate = _slope(readings)
        middle_s = readings[0].at_s + self.observed_s / 2
        beyond = floors[-1] - max(reading.residual for reading in readings if reading.at_s <= middle_s)
        steps = [later - earlier for earlier, later in pairwise(floors)]
        even = self.rise / len(steps)
        return min(steps[-3:]) > _LEAST_STEP * even and self.rise > slack and beyond > slack / 2


def _lowest(earlier: Reading, later: Reading) -> Reading:
    return later._replace(residual=min(earlier.residual, later.residual))


def _floors(readings: Sequence[Reading], width_s: float) -> list[float]:
    """The lowest residual of each window; that of the window before where there was no reading."""
    floors: list[float | None] = [None] * _WINDOWS
    for reading in readings:
        place = min(int((reading.at_s - readings[0].at_s) / width_s), _WINDOWS - 1)
        known = floors[place]
        floors[place] = reading.residual if known is None else min(known, reading.residual)
    filled: list[float] = []
    for floor in floors:
        filled.append(filled[-1] if floor is None else floor)
    return filled


def _slope(readings: Sequence[Reading]) -> Rate:
    """Bytes per second from the first third to the last, with an interval from how readings scatter around it."""
    third = len(readings) // 3
    early, late = readings[:third], readings[-third:]
    span_s = _mean([one.at_s for one in late]) - _mean([one.at_s for one in early])
    slope = (_mean([one.residual for one in late]) - _mean([one.residual for one in early])) / span_s
    off = [one.residual - slope * one.at_s for one in readings]
    centre = _mean(off)
    scatter = (sum((value - centre) ** 2 for value in off) / (len(off) - 2)) ** 0.5
    error = 1.96 * (scatter + readings[-1].noise) * (2 / third) ** 0.5 / span_s
    return Rate(slope, slope - error, slope + error)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
