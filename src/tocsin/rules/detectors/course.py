"""The course of a metric: where it stands, by several memories, and how restless it is."""

# ruff: noqa: FURB136, PLR1730 - a call of min or max costs more than two comparisons, and this runs at each reading

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Final

_FAST: Final = 0.15  # the weight of the newest reading in each mean
_STAY: Final = 1 / 12
_UNREST: Final = 1 / 16
_MID: Final = 1 / 64
_SLOW: Final = 1 / 200
_TIDE: Final = 1 / 256
_STAY_CLIP: Final = 6.0  # spreads: one wild reading is no change of level
_UNREST_CLIP: Final = 8.0
_STILL: Final = 0.05  # of the usual change: no metric counts as more still than this
_MOVES_COUNTED: Final = 1000


@dataclass(slots=True)
class Course:
    """Means of several lengths. None of them is a sum that is added to and taken from, so no error piles up.

    Attributes:
        last: the last reading.
        fast: the mean of some seven readings.
        mid: the mean of some 64.
        tide: the mean of some 256.
        slow: the mean of some 200 ordinary readings.
        long: the mean of up to two weeks of ordinary readings.
        long_weight: how many readings are in `long`.
        stay: the mean of some 12 deviations from `slow`, each of them clipped.
        unrest: the mean of some 16 changes, each of them clipped.
        restless: the logarithm of `unrest` in usual changes.
        usual_restless: the mean of `restless`.
        run: how many readings in a row were equal to the one before.
        moves: how many were not; counted to 1,000.
        mobility: the share of readings that were not.
        step: the smallest change that was seen: the metric's resolution.
        lowest: of all ordinary readings.
        highest: of all ordinary readings.
    """

    last: float = 0.0
    fast: float = 0.0
    mid: float = 0.0
    tide: float = 0.0
    slow: float = 0.0
    long: float = 0.0
    long_weight: float = 0.0
    stay: float = 0.0
    unrest: float = 0.0
    restless: float = 0.0
    usual_restless: float = 0.0
    run: int = 0
    moves: int = 0
    mobility: float = 0.0
    step: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0

    def begin(self, value: float) -> None:
        """The first reading."""
        self.last = self.fast = self.mid = self.tide = self.slow = self.long = self.lowest = self.highest = value
        self.long_weight = 1.0

    def resume(self, value: float) -> None:
        """The first reading after a gap: what stood before it says little."""
        self.last = self.fast = value
        self.run = 0

    def follow(self, value: float, change: float, rate: float, usual_change: float, near_spread: float) -> None:
        """Take any reading into the means that follow everything.

        Args:
            value: the reading.
            change: its distance from the nearer of `last` and `fast`.
            rate: the weight of a reading while few were seen.
            usual_change: the mean change; > 0.
            near_spread: the mean distance from `slow`; > 0.
        """
        least = self.step
        if value != self.last:
            self.run = 0
            if self.moves < _MOVES_COUNTED:
                self.moves += 1
            size = value - self.last
            if size < 0.0:
                size = -size
            if size < least or not least:
                self.step = least = size
            self.last = value
        else:
            self.run += 1
        size, clip = value - self.slow, _STAY_CLIP * near_spread
        if size > clip:
            size = clip
        elif size < -clip:
            size = -clip
        mean = self.stay
        self.stay = mean + (size - mean) * _STAY
        mean = self.fast
        self.fast = mean + (value - mean) * _FAST
        mean = self.mid
        self.mid = mean + (value - mean) * (rate if rate > _MID else _MID)
        mean = self.tide
        self.tide = mean + (value - mean) * (rate if rate > _TIDE else _TIDE)
        size, clip = change if change > 0.0 else -change, _UNREST_CLIP * usual_change
        if size > clip:
            size = clip
        least *= 0.5
        if size < least:
            size = least
        mean = self.unrest
        self.unrest = mean = mean + (size - mean) * _UNREST
        self.restless = log(mean / usual_change + _STILL)

    def settle(self, value: float, rate: float, long_rate: float) -> None:
        """Take an ordinary reading into the slow means, after `follow`.

        Args:
            value: the reading.
            rate: the weight of a reading while few were seen.
            long_rate: the weight of a reading in `long`.
        """
        mean = self.slow
        self.slow = mean + (value - mean) * (rate if rate > _SLOW else _SLOW)
        mean = self.long
        self.long = mean + (value - mean) * long_rate
        mean = self.mobility
        self.mobility = mean + ((0.0 if self.run else 1.0) - mean) * rate
        mean = self.usual_restless
        self.usual_restless = mean + (self.restless - mean) * rate
        if value > self.highest:
            self.highest = value
        elif value < self.lowest:
            self.lowest = value
