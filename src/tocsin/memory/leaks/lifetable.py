"""How long blocks of one site live, from how many of each age were seen to go.

An actuary's life table: of those who came to the begin of an age, and did not leave the observation alive in it, the
share that died in it. Source: Cutler and Ederer (1958), Maximum utilization of the life table method.
"""

from __future__ import annotations

from math import log, sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST_S: Final = 1e-3
_RATIO: Final = 1.25  # of an age class to the one before
_LOG_RATIO: Final = log(_RATIO)
_MOST_CLASSES: Final = 110  # a year
_DOUBT: Final = 0.7  # standard deviations of deaths: few may be chance
_ENOUGH: Final = 6  # blocks that came to an age, for it to count


def age_class(age_s: float) -> int:
    """The number of the class in which an age lies."""
    if age_s < _SHORTEST_S:
        return 0
    return min(int(log(age_s / _SHORTEST_S) / _LOG_RATIO) + 1, _MOST_CLASSES)


def begin_of_class(number: int) -> float:
    """The lowest age of a class, in seconds."""
    return 0.0 if number == 0 else _SHORTEST_S * _RATIO ** (number - 1)


class LifeTable:
    """Blocks by age: how many came to it, how many died in it."""

    __slots__ = ("_entered", "died")

    def __init__(self) -> None:
        self._entered: dict[int, float] = {}
        self.died: dict[int, float] = {}

    def enter(self, age_s: float, blocks: float) -> None:
        """Blocks that are seen for the first time."""
        number = age_class(age_s)
        self._entered[number] = self._entered.get(number, 0.0) + blocks

    def step(self, from_s: float, to_s: float, *, survivors: float, deaths: float) -> None:
        """Blocks of one cohort grow older from one snapshot to the next; deaths are counted in the middle.

        Args:
            from_s: their age at the snapshot before.
            to_s: their age now.
            survivors: how many still live.
            deaths: how many do not.
        """
        entered = self._entered
        middle = age_class((from_s + to_s) / 2)
        for number in range(age_class(from_s) + 1, age_class(to_s) + 1):
            came = survivors + deaths if number <= middle else survivors
            entered[number] = entered.get(number, 0.0) + came
        if deaths:
            self.died[middle] = self.died.get(middle, 0.0) + deaths

    def settled_age_s(self, alive: Iterable[tuple[float, float]], *, share: float) -> float | None:
        """The age from which on blocks have so far stayed.

        Args:
            alive: age in seconds and number of those who live now.
            share: of those who reach the age, how many at least live to the highest age that was seen often enough.

        Returns: seconds; 0 if none was seen to go; None if even those of the highest age go.
        """
        if not self.died:
            return 0.0
        leaving: dict[int, float] = {}
        for age_s, blocks in alive:
            number = age_class(age_s)
            leaving[number] = leaving.get(number, 0.0) + blocks
        lasting, staying = 1.0, None
        for number in sorted(self._entered, reverse=True):
            came, died = self._entered[number], self.died.get(number, 0.0)
            if came < _ENOUGH and staying is None:
                continue
            surely = max(died - _DOUBT * sqrt(died), 0.0)
            lasting *= 1.0 - min(surely / max(came - leaving.get(number, 0.0) / 2, died, 1e-9), 1.0)
            if lasting < share:
                break
            staying = begin_of_class(number)
        else:
            return 0.0
        return staying
