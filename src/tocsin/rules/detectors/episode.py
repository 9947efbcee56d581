"""One episode of unusual readings: it rings once, and ends when it is calm or when the new level is adopted."""

from __future__ import annotations

from typing import Final

import msgspec

from tocsin.model.anomaly import Reason

REFRACTORY_S: Final = 3600.0
ADOPT_S: Final = 6 * 3600.0
ADOPT_READINGS: Final = 30
_CALM_S: Final = 600.0
_CALM_READINGS: Final = 10
_MUCH_WORSE: Final = 4.0  # times as far off as when the bell rang


class Episode(msgspec.Struct, gc=False):
    """What is known of the present episode, or of the last one.

    Attributes:
        goes_on: whether there is one at present.
        onset_s: observed seconds when it began.
        onset_reading: the reading with which it began.
        hot_s: observed seconds when a level was last exceeded.
        hot_reading: the reading that did; 0 if none did yet.
        worst: how far off the reading was that rang.
        stood: the mean of some 64 readings once 128 of them were in the episode.
        reason: in which way it is unusual.
    """

    goes_on: bool = False
    onset_s: float = 0.0
    onset_reading: int = 0
    hot_s: float = 0.0
    hot_reading: int = 0
    worst: float = 0.0
    stood: float = 0.0
    reason: Reason = Reason.NONE

    def heat(self, distance: float, reason: Reason, reading: int, now_s: float, *, is_new: bool) -> bool:
        """A level is exceeded; whether that rings.

        Args:
            distance: of the reading from the mean of the last ordinary ones.
            reason: in which way the reading is unusual.
            reading: its number.
            now_s: observed seconds.
            is_new: False where the same excess, which may hover about its level for hours, has rung before.
        """
        rings = False
        if not self.goes_on:
            rings = is_new and (not self.hot_reading or now_s - self.hot_s > REFRACTORY_S)
            self.goes_on, self.reason, self.onset_s, self.onset_reading = True, reason, now_s, reading
            if rings:
                self.worst = distance
        if distance > _MUCH_WORSE * self.worst:
            rings, self.worst = True, distance
        self.hot_s, self.hot_reading = now_s, reading
        return rings

    def cool(self, reading: int, now_s: float) -> None:
        """No level is exceeded; the episode ends when that was so for a while."""
        if now_s - self.hot_s > _CALM_S and reading - self.hot_reading > _CALM_READINGS:
            self.goes_on, self.reason = False, Reason.NONE

    def is_adopted(self, reading: int, now_s: float) -> bool:
        """Whether it lasts so long that it is no episode but how the metric is now."""
        return now_s - self.onset_s > ADOPT_S and reading - self.onset_reading > ADOPT_READINGS

    def end(self) -> None:
        """The new level is adopted."""
        self.goes_on, self.reason = False, Reason.NONE
