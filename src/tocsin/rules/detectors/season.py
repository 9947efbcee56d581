"""What a time of the day, and of the week, is wont to bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tocsin.rules.detectors.calibrator import WEEK_S
from tocsin.rules.detectors.floats import Floats, floats

DAY_S: Final = 86_400.0
_SLOTS: Final = 96
_SLOT_S: Final = DAY_S / _SLOTS
_HOURS: Final = 168
_HOUR_S: Final = 3600.0
_DAYS_REMEMBERED: Final = 7
_QUARTERS_REMEMBERED: Final = 16  # of an hour of the week: four weeks
_QUARTERS_KNOWN: Final = 8
_OFF_RATE: Final = 1 / 384  # four days of quarters of an hour
HELPS: Final = 0.5  # a profile explains a metric if it comes so much nearer than the long mean does
_WIDEST_BRIDGE: Final = 8  # slots without a reading between two that have some


@dataclass(slots=True)
class Season:
    """A profile of the day in quarters of an hour, and how far each hour of the week lies from it.

    Attributes:
        day: the mean of each quarter of an hour, in the metric's unit.
        n_days: how many days are in each; counted to seven.
        week: how far each hour of the week lies from the day's profile.
        n_week: how many quarters of an hour are in each; counted to sixteen.
        slot: the quarter of an hour that goes on; -1 before the first.
        hour: the hour of the week that goes on.
        mean: of the readings of this slot.
        n: how many they are.
        off_profile: how far a quarter of an hour lies from its profile, in the mean of some four days.
        off_mean: how far it lies from the long mean.
    """

    day: Floats
    n_days: bytearray
    week: Floats
    n_week: bytearray
    slot: int = -1
    hour: int = 0
    mean: float = 0.0
    n: int = 0
    off_profile: float = 0.0
    off_mean: float = 0.0

    def known(self, at_s: float, week: bool = False) -> float | None:  # noqa: FBT001, FBT002 - a name would cost, at each reading
        """What is usual at a time; None where that is not known.

        The profile of the day is a line between the middles of its slots.

        Args:
            at_s: Unix seconds.
            week: whether the hour of the week counts, too.
        """
        place = at_s % DAY_S / _SLOT_S - 0.5
        left = int(place) if place >= 0.0 else -1
        right = left + 1 if left < _SLOTS - 1 else 0
        n_days, day = self.n_days, self.day
        if not (n_days[left] and n_days[right]):
            return None
        known = day[left]
        known += (day[right] - known) * (place - left)
        return known + self.week[int(at_s % WEEK_S / _HOUR_S)] if week else known

    def learn(self, value: float, at_s: float, long: float) -> None:
        """Take in a reading.

        Args:
            value: in the metric's unit.
            at_s: Unix seconds.
            long: the long mean of the metric.
        """
        slot = int(at_s % DAY_S / _SLOT_S)
        if slot != self.slot:
            self._fold(slot, long)
            self.hour = int(at_s % WEEK_S / _HOUR_S)
        self.n = n = self.n + 1
        mean = self.mean
        self.mean = mean + (value - mean) / n

    def _fold(self, slot: int, long: float) -> None:
        """The quarter of an hour is over: put its mean into the profile, and begin the next."""
        at = self.slot
        if at >= 0:
            if self.n_days[at]:
                self._fold_week(self.mean - self.day[at], self.mean - long)
            self.n_days[at] = n = min(self.n_days[at] + 1, _DAYS_REMEMBERED)
            self.day[at] += (self.mean - self.day[at]) / n
            # Readings half an hour apart leave slots between them empty.
            for step in range(1, min((slot - at) % _SLOTS, _WIDEST_BRIDGE)):
                between = (at + step) % _SLOTS
                if self.n_days[between] <= 1:
                    self.day[between], self.n_days[between] = self.day[at], 1
        self.slot, self.mean, self.n = slot, 0.0, 0

    def _fold_week(self, off: float, off_mean: float) -> None:
        """Learn how far this quarter of an hour lies from the day's profile, and whether profiles help."""
        hour = self.hour
        known = self.week[hour] if self.n_week[hour] >= _QUARTERS_KNOWN else 0.0
        self.off_profile += (abs(off - known) - self.off_profile) * _OFF_RATE
        self.off_mean += (abs(off_mean) - self.off_mean) * _OFF_RATE
        self.n_week[hour] = n = min(self.n_week[hour] + 1, _QUARTERS_REMEMBERED)
        self.week[hour] += (off - self.week[hour]) / n

    def move(self, by: float) -> None:
        """The whole level has moved by this much."""
        self.day = floats(value + by for value in self.day)
        self.mean += by  # of the quarter of an hour in which it moved: what was read in it before, it is to teach so


def season() -> Season:
    """A season that knows nothing yet."""
    return Season(floats([0.0] * _SLOTS), bytearray(_SLOTS), floats([0.0] * _HOURS), bytearray(_HOURS))
