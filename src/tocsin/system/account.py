"""A system's account of itself: last readings, counters, and its status as plain values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.core import SystemCore

MAIN_METRICS: Final = (
    "system.cpu.utilization",
    "system.cpu.load_average.1m",
    "system.memory.utilization",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.thread.count",
    "process.open_file_descriptor.count",
)


def latest(core: SystemCore) -> dict[SeriesKey, float]:
    """The last reading of each series, in base units; of counters the present rate a second."""
    values = {series.key: series.latest() for series in tuple(core.engine.series.values())}
    return {key: value for key, value in values.items() if value == value}  # noqa: PLR0124 - NaN is no reading


def recent(core: SystemCore, key: SeriesKey, points: int) -> list[float]:
    """The last readings of one series, oldest first."""
    for series in tuple(core.engine.series.values()):
        if series.key == key:
            return series.recent(points)
    return []


def counters(core: SystemCore) -> dict[str, int]:
    """What was dropped, merged, failed or given up."""
    counts = {f"events_{name}": count for name, count in core.intake.counts().items()}
    for channel, per_channel in core.delivery.counts().items():
        counts |= {f"channel_{channel}_{name}": count for name, count in per_channel.items()}
    counts |= {f"readings_dropped_{why.replace(' ', '_')}": count for why, count in core.metrics.dropped.items()}
    failed = core.listener_failures.value() + core.alert_triggered.failures() + core.alert_changed.failures()
    return counts | {
        "levels_not_understood": core.intake.odd_levels.value(),
        "categories_not_understood": core.intake.odd_categories.value(),
        "listeners_failed": failed,
        "passes_failed": core.watch.failed_passes.value(),
        "watch_thread_deaths": core.watch.deaths.value(),
        "history_dropped": core.engine.history.dropped,
    }


def status_of(core: SystemCore, *, started: Instant | None, threads: Iterable[str]) -> dict[str, Any]:
    """How a system does: program, sensors, open alerts, main metrics and counters.

    Args:
        core: the system.
        started: when it was started; None while it is not.
        threads: names of the registered threads.
    """
    now, values = core.clock.now(), latest(core)
    return {
        "program": core.config.program,
        "pid": os.getpid(),
        "started_at": None if started is None else started.utc.isoformat(),
        "uptime_s": None if started is None else now.mono_s - started.mono_s,
        "interval_s": core.interval_s(),
        "rules": len(core.rules),
        "channels": list(core.delivery.counts()),
        "threads": sorted(threads),
        "sensors": [{"name": one.name, "state": one.state, "reason": one.reason} for one in core.monitor.health()],
        "open_alerts": [alert_as_dict(alert) for alert in core.engine.book.open_alerts()],
        "metrics": {name: values[key] for name in MAIN_METRICS if (key := SeriesKey(name)) in values},
        "counters": counters(core),
        "last_error": core.watch.last_error,
    }


def alert_as_dict(alert: PerformanceAlert) -> dict[str, Any]:
    """An alert as plain values."""
    mark = alert.acknowledgement
    return {
        "id": alert.id,
        "title": alert.title,
        "message": alert.message,
        "severity": alert.severity.word,
        "category": alert.category.value,
        "state": alert.state.value,
        "started_at": alert.started_at.isoformat(),
        "value": alert.value,
        "threshold": alert.threshold,
        "unit": alert.unit,
        "component": alert.component,
        "labels": alert.labels,
        "evidence": [{"kind": one.kind, "title": one.title, "lines": list(one.lines)} for one in alert.evidence],
        "count": alert.count,
        "acknowledged_by": None if mark is None else (mark.by or "somebody"),
    }
