"""A storm: so many new alerts at once that one summary says more than each of them."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

WINDOW_S: Final = 60.0


class Weather(Enum):
    """What to do with a new alert."""

    CALM = "tell it"
    BREAKS = "tell that a storm has begun"
    RAGES = "hold it for the digest"


class Storm:
    """Counts the new alerts of the last minute.

    Args:
        after: new alerts a minute that are told one by one; 0: there are no storms.

    Attributes:
        active: whether there is one.
        times: when the new alerts of the last minute came; of very many, the last.
    """

    def __init__(self, after: int) -> None:
        self.after = after
        self.active = False
        self.times: deque[float] = deque()

    def admit(self, now_s: float) -> Weather:
        """A new alert has come."""
        if not self.after:
            return Weather.CALM
        while self.times and now_s - self.times[0] >= WINDOW_S:
            self.times.popleft()
        self.times.append(now_s)
        if len(self.times) > self.after:
            # Of more than are told nobody needs to know the times.
            if len(self.times) > 2 * self.after:
                self.times.popleft()
            was, self.active = self.active, True
            return Weather.RAGES if was else Weather.BREAKS
        self.active = False
        return Weather.CALM
