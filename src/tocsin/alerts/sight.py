"""What is seen of a series in one way of reading it, for all rules that read it so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Judge(Protocol):
    """Whoever judges what is seen."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is wrong, so that a value that is not bad changes nothing."""
        ...


class Group(Protocol):
    """All that look at one series."""

    seen_s: float


class Sight:
    """One way of reading a series, and those that judge by it.

    Attributes:
        aggregate: from now (monotonic seconds) to the value to judge; None: the reading itself.
        value: the last one; None before there is one.
        fresh: whether the last reading gave a value; else the window holds too little for a verdict.
        judges: in the order of their rules.
        calm: whether none of them has anything going on.
    """

    __slots__ = ("_high", "_low", "aggregate", "calm", "fresh", "judges", "value")

    def __init__(self, aggregate: Callable[[float], float] | None) -> None:
        self.aggregate = aggregate
        self.value: float | None = None
        self.fresh = self.calm = False
        self.judges: list[Judge] = []
        self._low, self._high = -math.inf, math.inf

    def join(self, judge: Judge, band: tuple[float, float]) -> None:
        """One more, for whom the values within the band, its ends included, are not bad."""
        self.judges.append(judge)
        self._low, self._high = max(self._low, band[0]), min(self._high, band[1])
        self.calm = False

    def takes_notice(self, value: float, mono_s: float) -> bool:
        """See a reading; whether they are to judge it."""
        if self.aggregate is not None:
            value = self.aggregate(mono_s)
            self.fresh = value == value  # noqa: PLR0124 - NaN: the window holds too little
            if not self.fresh:
                return False
        self.value, self.fresh = value, True
        return not (self.calm and self._low <= value <= self._high)
