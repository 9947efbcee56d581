"""The status of a system as plain values, for the command line and whoever reads JSON."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.alert_system import AlertSystem

MAIN_METRICS: Final = (
    "system.cpu.utilization",
    "system.cpu.load_average.1m",
    "system.memory.utilization",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.thread.count",
    "process.open_file_descriptor.count",
)


def status_of(system: AlertSystem) -> dict[str, Any]:
    """How a system does: program, sensors, open alerts, main metrics and counters."""
    now, started = system.clock.now(), system.started_at
    latest = system.latest()
    return {
        "program": system.config.program,
        "pid": os.getpid(),
        "started_at": None if started is None else started.utc.isoformat(),
        "uptime_s": None if started is None else now.mono_s - started.mono_s,
        "interval_s": system.interval_s(),
        "rules": len(system.rules),
        "channels": system.channel_names(),
        "threads": sorted(thread.name for thread in tuple(system._registered_threads)),  # noqa: SLF001 - the same room
        "python_threads": threading.active_count(),
        "sensors": [{"name": one.name, "state": one.state, "reason": one.reason} for one in system.sensor_health()],
        "open_alerts": [alert_as_dict(alert) for alert in system.open_alerts()],
        "metrics": {name: latest[key] for name in MAIN_METRICS if (key := SeriesKey(name)) in latest},
        "counters": system.counters(),
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
        "count": alert.count,
        "acknowledged_by": None if mark is None else (mark.by or "somebody"),
    }
