"""The time in which somebody looked: a pause is a gap, in which nothing was bad and nothing was good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tocsin.clock import Instant

# A pause between steps longer than this, or than five intervals, is a gap: nobody looked, so nothing was bad.
GAP_S: Final = 5.0
GAP_INTERVALS: Final = 5.0
# Boot time moves on while the machine sleeps; a smaller difference is only the clocks' own.
SUSPEND_S: Final = 0.5


class Hours:
    """The present moment of an engine.

    Attributes:
        now: the moment; there is none before the first step.
        mono_s: the same, in monotonic seconds.
        active_s: seconds in which somebody looked, since the beginning.
    """

    now: Instant

    def __init__(self) -> None:
        self.mono_s = 0.0
        self.active_s = 0.0
        self._begun = False
        self._idle_s = 0.0

    def turn_to(self, now: Instant, interval_s: float) -> bool:
        """Go on to a moment.

        Args:
            now: the moment.
            interval_s: seconds between steps, as intended.
        Returns: whether nobody looked for a while before it.
        """
        is_gap = False
        if self._begun:
            last = self.now
            if now.mono_s < last.mono_s:
                now = last  # two threads read the clock in one order and came here in the other
            passed_s = now.mono_s - last.mono_s
            if passed_s > max(GAP_S, GAP_INTERVALS * interval_s):
                self._idle_s += passed_s - interval_s
                is_gap = True
            else:
                is_gap = (now.boot_s - last.boot_s) - passed_s > SUSPEND_S
        self._begun = True
        self.now = now
        self.mono_s = now.mono_s
        self.active_s = now.mono_s - self._idle_s
        return is_gap

    def unix_s(self) -> float:
        """Seconds since 1970, as the wall clock says."""
        return self.now.utc.timestamp()
