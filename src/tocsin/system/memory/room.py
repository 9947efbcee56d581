"""The memory room of a system: the heap profiler and the leak detector, looked at every few seconds.

What they find enters the engine as readings, so one kind of rule judges it; what proves an alert is worked out of the
last look. Whose objects a leak keeps is searched for on a thread of its own, once for each leak.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from tocsin.library import standard_folder
from tocsin.memory_alerts import advice
from tocsin.memory_alerts.sites import as_leak, evidence_of, fastest_first
from tocsin.model import inputs as given
from tocsin.model.levels import AlertCategory
from tocsin.model.memory import HeapSnapshot, LeakAnalysis, LeakSite, LeakState, MemoryReport
from tocsin.rules.defaults.memory import memory_rules
from tocsin.system.memory.baseline import Baseline, Difference
from tocsin.system.memory.holders import HolderSearch, load_scan
from tocsin.system.memory.sensor import MemorySensor
from tocsin.system.memory.verdicts import bound_of, chain_of, with_limit, without_own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.memory.profiler import MemoryProfiler
    from tocsin.model.alert import Evidence, PerformanceAlert
    from tocsin.model.inputs import Want

# Right after the start nothing is known yet, so it is looked at as often as when something grows.
FRESH_S: Final = 60.0
MAX_PAUSE_S: Final = 60.0
STAYS_LOOKS: Final = 2.0
_GROWING: Final = (LeakState.SUSPECTED, LeakState.CONFIRMED)
# The general advice of the default rules gives way to what was found; a user's own stays.
_GENERAL: Final = {rule.name: rule.recommendations for rule in memory_rules()}


class Detector(Protocol):
    """What is asked of the leak detector."""

    def observe(self, snapshot: HeapSnapshot, now_s: float | None = None) -> None:
        """One more snapshot."""
        ...

    def analyze(self, now_s: float | None = None) -> LeakAnalysis:
        """The verdict."""
        ...

    def retained(self, site_key: str, chain: Sequence[str], bounded_by: str = "") -> None:
        """What holds the survivors of a site."""
        ...


class Look(NamedTuple):
    """What was seen at one time."""

    snapshot: HeapSnapshot
    report: MemoryReport
    analysis: LeakAnalysis


class MemoryRoom:
    """A part of the system: it begins and ends with it, and has no thread of its own but while it searches.

    Args:
        config: the settings of memory, the components, and what looking may cost.
        clock: tells when something is asked from outside.
        wanted: whether this system watches its own process at all.
        limit_bytes: the memory that the process may use, asked at each look; None: not known.
    """

    name = "tocsin-memory"

    def __init__(
        self, config: AlertConfig, clock: Clock, *, wanted: bool, limit_bytes: Callable[[], float | None]
    ) -> None:
        self.settings = config.memory_settings
        self.enabled = wanted and self.settings.enabled
        self._components = config.components
        self._share = config.self_budget / 100
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._profiler: MemoryProfiler | None = None
        self.after_fork()

    # -- life

    def begin(self) -> None:
        """See blocks from now on."""
        if self.enabled:
            self.load()
            self.profiler.start(self._clock.now().mono_s)

    def load(self) -> None:
        """Load all that looking needs, so that no thread of ours is at it when the program forks."""
        self._make_ready()
        load_scan()
        standard_folder()
        _ = self.profiler

    def end(self, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        """See no more blocks; what was found stays to be asked for."""
        if self._profiler is not None:
            self._profiler.stop()
        self._search.forget()
        self._baseline.forget()  # another start sees other stacks
        return True

    def is_alive(self) -> bool:
        """Always: there is nothing that could die."""
        return True

    def after_fork(self) -> None:
        """In the child: another process has other memory, and nobody looks yet."""
        if self._profiler is not None:
            self._profiler.stop()
        self._lock = threading.RLock()
        self._profiler = None
        self._detector: Detector | None = None
        self._last: Look | None = None
        self._baseline = Baseline()
        self._began_s: float | None = None
        self._due_s = float("-inf")
        self._since_s: dict[str, float] = {}
        self._search = HolderSearch(self.hurry)

    def reload(self, config: AlertConfig) -> None:
        """Look at such a cost as this configuration says; the profiler goes on as it was started."""
        self._share = config.self_budget / 100

    # -- for whoever asks

    @property
    def profiler(self) -> MemoryProfiler:
        """The heap profiler; made at first use."""
        with self._lock:
            if self._profiler is None:
                from tocsin.memory.profiler import MemoryProfiler  # noqa: PLC0415 - whoever only emits needs it not

                self._profiler = MemoryProfiler(
                    self.settings.interval_bytes,
                    tier=self.settings.tier if self.enabled else "rss only",
                    components=self._components,
                )
            return self._profiler

    def report(self) -> MemoryReport:
        """What is known of the memory of this process, now."""
        now = self._clock.now()
        return self.profiler.report(now.mono_s, limit_bytes=self._limit_bytes())

    def last_report(self) -> MemoryReport | None:
        """The report of the last look; None: there was none."""
        return None if self._last is None else self._last.report

    def analysis(self) -> LeakAnalysis:
        """The verdict on leaks as of the last look, which is seconds old."""
        return self.seen().analysis

    def snapshot(self) -> HeapSnapshot:
        """The heap as of the last look."""
        return self.seen().snapshot

    def seen(self) -> Look:
        """The last look; the first is taken, if there was none."""
        return self._last or self.look(self._clock.now())

    def compared(self) -> tuple[HeapSnapshot, Difference | None]:
        """The heap as of the last look, and what it has gained since the program had warmed up."""
        seen = self.seen()
        with self._lock:
            return seen.snapshot, self._baseline.difference(seen.snapshot)

    def look(self, now: Instant) -> Look:
        """Take a snapshot, and think about it."""
        with self._lock:
            detector = self._make_ready()
            began_s = time.thread_time()
            snapshot = self.profiler.snapshot(now.mono_s)
            detector.observe(snapshot, now.mono_s)
            for key, found in self._search.results():
                detector.retained(key, chain_of(found), bound_of(found))
            limit = self._limit_bytes()
            report = self.profiler.report(now.mono_s, snapshot=snapshot, limit_bytes=limit, with_pss=False)
            analysis = with_limit(without_own(detector.analyze(now.mono_s)), snapshot, limit)
            self._search.begin(analysis.potential_leaks, now.mono_s)
            self._baseline.consider(snapshot)
            self._last = Look(snapshot, report, analysis)
            self._due_s = now.mono_s + self._pause_s(now, analysis, time.thread_time() - began_s)
            return self._last

    def look_at_last(self) -> None:
        """Look once more and wait, a few seconds at most, for what holds the leaks; for the end of a program."""
        if self.look(self._clock.now()).analysis.potential_leaks:
            self._search.wait()
            self.look(self._clock.now())

    # -- for the system

    def sensor(self) -> MemorySensor:
        """What the monitor reads."""
        return MemorySensor(self)

    def look_if_due(self, now: Instant) -> Look | None:
        """A look, if it is time for one.

        Left out are leaks that are confirmed only since a moment (a cache that fills after the start is full then), and
        those whose holders are still being searched for.
        """
        if now.mono_s < self._due_s:
            return None
        seen = self.look(now)
        sites = seen.analysis.potential_leaks
        self._since_s = {site.key: self._since_s.get(site.key, now.mono_s) for site in sites}
        stays_s = STAYS_LOOKS * self.settings.snapshot_s
        told = tuple(
            site
            for site in sites
            if now.mono_s - self._since_s[site.key] >= stays_s and self._search.is_over(site, now.mono_s)
        )
        return seen._replace(analysis=msgspec.structs.replace(seen.analysis, potential_leaks=told))

    def hurry(self) -> None:
        """Look again in the next pass; from any thread."""
        self._due_s = float("-inf")

    def proof(self, want: Want, alert: PerformanceAlert | None) -> given.EvidenceFound | None:
        """What proves an alert on memory, with advice that names it; None where it is not ours, or nothing is known."""
        seen = self._last
        if seen is None or alert is None:
            return None
        if want.kind == "leak_sites":
            sites = _leaks_of(seen.analysis, dict(want.labels).get("component"))
            evidence = evidence_of([as_leak(site) for site in sites], "what leaks")
            texts = advice.on_leaks([as_leak(site) for site in sites], None)
        elif want.kind == "growing_lines":
            evidence, texts = _growing(seen, alert)
        else:
            return None
        if evidence is None:
            return None
        own = () if alert.recommendations == _GENERAL.get(alert.rule) else alert.recommendations
        return given.EvidenceFound(alert.id, evidence, (*texts, *own) if texts else ())

    def _make_ready(self) -> Detector:
        with self._lock:
            if self._detector is None:
                from tocsin.memory.leaks import LeakDetector  # noqa: PLC0415 - as the profiler

                self._detector = LeakDetector(components=self._components)
            return self._detector

    def _pause_s(self, now: Instant, analysis: LeakAnalysis, cost_s: float) -> float:
        """Seconds to the next look: twice as long in calm times, and longer where a look costs more than it may."""
        if self._began_s is None:
            self._began_s = now.mono_s
        fresh = now.mono_s - self._began_s < FRESH_S
        grows = any(site.state in _GROWING for site in analysis.sites)
        pause_s = self.settings.snapshot_s * (1.0 if fresh or grows else 2.0)
        return max(pause_s, min(cost_s / self._share, MAX_PAUSE_S))


def _leaks_of(analysis: LeakAnalysis, component: str | None) -> list[LeakSite]:
    mine = [site for site in analysis.potential_leaks if component in {None, site.component}]
    return fastest_first(mine or analysis.potential_leaks)


def _growing(seen: Look, alert: PerformanceAlert) -> tuple[Evidence | None, tuple[str, ...]]:
    """The lines that grow; where none is known to, those that hold most."""
    grows = [site for site in seen.analysis.sites if site.state in _GROWING or site.state is LeakState.WATCH]
    sites = fastest_first(site for site in grows if site.rate_mb_per_hour)
    if sites and alert.category is not AlertCategory.MEMORY_EFFICIENCY:
        leaks = [as_leak(site) for site in sites]
        return evidence_of(leaks, "the lines that grow", "growing_lines"), advice.on_growing_lines(sites)
    proofs = advice.proof_of(seen.report)
    return (proofs[0] if proofs else None), advice.on_report(seen.report, alert.category)
