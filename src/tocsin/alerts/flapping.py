"""Flapping: an alert that comes and goes is told once, until it has settled.

Weighted as Nagios does: the last ten minutes are twenty slots, a slot counts when the alert began or ended in it, and
the newest counts half as much again as the oldest. While it flaps, the alert goes on firing until it has been quiet
for five minutes, so there is one episode, and one end of it.
"""

from __future__ import annotations

from typing import Final

SLOTS: Final = 20
SLOT_S: Final = 30.0
# Four changes in the window: it came, went, came, went. Then it must have gone quiet to begin anew.
BEGINS_AT: Final = 0.20
ENDS_AT: Final = 0.10
SETTLES_S: Final = 300.0
_OLDEST: Final = 0.8
_STEP: Final = 0.02


class Flapping:
    """What one watch remembers of its alert's comings and goings.

    Attributes:
        active: whether it flaps.
        changes: how often it came or went within the window.
    """

    __slots__ = ("_times", "active")

    def __init__(self, times: list[float] | None = None, *, active: bool = False) -> None:
        self.active = active
        self._times = times or []

    @property
    def changes(self) -> int:
        """How often it came or went within the window."""
        return len(self._times)

    def note(self, now_s: float) -> None:
        """It came, or went. `now_s` is active time, which stands still while nobody looks."""
        self._times = [time_s for time_s in self._times if now_s - time_s < SLOTS * SLOT_S]
        self._times.append(now_s)
        if len(self._times) > 4 * SLOTS:
            del self._times[0]
        self.active = self.share(now_s) >= (ENDS_AT if self.active else BEGINS_AT)

    def share(self, now_s: float) -> float:
        """How much of the window it changed in, weighted, 0 to 1."""
        ages = {int((now_s - time_s) // SLOT_S) for time_s in self._times}
        weights = [_OLDEST + _STEP * (SLOTS - age) for age in ages if 0 <= age < SLOTS]
        return sum(weights) / sum(_OLDEST + _STEP * (SLOTS - age) for age in range(SLOTS))

    def times(self) -> list[float]:
        """When it came or went, oldest first."""
        return list(self._times)
