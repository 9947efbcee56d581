"""MemoryProfiler: what a process holds, who holds it, and how well it is used."""

from __future__ import annotations

import os
import threading
import weakref
from math import isfinite
from typing import TYPE_CHECKING, Final, Self, cast

from tocsin.errors import ConfigError, Problem
from tocsin.memory import hook
from tocsin.memory.efficiency import efficiency, kept_bytes, native_bytes
from tocsin.memory.growth import LEAST_READINGS, Growth
from tocsin.memory.lease import HeapModule, python_blocks, shared_hook
from tocsin.memory.process import peak_rss_bytes, pss_bytes, rss_bytes
from tocsin.memory.report import Attribution, live_of, mb, uses
from tocsin.memory.sampling import SamplingHeap
from tocsin.model.memory import HeapSnapshot, HeapTier, MemoryReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from tocsin.memory.lease import Beginning
    from tocsin.memory.tracing import TracedHeap

AUTO: Final = "auto"
_TIERS: Final = (AUTO, *HeapTier)
_LEAST_WINDOW_S: Final = 1.0
_INTERVAL_LIMIT: Final = 1e12


class MemoryProfiler:
    """Samples the allocations of this process, from `start` to `stop`, and tells what of them lives.

    It never reads a clock: every time is the caller's, in monotonic seconds. Profilers share the one hook there is, so
    several may run at once. All methods may be called from any thread.

    Args:
        interval_bytes: mean bytes between two samples; smaller sees smaller sites, and costs little.
        tier: "auto" samples where the C extension is there and else knows resident memory only; "tracemalloc" sees each
            block at several times the cost, and is never chosen unless asked for; "rss only" starts nothing.
        components: modules by the part of the program that they make up, as in
            `{"sessions": ["app.sessions", "app.cache.*"]}`.
        limit_bytes: memory that the process may use, for the report.
        growth_window_s: how far back the growth rate looks.
        max_samples: more blocks alive are thinned out, their weight going over to the others.
        load: gives the C extension, or None and the reason.

    Raises: ConfigError: if an argument is wrong.
    """

    def __init__(
        self,
        interval_bytes: float = 131072,
        *,
        tier: str = AUTO,
        components: Mapping[str, Sequence[str]] | None = None,
        limit_bytes: float | None = None,
        growth_window_s: float = 60.0,
        max_samples: int = 65536,
        load: Callable[[], tuple[HeapModule | ModuleType | None, str]] = hook.load,
    ) -> None:
        _check(interval_bytes, tier, growth_window_s, max_samples)
        self._interval_bytes = float(interval_bytes)
        self._wanted = tier
        self._limit_bytes = limit_bytes
        self._max_samples = max_samples
        self._load = load
        self._attribution = Attribution(components)
        self._growth = Growth(growth_window_s)
        self._heap: SamplingHeap | TracedHeap | None = None
        self._closing: Callable[[], object] | None = None
        self._why_rss_only = "the profiler is not started, so resident memory is all that is known"
        self._last_s: float | None = None
        self._backward = 0
        self._pid = os.getpid()
        self._guard = threading.RLock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def tier(self) -> HeapTier:
        """How the heap is seen at present."""
        return HeapTier.RSS_ONLY if self._heap is None else self._heap.tier

    @property
    def is_started(self) -> bool:
        """Whether blocks are seen at present."""
        return self._heap is not None

    def start(self, now_s: float | None = None) -> None:
        """See blocks from now on. Started already, it goes on.

        Args:
            now_s: the time, so that the first births are known to be later; without it they have the time of the first
                snapshot.
        """
        with self._lock():
            if self._heap is None:
                self._heap, self._why_rss_only = self._begin(None if now_s is None else self._now(now_s))
            if self._heap is not None and self._closing is None:
                # A profiler that is dropped without `stop` must not keep the hook running.
                self._closing = closing = weakref.finalize(self, self._heap.close)
                closing.atexit = False

    def stop(self) -> None:
        """See no more blocks. What other profilers see goes on. Stopped already, it stays so."""
        with self._lock():
            if self._closing is not None:
                self._closing()
            self._heap = self._closing = None
            self._attribution.forget()
            self._why_rss_only = "the profiler was stopped, so resident memory is all that is known"

    def snapshot(self, now_s: float) -> HeapSnapshot:
        """What lives now, by stack.

        Args:
            now_s: monotonic seconds; an earlier time than before counts as that one, and the report says so.
        """
        with self._lock():
            at_s = self._now(now_s)
            rss = rss_bytes()
            if rss is not None:
                self._growth.add(at_s, rss)
            if self._heap is None:
                return self._rss_only(at_s, rss, self._why_rss_only)
            try:
                return self._heap.read(at_s, rss)
            except MemoryError:
                return self._rss_only(at_s, rss, "there was no memory for a snapshot of the heap")

    def report(
        self,
        now_s: float,
        *,
        snapshot: HeapSnapshot | None = None,
        limit_bytes: float | None = None,
        with_pss: bool = True,
    ) -> MemoryReport:
        """What is known of the memory of this process.

        Args:
            now_s: monotonic seconds.
            snapshot: of this profiler at this time, where the caller has it; else one is taken.
            limit_bytes: memory that the process may use, if it is not the one of the constructor.
            with_pss: ask for the proportional share too, for which the kernel walks all pages and mappings.
        """
        with self._lock():
            seen = self.snapshot(now_s) if snapshot is None else snapshot
            beginning = self._beginning()
            used, live = efficiency(seen, beginning), live_of(seen)
            return MemoryReport(
                at_s=seen.at_s,
                tier=seen.tier,
                rss_mb=mb(seen.rss_bytes),
                pss_mb=mb(pss_bytes()) if with_pss else None,
                peak_rss_mb=mb(peak_rss_bytes()),
                growth_rate_mb_per_s=self._growth.mb_per_s(),
                growth_window_s=self._growth.window_s,
                efficiency_score=used.score,
                fragmentation=used.fragmentation,
                live_mb=live.live_mb,
                live_low_mb=live.low_mb,
                live_high_mb=live.high_mb,
                untracked_mb=live.untracked_mb,
                arena_mb=mb(seen.arena_bytes),
                native_mb=mb(native_bytes(seen, beginning)),
                malloc_free_mb=mb(kept_bytes(seen)),
                components=uses(seen.stacks, self._attribution.component),
                sites=uses(seen.stacks, self._attribution.site),
                limit_mb=mb(self._limit_bytes if limit_bytes is None else limit_bytes),
                remarks=(*seen.remarks, *self._remarks(used.reason if seen.tier is HeapTier.SAMPLING else "")),
            )

    def _begin(self, now_s: float | None) -> tuple[SamplingHeap | TracedHeap | None, str]:
        """What shows the heap, or why there is nothing that does."""
        if os.environ.get("TOCSIN_DISABLED") == "1":
            return None, "TOCSIN_DISABLED is set, so resident memory is all that is known"
        if self._wanted == HeapTier.RSS_ONLY:
            return None, "nothing but resident memory was asked for"
        if self._wanted == HeapTier.TRACEMALLOC:
            from tocsin.memory.tracing import TracedHeap  # noqa: PLC0415 - it loads tracemalloc

            return TracedHeap(started_s=now_s), ""
        module, reason = self._load()
        if module is not None:
            try:
                lease = shared_hook(cast("HeapModule", module)).take(self._interval_bytes, self._max_samples)
                return SamplingHeap(lease, self._interval_bytes, started_s=now_s), ""
            except (RuntimeError, MemoryError) as error:
                reason = str(error)
        return None, f"blocks are not sampled, so resident memory is all that is known: {reason}"

    def _rss_only(self, at_s: float, rss: int | None, why: str) -> HeapSnapshot:
        return HeapSnapshot(at_s=at_s, rss_bytes=rss, python_blocks=python_blocks(), remarks=(why,))

    def _beginning(self) -> Beginning | None:
        return self._heap.lease.beginning if isinstance(self._heap, SamplingHeap) else None

    def _remarks(self, efficiency_reason: str) -> list[str]:
        found = []
        if self._growth.mb_per_s() is None:
            found.append(
                f"the growth rate is unknown: {len(self._growth)} readings over {self._growth.span_s():.1f} s so far;"
                f" it takes {LEAST_READINGS} over {self._growth.least_span_s():.1f} s"
            )
        if efficiency_reason:
            found.append(efficiency_reason)
        if self._backward:
            found.append(f"{self._backward:,} times were earlier than one before and counted as that one")
        return found

    def _now(self, now_s: float) -> float:
        last_s = self._last_s
        if last_s is not None and not last_s <= now_s < float("inf"):
            self._backward += 1
            return last_s
        self._last_s = now_s if isfinite(now_s) else 0.0
        return self._last_s

    def _lock(self) -> threading.RLock:
        """The guard; in a forked child a new one, since a thread that it does not have may hold the parent's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._guard = threading.RLock()
            self._growth.forget()  # another process has other memory
        return self._guard


def _check(interval_bytes: float, tier: str, growth_window_s: float, max_samples: int) -> None:
    problems = []

    def expect(right: bool, key: str, found: object, expected: str) -> None:  # noqa: FBT001 - read as a sentence
        if not right:
            problems.append(Problem("MemoryProfiler", key, repr(found), expected))

    numeric = isinstance(interval_bytes, int | float)
    expect(numeric and 1 <= interval_bytes < _INTERVAL_LIMIT, "interval_bytes", interval_bytes, "bytes, 1 to 1e12")
    expect(tier in _TIERS, "tier", tier, "one of " + ", ".join(f'"{name}"' for name in _TIERS))
    expect(_LEAST_WINDOW_S <= growth_window_s < float("inf"), "growth_window_s", growth_window_s, "1 second or more")
    expect(16 <= max_samples <= 1 << 24, "max_samples", max_samples, "16 to 16,777,216")
    if problems:
        raise ConfigError(problems)
