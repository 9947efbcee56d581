"""Watches snapshots of the heap, and says which places of the program leak."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from tocsin.memory.components import Components
from tocsin.memory.leaks.cohorts import CohortHistory
from tocsin.memory.leaks.evenness import LEAST_SAMPLES
from tocsin.memory.leaks.growth import find_growth
from tocsin.memory.leaks.inferred import InferredBirths
from tocsin.memory.leaks.native import NativeGrowth
from tocsin.memory.leaks.report import Reporter, Retained
from tocsin.memory.leaks.sites import LARGE_BYTES, TRACKED, Changes, Group, Groups, Level
from tocsin.memory.leaks.timeline import Timeline
from tocsin.model.memory import HeapTier, LeakState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.model.memory import HeapSnapshot, LeakAnalysis

_MOST_TRACKED: Final = 1024
_PATIENCE: Final = 0.005  # of a site's age: so long no verdict of it changes by much
_FEW_THINNED: Final = 0.02  # of all samples: if more were given up, those that are missing have not died


class LeakDetector:
    """Says which sites leak, from the survivors that snapshots show.

    A site is suspected when its survivors were born evenly until now and do not die, as far as chance lets one tell,
    and confirmed when that goes on for half as long again: at the latest of 12 sampled survivors, 6 snapshots and 10 s.
    A cache that fills looks the same until it is full, or fills ever slower; then what is confirmed is taken back.

    All methods may be called from any thread; a forked child begins anew.

    Args:
        limit_bytes: the memory that the process may use, for the time until it is reached.
        components: by component, patterns of its modules, as for the profiler.
    """

    def __init__(
        self, *, limit_bytes: float | None = None, components: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._reporter = Reporter(limit_bytes, Components(components))
        self._retained: dict[str, Retained] = {}
        self._pid = os.getpid()
        self._guard = threading.RLock()
        self._begin()

    def _lock(self) -> threading.RLock:
        """The guard; in a forked child a new one, since a thread that it does not have may hold the parent's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._guard = threading.RLock()
            self._begin()
        return self._guard

    def _begin(self) -> None:
        self._groups = Groups()
        self._tracked: dict[Group, CohortHistory] = {}
        self._timeline = Timeline()
        self._native = NativeGrowth()
        self._inferred = InferredBirths()
        self._last: HeapSnapshot | None = None
        self._retained.clear()

    def observe(self, snapshot: HeapSnapshot, now_s: float | None = None) -> None:
        """One more snapshot.

        Args:
            snapshot: of the same process; another start of its profiler begins anew.
            now_s: when, in monotonic seconds; by default the snapshot's own time. What is not later than the one before
                is passed over.
        """
        now_s = snapshot.at_s if now_s is None else now_s
        with self._lock():
            last = self._last
            if last is not None and snapshot.started_s != last.started_s:
                if snapshot.started_s is None and snapshot.tier is HeapTier.RSS_ONLY:
                    return  # for once there was no memory to look at the heap
                self._begin()
                last = None
            if self._timeline.times and now_s <= self._timeline.times[-1]:
                return
            self._take(snapshot, now_s, trust=last is None or not _is_thinned(last, snapshot))
            self._native.observe(snapshot, now_s)
            self._last = snapshot

    def _take(self, snapshot: HeapSnapshot, now_s: float, *, trust: bool) -> None:
        """Remember what the stacks are now, and judge them."""
        at_s, timeline = snapshot.at_s, self._timeline
        stacks = self._inferred.of(snapshot.stacks, at_s)
        if not timeline.times and snapshot.started_s is not None and snapshot.started_s < at_s:
            known = {birth.to_s for stack in stacks for birth in stack.births if birth.to_s < at_s}
            timeline.begin(
                snapshot.started_s, known, interval_bytes=snapshot.interval_bytes, later_s=now_s - snapshot.at_s
            )
        dropped = timeline.add(now_s, snapshot.rss_bytes, interval_bytes=snapshot.interval_bytes, taken_s=at_s)
        if dropped is not None:
            for history in self._tracked.values():
                history.merge(*dropped)
        changes = self._groups.update(stacks)
        self._remember(changes, trust=trust)
        self._judge(changes.groups, now_s)

    def analyze(self, now_s: float | None = None) -> LeakAnalysis:
        """What is thought now; nothing changes by asking.

        Args:
            now_s: in monotonic seconds; by default the time of the last snapshot.
        """
        with self._lock():
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
            bounded_by: the bound of a container among it, such as `deque(maxlen=1000)`: the site is then bounded, until
                it has twice the survivors.
        """
        with self._lock():
            samples = next((site.samples for site in self.analyze().sites if site.key == site_key), 0)
            self._retained[site_key] = Retained(tuple(chain), bounded_by, samples)

    def _remember(self, changes: Changes, *, trust: bool) -> None:
        """Take the survivors of each site that has changed, and is more than noise, into its history."""
        marks: dict[float, float] = {}
        for group in changes.groups:
            history = group.history
            if history is None:
                if not _is_tracked(group):
                    continue
                history = group.history = self._tracked[group] = CohortHistory()
            whole = trust and group not in changes.moved
            history.observe(group.births(), self._timeline, marks=marks, trust=whole)
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

    def _judge(self, changed: set[Group], now_s: float) -> None:
        """Look again at what has changed, and at what is accused, since that nothing more comes says something, too."""
        timeline, observed_s = self._timeline, self._timeline.observed_s
        for group, history in self._tracked.items():
            standing = group.standing
            if standing.state is LeakState.WATCH and _is_old(group, history, now_s):
                standing.acquit(now_s)
            if not (standing.is_accused or (group in changed and _is_worth_it(group, history, now_s))):
                continue
            if now_s - group.judged_s < _PATIENCE * (now_s - history.begin_s):
                continue
            group.judged_s = now_s
            group.growth = find_growth(history, timeline, standing=standing.is_accused, over=standing.is_over)
            standing.step(group.growth, group.live_bytes, samples=history.samples, now_s=now_s, observed_s=observed_s)


def _is_thinned(last: HeapSnapshot, snapshot: HeapSnapshot) -> bool:
    """Whether so many samples were given up that those who are missing need not have died."""
    given_up = snapshot.thinned - last.thinned
    return given_up > 0 and given_up > _FEW_THINNED * sum(stack.samples for stack in last.stacks)


def _is_worth_it(group: Group, history: CohortHistory, now_s: float) -> bool:
    """Whether a site that is not accused may have to be: not one of which nothing was born for long, as most are."""
    if group.standing.state is not None or 0 < group.samples < TRACKED:
        return True
    return history.samples >= LEAST_SAMPLES and not _is_old(group, history, now_s)


def _is_old(group: Group, history: CohortHistory, now_s: float) -> bool:
    """Whether nothing was born for as long as all that lives took to be; a block that grows is born again each time."""
    begin_s = history.begin_s
    if group.samples < TRACKED:
        begin_s = min(begin_s, group.standing.first_s)
    return now_s - history.end_s > history.end_s - begin_s


def _is_tracked(group: Group) -> bool:
    """Whether a group is worth a history: a line of some samples or large, a wider one that is more than a line."""
    if group.level is Level.LINE:
        return group.samples >= TRACKED or (group.samples > 0 and group.live_bytes >= LARGE_BYTES)
    return group.samples >= TRACKED and sum(1 for line in group.lines if line.samples) > 1
