"""A count that any thread may raise without a lock and without losing one."""

from __future__ import annotations

from itertools import count


class Tally:
    """Counts without a lock.

    `+=` from many threads loses counts, and a lock would be held by some thread while another one forks. Stepping an
    `itertools.count` is one uninterrupted call. Reading steps it too, and a second one keeps account of the readings;
    two that read at the very same time may each be off by one, the next reading is exact again.
    """

    __slots__ = ("_adds", "_reads", "add")

    def __init__(self) -> None:
        self._adds = count()
        self._reads = count()
        self.add = self._adds.__next__

    def value(self) -> int:
        """How often `add` was called."""
        return next(self._adds) - next(self._reads)
