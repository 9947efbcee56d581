"""One way of looking at a reading: how far off it is, in spreads, and how rare that is on either side."""

# ruff: noqa: FURB136, PLR1730 - a call of min or max costs more than two comparisons, and this runs at many readings

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from tocsin.rules.detectors.calibrator import WEEK_S, Calibrator, calibrator

ORDINARY: Final = inf
_FARTHEST: Final = 1e6
_SAME: Final = 0.9  # a spread that is within this of the one before is no new measure
_NEVER: Final = 1e-300
_WORTH_A_WORD: Final = 0.6  # of the level; a peak below is one, but says nothing of a reading


@dataclass(slots=True)
class Gauge:
    """A yardstick and its two tails; many metrics have a long one and a short one.

    Attributes:
        up: of what lies above.
        down: of what lies below.
        spread: the mean absolute deviation.
        measured: the spread by which the peaks are measured.
    """

    up: Calibrator
    down: Calibrator
    spread: float = 0.0
    measured: float = 0.0

    def look(self, off: float, least: float, rate: float, reading: int, now_s: float) -> float:
        """The logarithm of how often a second it comes to this; ORDINARY far below the level. Learns the spread.

        Args:
            off: how far off, in the unit of the spread.
            least: the spread counts as at least this; > 0.
            rate: the weight of this reading in the spread; 0 learns nothing.
            reading: its number.
            now_s: observed seconds.
        """
        if off > 0.0:
            size, side = off, self.up
        else:
            size, side = -off, self.down
        spread = self.spread
        if spread < least:
            spread = least
        score = size / spread
        if score <= side.threshold:
            self.spread += (size - self.spread) * rate
            return ORDINARY
        if now_s - side.since_s < WEEK_S and not _SAME < spread / (self.measured or _NEVER) < 1.0 / _SAME:
            self._measure(spread, now_s)
        log_rate = side.exceed(score if score < _FARTHEST else _FARTHEST, reading, now_s)
        if rate:  # what is beyond the level teaches no more than what is at it: one wild reading is no new spread
            at_level = side.level * spread
            self.spread += ((size if size < at_level else at_level) - self.spread) * rate
        return log_rate if score > _WORTH_A_WORD * side.level else ORDINARY

    def _measure(self, spread: float, now_s: float) -> None:
        """While a metric is young its spread changes, and a peak of yesterday is another number of spreads today."""
        if self.measured:
            self.up.scale_peaks(self.measured / spread, now_s)
            self.down.scale_peaks(self.measured / spread, now_s)
        self.measured = spread

    def restart(self, now_s: float) -> None:
        """Something else is measured from now on: forget the peaks."""
        self.up.restart(now_s)
        self.down.restart(now_s)

    def mark(self, off: float) -> bool:
        """The open cluster on this side exceeds its level; whether it did so for the first time."""
        side = self.up if off > 0.0 else self.down
        is_first = not side.rang
        side.rang = True
        return is_first

    def rings(self) -> bool:
        """Whether an open cluster rang."""
        return self.up.rang or self.down.rang

    def accept(self, now_s: float) -> None:
        """What rang is no fault after all, but teaches what is ordinary."""
        for side in (self.up, self.down):
            if side.rang:
                side.accept(now_s)


def gauge(budget_per_s: float, floor: float) -> Gauge:
    """A gauge that knows nothing yet; peaks begin at the floor, in spreads."""
    up = calibrator(floor=floor, scale=1.0, budget_per_s=budget_per_s)
    down = calibrator(floor=floor, scale=1.0, budget_per_s=budget_per_s)
    return Gauge(up, down)
