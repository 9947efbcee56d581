"""Flapping: an alert that comes and goes is told once, until it has settled.

Weighted as Nagios does: of all comings and goings of the last ten minutes the newest counts half as much again as the
oldest, and their sum is set against twenty, as many as Nagios looks at. While it flaps, the alert goes on firing until
it has been quiet for five minutes, so there is one episode, and one end of it.
"""

from __future__ import annotations

from typing import Final

WINDOW_S: Final = 600.0
# It came, went, came, went: the fourth change begins it. Half as many in the window end it.
BEGINS_AT: Final = 0.20
ENDS_AT: Final = 0.10
SETTLES_S: Final = 300.0
_OLDEST: Final = 0.8
_NEWEST: Final = 1.2
_ALL: Final = 20


class Flapping:
    """What one watch remembers of its alert's comings and goings.

    Args:
        times: when it came or went before, in active seconds; oldest first.
        active: whether it flapped then.

    Attributes:
        active: whether it flaps.
        times: when it came or went within the window.
    """

    __slots__ = ("active", "times")

    def __init__(self, times: list[float] | None = None, *, active: bool = False) -> None:
        self.active = active
        self.times = times or []

    def note(self, now_s: float) -> None:
        """It came, or went. `now_s` is active time, which stands still while nobody looks."""
        self.times = [*(time_s for time_s in self.times[1 - _ALL :] if now_s - time_s < WINDOW_S), now_s]
        self.active = self.share(now_s) >= (ENDS_AT if self.active else BEGINS_AT)

    def share(self, now_s: float) -> float:
        """How much it changed within the window, weighted; 1 is all that is looked at."""
        ages = [(now_s - time_s) / WINDOW_S for time_s in self.times]
        return sum(_NEWEST - (_NEWEST - _OLDEST) * age for age in ages if age < 1.0) / _ALL
