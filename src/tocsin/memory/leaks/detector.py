"""Watches snapshots of the heap, and says which places of the program leak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.memory.components import Components
from tocsin.memory.leaks.cohorts import CohortHistory
from tocsin.memory.leaks.growth import LEAST_SAMPLES, Trend, find_growth
from tocsin.memory.leaks.native import NativeGrowth
from tocsin.memory.leaks.report import Reporter, Retained
from tocsin.memory.leaks.sites import TRACKED, Group, Groups, Level
from tocsin.memory.leaks.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.model.memory import HeapSnapshot, LeakAnalysis

_MOST_TRACKED: Final = 1024
_FEW_THINNED: Final = 0.02  # of all samples: if more were given up, those that are missing have not died


class LeakDetector:
    """Says which sites leak, from the survivors that snapshots show.

    A site is suspected when its survivors were born evenly until now and do not die, and confirmed when that goes on
    for half as long again: at the latest of 12 sampled survivors, 6 snapshots and 10 s. A cache that fills looks the
    same until it is full; then it is called bounded, and what is confirmed is taken back.

    Args:
        limit_bytes: the memory that the process may use, for the time until it is reached.
        components: by component, patterns of its modules, as for the profiler.
    """

    def __init__(
        self, *, limit_bytes: float | None = None, components: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._reporter = Reporter(limit_bytes, Components(components))
        self._retained: dict[str, Retained] = {}
        self._begin()

    def _begin(self) -> None:
        self._groups = Groups()
        self._tracked: dict[Group, CohortHistory] = {}
        self._timeline = Timeline()
        self._native = NativeGrowth()
        self._last: HeapSnapshot | None = None
        self._retained.clear()

    def observe(self, snapshot: HeapSnapshot, now_s: float | None = None) -> None:
        """One more snapshot.

        Args:
            snapshot: of the same process; another start of its profiler begins anew.
            now_s: when it was taken, in monotonic seconds; by default its own time. Not later than the one before:
                the snapshot is passed over.
        """
        now_s = snapshot.at_s if now_s is None else now_s
        last = self._last
        if last is not None and last.started_s != snapshot.started_s:
            self._begin()
        elif self._timeline.times and now_s <= self._timeline.times[-1]:
            return
        trust = last is None or snapshot.thinned - last.thinned <= _FEW_THINNED * sum(s.samples for s in last.stacks)
        dropped = self._timeline.add(now_s, snapshot.rss_bytes, interval_bytes=snapshot.interval_bytes)
        if dropped is not None:
            for history in self._tracked.values():
                history.merge(*dropped)
        moved = self._groups.update(snapshot.stacks)
        self._groups.refresh()
        self._remember(moved, trust=trust)
        self._judge(now_s)
        self._native.observe(snapshot)
        self._last = snapshot

    def analyze(self, now_s: float | None = None) -> LeakAnalysis:
        """What is thought now; nothing changes by asking.

        Args:
            now_s: in monotonic seconds; by default the time of the last snapshot.
        """
        last_s = self._timeline.times[-1] if self._timeline.times else None
        return self._reporter.analysis(
            self._tracked,
            self._native,
            self._timeline,
            last=self._last,
            now_s=last_s if now_s is None else now_s,
            retained=self._retained,
        )

    def retained(self, site_key: str, chain: Sequence[str], bounded_by: str = "") -> None:
        """What a look at the survivors of a site has found.

        Args:
            site_key: the `key` of the site.
            chain: what holds them, nearest first.
            bounded_by: the bound of a container among it, such as `deque(maxlen=1000)`: the site is then bounded.
        """
        self._retained[site_key] = Retained(tuple(chain), bounded_by)

    def _remember(self, moved: set[Group], *, trust: bool) -> None:
        """Take the survivors of each site that has changed, and is more than noise, into its history."""
        marks: dict[float, float] = {}
        for group in self._groups:
            history = group.history
            if history is None:
                if group.samples < TRACKED or (group.level is not Level.LINE and not _is_spread(group)):
                    continue
                history = group.history = CohortHistory()
                self._tracked[group] = history
            elif not group.dirty:
                continue
            history.observe(group.births(), self._timeline, marks=marks, trust=trust and group not in moved)
        for group in self._tracked:
            group.dirty = group.dirty and group.level is Level.LINE
        self._forget()

    def _forget(self) -> None:
        """Bound the number of histories: the smallest of those that nothing is thought of go."""
        spare = len(self._tracked) - _MOST_TRACKED
        if spare <= 0:
            return
        idle = sorted((group for group in self._tracked if group.standing.state is None), key=lambda one: one.samples)
        for group in idle[:spare]:
            del self._tracked[group]
            group.history = None

    def _judge(self, now_s: float) -> None:
        timeline, observed_s = self._timeline, self._timeline.observed_s
        for group, history in self._tracked.items():
            standing = group.standing
            if history.samples < LEAST_SAMPLES and standing.state is None:
                continue
            if standing.state is None and _is_old(history, now_s):
                continue
            group.growth = find_growth(history, timeline, standing=standing.is_accused)
            standing.step(group.growth, group.live_bytes, now_s=now_s, observed_s=observed_s)


def _is_old(history: CohortHistory, now_s: float) -> bool:
    """Whether nothing of a site was born for as long as all of it before: most sites of a program are so."""
    cohorts = history.cohorts
    return not cohorts or now_s - cohorts[-1].end_s > cohorts[-1].end_s - cohorts[0].begin_s


def _is_spread(group: Group) -> bool:
    """Whether more than one line counts in a group, so that it says more than the line does."""
    return sum(1 for line in group.lines if line.samples) > 1


__all__ = ["LeakDetector", "Trend"]
