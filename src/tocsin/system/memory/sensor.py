"""Readings of the heap: what lives, what grows, what leaks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.library import short_path
from tocsin.model import memory_metrics as metrics
from tocsin.model.memory import LeakState
from tocsin.model.readings import OVERFLOW_LABELS, Labels, Layout, SeriesKey, canonical_labels
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.memory import HeapSnapshot, LeakAnalysis, LeakSite, MemoryReport

# Series of each kind that there may be in the life of a process; what comes after shares one.
MAX_COMPONENTS: Final = 50
MAX_SITES: Final = 50
TOP: Final = 10
LEAST_RSS_MB: Final = 100.0
_MB: Final = 1e6
_MB_PER_HOUR: Final = 1e6 / 3600
_GROWING: Final = (LeakState.SUSPECTED, LeakState.CONFIRMED)
_LIVE: Final = SeriesKey(metrics.LIVE)
_GROWTH: Final = SeriesKey(metrics.GROWTH_RATE)
_EFFICIENCY: Final = SeriesKey(metrics.EFFICIENCY)


class Seen(Protocol):
    """What a look gives."""

    @property
    def snapshot(self) -> HeapSnapshot:
        """The heap."""
        ...

    @property
    def report(self) -> MemoryReport:
        """On its memory."""
        ...

    @property
    def analysis(self) -> LeakAnalysis:
        """On leaks."""
        ...


class Room(Protocol):
    """Who looks."""

    def look_if_due(self, now: Instant) -> Seen | None:
        """A look, or None if it is not yet time."""
        ...


class MemorySensor:
    """Reads a look as series. Between two looks it reads nothing, which costs next to nothing.

    Args:
        room: who looks, and says when.
    """

    name = "memory"
    tier = Tier.CORE

    def __init__(self, room: Room) -> None:
        self._room = room
        self.remark = ""
        self.layout: Layout = (_LIVE, _GROWTH, _EFFICIENCY)
        self._nothing = [NAN] * len(self.layout)
        self._labels: dict[str, set[Labels]] = defaultdict(set)
        self._leaked: set[Labels] = set()

    def read(self, now: Instant) -> list[float]:
        """The readings of a look; not a number each, where it is not time for one."""
        seen = self._room.look_if_due(now)
        if seen is None:
            return self._nothing
        self.remark = "; ".join(seen.snapshot.remarks)
        readings = self._whole(seen.report) | self._components(seen.report) | self._leaks(seen.analysis)
        fresh = tuple(key for key in readings if key not in set(self.layout))
        if fresh:
            self.layout = (*self.layout, *fresh)
            self._nothing = [NAN] * len(self.layout)
        return [readings.get(key, NAN) for key in self.layout]

    def close(self) -> None:
        """Nothing is kept open."""

    @staticmethod
    def _whole(report: MemoryReport) -> dict[SeriesKey, float]:
        return {
            _LIVE: _scaled(report.live_mb),
            _GROWTH: _scaled(report.growth_rate_mb_per_s),
            _EFFICIENCY: _efficiency(report),
        }

    def _components(self, report: MemoryReport) -> dict[SeriesKey, float]:
        sums: dict[SeriesKey, float] = defaultdict(float)
        for use in report.components[:TOP]:
            labels = self._bounded("components", {"component": use.name}, MAX_COMPONENTS)
            sums[SeriesKey(metrics.COMPONENT_LIVE, labels)] += use.live_mb * _MB
        return sums

    def _leaks(self, analysis: LeakAnalysis) -> dict[SeriesKey, float]:
        """How many leaks each component has, and how fast they grow; zero where there were some."""
        sums: dict[SeriesKey, float] = defaultdict(float)
        for labels in self._leaked:
            sums[SeriesKey(metrics.LEAK_COUNT, labels)] = sums[SeriesKey(metrics.LEAK_RATE, labels)] = 0.0
        for site in analysis.potential_leaks:
            labels = self._bounded("leaks", _component(site), MAX_COMPONENTS)
            self._leaked.add(labels)
            sums[SeriesKey(metrics.LEAK_COUNT, labels)] += 1.0
            sums[SeriesKey(metrics.LEAK_RATE, labels)] += (site.rate_mb_per_hour or 0.0) * _MB_PER_HOUR
        for site in [site for site in analysis.sites if site.state in _GROWING][:TOP]:
            named = _component(site) | {"site": f"{short_path(site.file)}:{site.line} in {site.function}"}
            labels = self._bounded("sites", named, MAX_SITES)
            if site.rate_mb_per_hour is not None:
                sums[SeriesKey(metrics.LEAK_SITE_RATE, labels)] += site.rate_mb_per_hour * _MB_PER_HOUR
        return sums

    def _bounded(self, kind: str, labels: dict[str, str], most: int) -> Labels:
        canonical = canonical_labels(labels)
        known = self._labels[kind]
        if canonical in known or len(known) < most:
            known.add(canonical)
            return canonical
        return OVERFLOW_LABELS


def _component(site: LeakSite) -> dict[str, str]:
    return {"component": site.component} if site.component else {}


def _efficiency(report: MemoryReport) -> float:
    """The score, where there is so much to be had that a person would act on it."""
    score, rss_mb = report.efficiency_score, report.rss_mb
    return NAN if score is None or (rss_mb is not None and rss_mb < LEAST_RSS_MB) else score


def _scaled(megabytes: float | None) -> float:
    return NAN if megabytes is None else megabytes * _MB
