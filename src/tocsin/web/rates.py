"""How often somebody may ask: buckets that refill with time."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MAX_KEPT: Final = 1000


class Rates:
    """A bucket for each asker; of those that have not asked for longest, the first are forgotten.

    Args:
        a_second: how fast a bucket refills.
        burst: how much it holds.
    """

    def __init__(self, a_second: float, burst: float) -> None:
        self._a_second = a_second
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, who: str, mono_s: float) -> float:
        """Take one; 0: it was there. Otherwise seconds until there is one again, and nothing was taken."""
        left, at_s = self._buckets.pop(who, (self._burst, mono_s))
        left = min(left + (mono_s - at_s) * self._a_second, self._burst)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) / self._a_second
        self._buckets[who] = (left if wait_s else left - 1.0, mono_s)
        if len(self._buckets) > MAX_KEPT:
            self._buckets.popitem(last=False)
        return wait_s
