"""What was expected of a series over time, in a few numbers: for charts, never for a verdict."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tocsin.model.anomaly import AnomalyVerdict

# 4 KB a series. When they are full every second one goes, so they reach back to the start however long that is ago.
MAX_POINTS: Final = 120
FIRST_STEP_S: Final = 5.0
_WIDTH: Final = 4


class Trail:
    """Bands at about equal distances, from the first to the last.

    Attributes:
        due_s: when the next one is wanted, in monotonic seconds.
    """

    __slots__ = ("_numbers", "_step_s", "due_s")

    def __init__(self) -> None:
        self.due_s = -math.inf
        self._step_s = FIRST_STEP_S
        self._numbers = array("d")

    def add(self, mono_s: float, unix_s: float, verdict: AnomalyVerdict) -> None:
        """One more; called on the thread that steps."""
        if len(self._numbers) >= MAX_POINTS * _WIDTH:
            old = self._numbers
            self._step_s *= 2.0
            self._numbers = array(
                "d", [one for at in range(0, len(old), 2 * _WIDTH) for one in old[at : at + _WIDTH]]
            )  # whoever reads meanwhile has the old ones
        self.due_s = mono_s + self._step_s
        self._numbers.extend((unix_s, verdict.expected, verdict.low, verdict.high))

    def points(self) -> list[tuple[float, float, float, float]]:
        """Unix seconds, expected, low and high of each, oldest first; from any thread. Infinite: there is no bound."""
        found = self._numbers[:]
        return [(found[at], found[at + 1], found[at + 2], found[at + 3]) for at in range(0, len(found), _WIDTH)]
