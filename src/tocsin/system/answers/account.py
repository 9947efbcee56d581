"""A system's account of itself: its status, and alerts, as plain values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import SeriesKey
from tocsin.system.answers.rooms import health_of_rooms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def status_of(
    core: SystemCore,
    *,
    started: Instant | None,
    threads: Iterable[str],
    latest: Mapping[SeriesKey, float],
    counters: Mapping[str, int],
    configuration: Mapping[str, Any],
) -> dict[str, Any]:
    """How a system does: program, sensors, open alerts, main metrics and counters, and each of its rooms.

    Args:
        core: the system.
        started: when it was started; None while it is not.
        threads: names of the registered threads.
        latest: the last reading of each series.
        counters: what was dropped, merged, failed or given up.
        configuration: where it came from, and what became of the last attempt to take it anew.
    """
    now = core.clock.now()
    return {
        "program": core.config.program,
        "pid": os.getpid(),
        "started_at": None if started is None else started.utc.isoformat(),
        "uptime_s": None if started is None else now.mono_s - started.mono_s,
        "interval_s": core.interval_s(),
        "rules": len(core.rules),
        "channels": list(core.telling.delivery.counts()),
        "threads": sorted(threads),
        "sensors": [
            {"name": one.name, "state": one.state, "reason": one.reason} for one in core.sensing.monitor.health()
        ],
        "open_alerts": [alert_as_dict(alert) for alert in core.engine.book.open_alerts()],
        "metrics": {name: latest[key] for name in MAIN_METRICS if (key := SeriesKey(name)) in latest},
        "counters": dict(counters),
        "heartbeat": core.heartbeat.status(),
        "last_error": core.watch.last_error,
        "configuration": configuration,
        "rooms": health_of_rooms(core, latest, now),
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
