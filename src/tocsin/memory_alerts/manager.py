"""MemoryAlertManager: reports on memory and leaks, judged by fixed rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from tocsin.memory_alerts import advice
from tocsin.memory_alerts.finding import Finding
from tocsin.memory_alerts.inline import InlineDoor
from tocsin.memory_alerts.rules import for_reports, reported_rules
from tocsin.model import memory_metrics as metrics
from tocsin.model.readings import OVERFLOW_LABELS, Labels, SeriesKey, canonical_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.channels.protocol import AlertChannel
    from tocsin.memory_alerts.finding import Door
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.levels import AlertCategory
    from tocsin.model.memory import LeakAnalysis, MemoryReport
    from tocsin.model.rule import AlertRule

MAX_COMPONENTS: Final = 200
_MB: Final = 1e6
_HOUR_S: Final = 3600.0


class MemoryAlertManager:
    """Judges reports on memory, measured or made by hand, and keeps what rang.

    Its rules are strictly greater or less, and always these: a leak (one: warning; more than 50 MB/hour: critical),
    growth (1 and 5 MB/s), allocation efficiency (below 0.5), resident memory (650 and 700 MB). What a report does not
    say is no data and rings nothing.

    Args:
        door: an AlertSystem, whose engine, channels and history are then used; by default an engine of its own, which
            steps on the caller's thread and has no channel until one is added.
    """

    def __init__(self, door: Door | None = None) -> None:
        self._door: Door = InlineDoor() if door is None else door
        self._components: set[str] = set()
        for rule in reported_rules():
            self._door.add_rule(rule)

    async def check_memory_alerts(self, report: MemoryReport) -> list[PerformanceAlert]:
        """Judge a report.

        Returns: for each of resident memory, growth and efficiency that is bad, the alert of the worst rule.
        """
        labels = self._labels(report.component)
        said = (
            (metrics.REPORTED_USAGE, _scaled(report.rss_mb, _MB), advice.on_usage),
            (metrics.REPORTED_GROWTH, _scaled(report.growth_rate_mb_per_s, _MB), advice.on_growth),
            (metrics.REPORTED_EFFICIENCY, _scaled(report.efficiency_score, 1.0), advice.on_efficiency),
        )
        proof = advice.proof_of(report)
        findings = [
            Finding(readings={SeriesKey(metric, labels): value}, evidence=proof, recommendations=advise(report))
            for metric, value, advise in said
            if value is not None
        ]
        return list(await self._door._judge(findings)) if findings else []  # noqa: SLF001 - the other half of the door

    async def check_leak_alerts(self, analysis: LeakAnalysis) -> list[PerformanceAlert]:
        """Judge an analysis. `potential_leaks` may hold anything that stands for a leak.

        Returns: the alert of the worst rule that is broken, or none.
        """
        labels = self._labels(analysis.component)
        readings = {SeriesKey(metrics.REPORTED_LEAK_COUNT, labels): float(len(analysis.potential_leaks))}
        rate = _scaled(analysis.growth_rate_mb_per_hour, _MB)
        if rate is not None:
            readings[SeriesKey(metrics.REPORTED_LEAK_RATE, labels)] = rate / _HOUR_S
        leaks = advice.as_leaks(analysis.potential_leaks)
        finding = Finding(
            readings=readings,
            evidence=advice.proof_of_leaks(leaks, analysis),
            recommendations=advice.on_leaks(leaks, analysis.growth_rate_mb_per_hour),
        )
        return list(await self._door._judge([finding]))  # noqa: SLF001 - as above

    async def add_channel(self, channel: AlertChannel | Callable[[PerformanceAlert], Any]) -> None:
        """Tell one more channel; a plain function is taken too.

        Raises: ConfigError: if it is no channel, or its name is taken.
        """
        self._door.add_channel(channel)

    def add_rule(self, rule: AlertRule) -> None:
        """Judge by one more rule; one of the same name is replaced.

        A rule on resident memory, its growth, efficiency or leaks is one on what reports say of these.
        Raises: ConfigError: if it watches something else.
        """
        self._door.add_rule(for_reports(rule))

    async def get_recent_alerts(self, n: int = 10) -> list[PerformanceAlert]:
        """The last `n` alerts, newest first, ended and suppressed ones included."""
        return await self._door.get_recent_alerts(n)

    async def get_alerts_by_category(self, category: AlertCategory | str) -> list[PerformanceAlert]:
        """The alerts of a category, newest first. Raises ValueError for an unknown category."""
        return await self._door.get_alerts_by_category(category)

    async def get_unacknowledged_alerts(self) -> list[PerformanceAlert]:
        """The alerts that nobody has acknowledged, newest first."""
        return await self._door.get_unacknowledged_alerts()

    async def acknowledge_alert(self, alert_id: str) -> PerformanceAlert:
        """Take care of an alert, an ended one included. Twice is fine.

        Raises: AlertNotFound: if no alert has this id.
        """
        return await self._door.acknowledge_alert(alert_id)

    async def clear_history(self) -> None:
        """Forget what is over; an alert that is open is shown again at its next change."""
        await self._door.clear_history()

    def _labels(self, component: str) -> Labels:
        """The labels of a component's series; of too many components the rest share one."""
        if not component:
            return ()
        if component not in self._components:
            if len(self._components) >= MAX_COMPONENTS:
                return OVERFLOW_LABELS
            self._components.add(component)
        return canonical_labels({"component": component})


def _scaled(value: float | None, unit: float) -> float | None:
    """A figure in base units; None for what is absent or no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value * unit
