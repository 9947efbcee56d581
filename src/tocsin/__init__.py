"""Tocsin: an alarm bell for Python programs and the machines they run on.

Importing this costs next to nothing; what is used is loaded when it is first used.
"""

from __future__ import annotations

from tocsin._names import PLACES, VERSION

TYPE_CHECKING = False  # `typing` costs ten times what this package does
if TYPE_CHECKING:  # for editors and type checkers, which do not run `__getattr__`
    from typing import Any

    from tocsin.alerts.history import AlertHistory as AlertHistory
    from tocsin.channels.alertmanager import AlertmanagerChannel as AlertmanagerChannel
    from tocsin.channels.apprise import AppriseChannel as AppriseChannel
    from tocsin.channels.command import CommandAlertChannel as CommandAlertChannel
    from tocsin.channels.console import ConsoleAlertChannel as ConsoleAlertChannel
    from tocsin.channels.email import EmailAlertChannel as EmailAlertChannel
    from tocsin.channels.file import FileAlertChannel as FileAlertChannel
    from tocsin.channels.pagerduty import PagerDutyChannel as PagerDutyChannel
    from tocsin.channels.protocol import AlertChannel as AlertChannel
    from tocsin.channels.slack import SlackAlertChannel as SlackAlertChannel
    from tocsin.channels.webhook import WebhookAlertChannel as WebhookAlertChannel
    from tocsin.clock import Clock as Clock
    from tocsin.clock import Instant as Instant
    from tocsin.clock import SystemClock as SystemClock
    from tocsin.clock import VirtualClock as VirtualClock
    from tocsin.config import AlertConfig as AlertConfig
    from tocsin.config import Routed as Routed
    from tocsin.config import load_config as load_config
    from tocsin.coordinator import MonitoringCoordinator as MonitoringCoordinator
    from tocsin.errors import AlertNotFound as AlertNotFound
    from tocsin.errors import BufferFull as BufferFull
    from tocsin.errors import ConfigError as ConfigError
    from tocsin.errors import ControlError as ControlError
    from tocsin.errors import DeliveryError as DeliveryError
    from tocsin.errors import RuleNotFound as RuleNotFound
    from tocsin.errors import SampleError as SampleError
    from tocsin.errors import SilenceNotFound as SilenceNotFound
    from tocsin.errors import StoreError as StoreError
    from tocsin.errors import TocsinError as TocsinError
    from tocsin.memory.leaks import LeakDetector as LeakDetector
    from tocsin.memory.profiler import MemoryProfiler as MemoryProfiler
    from tocsin.memory_alerts.manager import MemoryAlertManager as MemoryAlertManager
    from tocsin.model.alert import PerformanceAlert as PerformanceAlert
    from tocsin.model.anomaly import AnomalyVerdict as AnomalyVerdict
    from tocsin.model.levels import AlertCategory as AlertCategory
    from tocsin.model.levels import AlertCondition as AlertCondition
    from tocsin.model.levels import AlertSeverity as AlertSeverity
    from tocsin.model.levels import AlertState as AlertState
    from tocsin.model.memory import HeapSnapshot as HeapSnapshot
    from tocsin.model.memory import LeakAnalysis as LeakAnalysis
    from tocsin.model.memory import LeakSite as LeakSite
    from tocsin.model.memory import LeakState as LeakState
    from tocsin.model.memory import MemoryReport as MemoryReport
    from tocsin.model.notice import CheckResult as CheckResult
    from tocsin.model.notice import Notice as Notice
    from tocsin.model.notice import Receipt as Receipt
    from tocsin.model.orders import Silence as Silence
    from tocsin.model.readings import PerformanceReport as PerformanceReport
    from tocsin.model.rule import AlertRule as AlertRule
    from tocsin.monitor import PerformanceMonitor as PerformanceMonitor
    from tocsin.rules.detectors.anomaly import AnomalyDetector as AnomalyDetector
    from tocsin.sensors.buffers import BufferManager as BufferManager
    from tocsin.start import emit as emit
    from tocsin.start import watch as watch
    from tocsin.system import AlertSystem as AlertSystem

__version__ = VERSION
__all__ = sorted([*PLACES, "__version__"])  # noqa: PLE0605 - one table of names, and a test that it is whole


def __getattr__(name: str) -> Any:
    place = PLACES.get(name)
    if place is None and name != "web":
        raise AttributeError(f"module 'tocsin' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - not needed by whoever only imports the package

    if place is None:  # a room with an extra of its own, as `tocsin.web.app`
        return import_module("tocsin.web")
    value = getattr(import_module(place), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
