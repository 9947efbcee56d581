"""Where a metric was before, and how much of its time: a step to a place that it knows is less of a surprise."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Final

from tocsin.rules.detectors.floats import Floats, floats

_HALF: Final = 24
_MIDDLE: Final = _HALF + 0.5
_BINS: Final = 2 * _HALF + 1
_MOST: Final = 20_000.0  # readings; then all counts are halved, so that places are forgotten
_SHARE: Final = 0.01  # a place where the metric is for this share of its time is half known


@dataclass(slots=True)
class Places:
    """Counts of readings by their distance from the long mean in spreads, in bins that widen outwards.

    Attributes:
        counts: of each bin; the middle one is the long mean itself.
        total: of all.
    """

    counts: Floats
    total: float = 0.0

    def learn(self, off: float, spread: float) -> None:
        """One more reading, so far from the long mean; the spread is > 0."""
        # The same as _HALF * spreads / (1 + |spreads|), without a number that could overflow.
        self.counts[int(_HALF * (off / (spread + (off if off > 0.0 else -off))) + _MIDDLE)] += 1.0
        self.total += 1.0
        if self.total >= _MOST:
            self.counts = floats(count / 2.0 for count in self.counts)
            self.total /= 2.0

    def familiarity(self, off: float, spread: float) -> float:
        """How much more common than it looks a step to this place is, in factors of e; 0 for one never seen."""
        at = int(_HALF * (off / (spread + abs(off))) + _MIDDLE)
        near = sum(self.counts[max(at - 1, 0) : at + 2])
        return log(1.0 + near / (self.total + 1.0) / _SHARE)


def places() -> Places:
    """No place is known yet."""
    return Places(floats([0.0] * _BINS))
