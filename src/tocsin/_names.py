"""Where each public name lives."""

from __future__ import annotations

from typing import Final

PLACES: Final[dict[str, str]] = {
    "AlertCategory": "tocsin.model.levels",
    "AlertChannel": "tocsin.channels.protocol",
    "AlertCondition": "tocsin.model.levels",
    "AlertConfig": "tocsin.config",
    "AlertHistory": "tocsin.alerts.history",
    "AlertNotFound": "tocsin.errors",
    "AlertRule": "tocsin.model.rule",
    "AlertSeverity": "tocsin.model.levels",
    "AlertState": "tocsin.model.levels",
    "AlertSystem": "tocsin.system",
    "BufferManager": "tocsin.sensors.buffers",
    "CheckResult": "tocsin.model.notice",
    "Clock": "tocsin.clock",
    "ConfigError": "tocsin.errors",
    "ConsoleAlertChannel": "tocsin.channels.console",
    "ControlError": "tocsin.errors",
    "DeliveryError": "tocsin.errors",
    "Instant": "tocsin.clock",
    "MonitoringCoordinator": "tocsin.coordinator",
    "Notice": "tocsin.model.notice",
    "PerformanceAlert": "tocsin.model.alert",
    "PerformanceMonitor": "tocsin.monitor",
    "PerformanceReport": "tocsin.model.readings",
    "Receipt": "tocsin.model.notice",
    "RuleNotFound": "tocsin.errors",
    "SampleError": "tocsin.errors",
    "StoreError": "tocsin.errors",
    "SystemClock": "tocsin.clock",
    "TocsinError": "tocsin.errors",
    "VirtualClock": "tocsin.clock",
    "emit": "tocsin.system",
    "load_config": "tocsin.config",
    "watch": "tocsin.system",
}
