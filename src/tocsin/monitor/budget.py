"""The self-budget: what watching may cost, met by reading the dearest sensors less often."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.monitor.watched import WatchedSensor

DEFAULT_SHARE: Final = 0.005
REVIEW_S: Final = 10.0
MAX_STRETCH: Final = 64.0


class SelfBudget:
    """Compares what the collecting thread used with what it may use, every ten seconds.

    The thread's own clock counts all it does, so that judging and telling are paid from the same purse.

    Args:
        share: of one core, 0 to 1.
    """

    def __init__(self, share: float = DEFAULT_SHARE) -> None:
        self.share = share
        self._thread = 0
        self._began_s = 0.0
        self._used_s = 0.0

    def review(self, watched: Sequence[WatchedSensor], mono_s: float, interval_s: float) -> bool:
        """Slow the dearest sensor where too much was used, and let the slowest go faster where little was.

        Args:
            watched: the sensors.
            mono_s: monotonic seconds.
            interval_s: seconds between two passes in calm times.
        Returns: whether it was time to look.
        """
        thread = threading.get_ident()
        passed_s = mono_s - self._began_s
        if thread == self._thread and passed_s < REVIEW_S:
            return False
        used_s = time.thread_time()
        if thread == self._thread:
            self._adjust(watched, (used_s - self._used_s) / passed_s, interval_s)
        self._thread, self._began_s, self._used_s = thread, mono_s, used_s
        return True

    def _adjust(self, watched: Sequence[WatchedSensor], used: float, interval_s: float) -> None:
        if used > self.share:
            dearest = max(watched, key=lambda one: one.cost_per_second(interval_s), default=None)
            # A sensor that is cheap is not what makes the difference: slowing it would only blind us.
            if dearest is not None and dearest.cost_per_second(interval_s) > self.share / 10:
                dearest.stretch = min(dearest.stretch * 2.0, MAX_STRETCH)
        elif used < self.share / 2:
            slowed = max(watched, key=lambda one: one.stretch, default=None)
            # Only if its full price still fits: else it would swing between two paces.
            if slowed is not None and slowed.stretch > 1.0 and used + slowed.cost_per_second(interval_s) < self.share:
                slowed.stretch = max(slowed.stretch / 2.0, 1.0)
