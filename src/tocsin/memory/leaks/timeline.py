"""The times of the snapshots that are remembered: a bounded number, dense near the end, sparser before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_MARKS: Final = 64
_RECENT_MARKS: Final = 12  # the last ones are all kept, since a verdict is made on them


class Timeline:
    """Times that cut the observation into cohorts: a cohort is what was born between two neighbours.

    Attributes:
        times: in seconds, ascending.
        snapshots: how many there were, forgotten ones included.
        is_even: whether samples were always the same mean distance apart.

    When there are too many, two neighbouring cohorts become one, and everybody who counts by cohort is told which.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self._taken: list[float] = []
        self._numbers: list[int] = []
        self._rss: list[int | None] = []
        self._intervals: list[float] = []
        self.snapshots = 0
        self.is_even = True

    def begin(
        self, started_s: float, births_s: Iterable[float], *, interval_bytes: float, later_s: float = 0.0
    ) -> None:
        """What was before the first snapshot, in the time that snapshots have.

        Args:
            started_s: since when births are known.
            births_s: ends of intervals of birth that are known since then.
            interval_bytes: mean bytes between two samples.
            later_s: by how much our time is later than that of snapshots.
        """
        known = sorted({started_s, *births_s})
        step = -(-len(known) // (MOST_MARKS // 2))
        self._taken = known[::step]
        self.times = [at_s + later_s for at_s in self._taken]
        self._numbers = [0] * len(self.times)
        self._rss = [None] * len(self.times)
        self._intervals = [interval_bytes] * len(self.times)

    def add(
        self,
        now_s: float,
        rss_bytes: int | None = None,
        *,
        interval_bytes: float = 0.0,
        taken_s: float | None = None,
    ) -> tuple[float, float] | None:
        """One more snapshot.

        Args:
            now_s: later than the one before.
            taken_s: the time that the snapshot has itself, and its births; by default the same.
            rss_bytes: resident memory.
            interval_bytes: mean bytes between two samples, then.
        Returns: the time that is not remembered any more, and the one whose cohort takes over, if there is such.
        """
        self.snapshots += 1
        self.times.append(now_s)
        self._taken.append(now_s if taken_s is None else taken_s)
        self._numbers.append(self.snapshots)
        self._rss.append(rss_bytes)
        self.is_even = self.is_even and (not self._intervals or self._intervals[-1] == interval_bytes)
        self._intervals.append(interval_bytes)
        return self._drop() if len(self.times) > MOST_MARKS else None

    def _drop(self) -> tuple[float, float]:
        times = self.times
        now_s, whole_s = times[-1], times[-1] - times[0]
        # Between evenly spaced and spaced by age: recent growth needs the one, a long uniform one the other.
        place = min(
            range(1, len(times) - _RECENT_MARKS),
            key=lambda at: (times[at + 1] - times[at - 1]) / (now_s - times[at] + 0.25 * whole_s),
        )
        dropped = (times[place], times[place + 1])
        self._intervals[place + 1] = max(self._intervals[place : place + 2])
        for remembered in (times, self._taken, self._numbers, self._rss, self._intervals):
            del remembered[place]
        return dropped

    def mark_of(self, to_s: float) -> float:
        """The end of the cohort in which a birth interval lies that ended at `to_s` of the time of snapshots."""
        return self.times[min(bisect_left(self._taken, to_s), len(self.times) - 1)]

    def begin_of(self, mark_s: float) -> float:
        """The begin of the cohort that ends at a mark; the mark itself for the first one."""
        return self.times[max(bisect_left(self.times, mark_s) - 1, 0)]

    def widest_interval(self, marks: Iterable[float]) -> float:
        """The widest mean distance of samples, in bytes, at some marks; 0 where each block is seen."""
        return max((self._intervals[bisect_left(self.times, mark_s)] for mark_s in marks), default=0.0)

    def snapshots_since(self, at_s: float) -> int:
        """How many snapshots were seen after a time."""
        place = bisect_left(self.times, at_s)
        if place >= len(self.times):
            return 0
        return self.snapshots - self._numbers[place] + (self.times[place] > at_s)

    def rss_at(self, at_s: float) -> int | None:
        """Resident memory at the last remembered snapshot that is not later than a time, or the first; in bytes."""
        place = max(bisect_right(self.times, at_s) - 1, 0)
        return next((rss for rss in self._rss[place:] if rss is not None), None)

    @property
    def observed_s(self) -> float:
        """Seconds between the first snapshot and the last."""
        return self.times[-1] - self.times[0] if self.times else 0.0
