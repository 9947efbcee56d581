"""The level that a score exceeds once in a stated time, fitted to the score's own peaks.

A fixed threshold rings the oftener the more readings there are, and at another rate on each metric. What is asked for
is a rate, so the threshold is whatever gives it: the highest peaks of the score are kept, readings that belong together
count as one, and the line through them (in the logarithm of how often) is drawn on to the rate asked for.

Source: Coles (2001), An Introduction to Statistical Modeling of Extreme Values, chapter 4; the tail is exponential.
"""

from __future__ import annotations

from bisect import bisect_right
from math import log, sqrt
from typing import Final

import msgspec

from tocsin.rules.detectors.floats import Floats, floats

WEEK_S: Final = 604_800.0
MOST_PEAKS: Final = 16
DEAF: Final = 1e9  # the level before the first fit
_MEMORY_S: Final = 4 * WEEK_S  # older peaks are forgotten, so that a metric may change its ways
_MEMORY_BUDGETS: Final = 8.0  # or shorter, where that many exceedances are allowed sooner
_GAP: Final = 16  # readings below the threshold end a cluster
_LONGEST_S: Final = 86_400.0  # what lasts longer is no peak
_MARGIN: Final = 1.25  # what was seen is no news, nor what is a quarter higher
_YOUNG_MARGIN: Final = 0.75  # and more while less than a week is known
_TAILS: Final = (4, 8, MOST_PEAKS - 1)
_PRIOR_PEAKS: Final = 4.0  # how many peaks the assumed scale is worth
_LEAST_FOLDS: Final = 0.5  # the line is drawn on by this many mean excesses at least


class Calibrator(msgspec.Struct, gc=False):
    """The return level of one score.

    Time is observed time: seconds in which readings came. The caller compares with `threshold` himself, which keeps an
    ordinary reading cheap, and hands in only what exceeds it.

    Attributes:
        floor: scores below this are never peaks; > 0.
        scale: the mean excess that is assumed where no peaks are known; > 0.
        budget_per_s: how often the level may be exceeded; > 0.
        since_s: observed seconds when this score began.
        threshold: where peaks begin.
        level: exceeded once in 1 / `budget_per_s`.
        heights: of the highest peaks, lowest first.
        times: observed seconds of each; below zero where the peak rang.
    """

    floor: float
    scale: float
    budget_per_s: float
    since_s: float
    threshold: float
    level: float
    heights: Floats
    times: Floats
    # The line: `base` is exceeded exp(log_rate) times a second, and what is higher more rarely, by `slope`.
    base: float = 0.0
    log_rate: float = 0.0
    slope: float = 1.0
    # The cluster that is open, if `height` is not 0.
    height: float = 0.0
    began_s: float = 0.0
    last: int = 0
    rang: bool = False

    def exceed(self, score: float, reading: int, now_s: float) -> float:
        """Take in a score above the threshold; the logarithm of how often a second as much is exceeded.

        Args:
            score: at most 1e6.
            reading: the number of this reading.
            now_s: observed seconds.
        """
        if reading - self.last > _GAP or now_s - self.began_s > _LONGEST_S:
            self.close(now_s)
            self.height, self.began_s = score, now_s
        elif score > self.height:
            self.height = score
        self.last = reading
        return self.log_rate - (score - self.base) * self.slope

    def close(self, now_s: float) -> None:
        """End the open cluster, if there is one, and draw the line anew."""
        heights, times = self.heights, self.times
        if self.height:
            at = bisect_right(heights, self.height)
            heights.insert(at, self.height)
            times.insert(at, -self.began_s - 1.0 if self.rang else self.began_s)
            self.height, self.rang = 0.0, False
        oldest = now_s - self.memory_s()
        for at in range(len(times) - 1, -1, -1):
            if abs(times[at]) < oldest:
                del times[at], heights[at]
        if len(heights) > MOST_PEAKS:
            del times[0], heights[0]
        self.heights, self.times = heights[:], times[:]  # an array that grew holds room for more, a copy does not
        self.fit(now_s)

    def scale_peaks(self, by: float, now_s: float) -> None:
        """The unit of the score has changed: what was 1 is `by` now."""
        keep = [at for at, height in enumerate(self.heights) if height * by > self.floor]
        self.heights, self.times = floats(self.heights[at] * by for at in keep), floats(self.times[at] for at in keep)
        self.height *= by
        self.fit(now_s)

    def accept(self, now_s: float) -> None:
        """What is open is ordinary from now on."""
        self.rang = False
        self.close(now_s)

    def restart(self, now_s: float) -> None:
        """Forget all peaks."""
        self.heights, self.times, self.height, self.rang = floats(), floats(), 0.0, False
        self.since_s = now_s
        self.fit(now_s)

    def memory_s(self) -> float:
        """How far back peaks are known."""
        return min(_MEMORY_S, _MEMORY_BUDGETS / self.budget_per_s)

    def fit(self, now_s: float) -> None:
        """Draw the line: of several tails, and of a prior where peaks are few, the one with the lowest level."""
        seen_s = max(min(now_s - self.since_s, self.memory_s()), 1.0)
        heights = self._ordinary(seen_s)
        n, is_full = len(heights), len(self.heights) >= MOST_PEAKS
        self.threshold = max(self.heights[0], self.floor) if is_full else self.floor
        self.level, total, done = DEAF, 0.0, 0
        for tail in _TAILS:
            if tail >= n:
                break
            total += sum(heights[n - tail : n - done])
            done = tail
            base = heights[n - tail - 1]
            mean = max(total / tail - base, 1e-3 * self.scale) * (1.0 + 1.0 / sqrt(tail))
            self._draw(base, mean, tail / seen_s)
        if not is_full:  # then every peak above the floor is known
            count = n + _PRIOR_PEAKS
            mean = (sum(heights) - n * self.floor + _PRIOR_PEAKS * self.scale) / count * (1.0 + 1.0 / sqrt(count))
            self._draw(self.floor, mean, (n + 0.5) / seen_s)
        self.level = max(self.level, self._known(heights, seen_s))
        # The line is bent to run through the level that counts, so that the odds and the bell agree.
        self.slope = (self.log_rate - log(self.budget_per_s)) / (self.level - self.base)

    def _known(self, heights: Floats, seen_s: float) -> float:
        """What was seen as often as may be, and is no news."""
        allowed = int(self.budget_per_s * seen_s)
        if allowed:
            return heights[-1 - allowed] if allowed < len(heights) else self.floor
        margin = _MARGIN + _YOUNG_MARGIN * max(1.0 - seen_s / WEEK_S, 0.0)
        return margin * (heights[-1] if heights else self.floor)

    def _draw(self, base: float, mean: float, rate: float) -> None:
        """Use this line if its level is the lowest so far."""
        folds = max(log(rate / self.budget_per_s), _LEAST_FOLDS)
        level = base + mean * folds
        if level < self.level:
            self.level, self.base, self.log_rate = level, base, log(self.budget_per_s) + folds

    def _ordinary(self, seen_s: float) -> Floats:
        """The heights that teach what is ordinary: all but those that rang, unless these come too often to be news."""
        rang = [at for at, time in enumerate(self.times) if time < 0.0]
        if not rang or len(rang) > int(seen_s / WEEK_S):
            return self.heights
        ordinary = self.heights[:]
        for at in reversed(rang):
            del ordinary[at]
        return ordinary


def calibrator(*, floor: float, scale: float, budget_per_s: float, since_s: float = 0.0) -> Calibrator:
    """A calibrator that knows no peak yet."""
    return Calibrator(floor, scale, budget_per_s, since_s, floor, DEAF, floats(), floats())
