"""PerformanceMonitor: which sensor is read when, at what cost, and what becomes of one that fails."""

from tocsin.monitor.performance import Batch, PerformanceMonitor, SensorChange
from tocsin.monitor.watched import ABSENT, OK, SET_ASIDE

__all__ = ["ABSENT", "OK", "SET_ASIDE", "Batch", "PerformanceMonitor", "SensorChange"]
