"""When a channel is tried again: ever more rarely while it fails, and at the time its receiver asks for.

One channel has one receiver, so its failures are the receiver's and not a notice's: while it is down, one notice at a
time asks whether it is back, and the others wait.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tocsin.errors import DeliveryError

if TYPE_CHECKING:
    import random

FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 60.0
# What a receiver asks for is obeyed, but not for longer than this.
MAX_ASKED_S: Final = 3600.0
# So many failures in a row are no accident.
OPENS_AFTER: Final = 3


class State(StrEnum):
    """How a channel does."""

    CLOSED = "works"
    OPEN = "is down"
    TRYING = "is asked whether it is back"


class Breaker:
    """Counts the failures of one channel.

    Args:
        rng: spreads the pauses, so that many programs do not come back at once.

    Attributes:
        failures: in a row.
        next_s: when it may be tried again, in monotonic seconds.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.failures = 0
        self.next_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Seconds until it may be tried; 0: now."""
        return max(self.next_s - now_s, 0.0)

    def worked(self) -> None:
        """It took a notice."""
        self.failures, self.next_s = 0, 0.0

    def failed(self, now_s: float, error: BaseException) -> float:
        """It took none; the seconds until it may be tried again."""
        self.failures += 1
        pause_s = self._pause_s(error)
        self.next_s = now_s + pause_s
        return pause_s

    def state(self, now_s: float) -> State:
        """How it does."""
        if self.failures < OPENS_AFTER:
            return State.CLOSED
        return State.OPEN if self.wait_s(now_s) > 0 else State.TRYING

    def _pause_s(self, error: BaseException) -> float:
        asked_s = error.retry_after_s if isinstance(error, DeliveryError) else None
        if isinstance(asked_s, (int, float)) and not math.isnan(asked_s):
            return float(min(max(asked_s, 0.0), MAX_ASKED_S))
        doubled_s = FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 20)
        return float(min(doubled_s, MAX_PAUSE_S) * self._rng.uniform(0.5, 1.5))
