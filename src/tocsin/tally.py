"""A count that any thread may raise without a lock and without losing one."""

from __future__ import annotations

import itertools
import threading
from typing import Final

_READING: Final = threading.Lock()


class Tally:
    """Counts without a lock on the counting side.

    `+=` from many threads loses counts, and a lock there would be held while another thread forks. Stepping an
    `itertools.count` is one uninterrupted call; reading it steps it too, so readers keep account of their own steps.
    """

    __slots__ = ("_count", "_reads", "add")

    def __init__(self) -> None:
        self._count = itertools.count()
        self._reads = 0
        self.add = self._count.__next__

    def value(self) -> int:
        """How often `add` was called. Takes a lock, so it is not for fork hooks or signal handlers."""
        with _READING:
            seen = next(self._count) - self._reads
            self._reads += 1
            return seen
