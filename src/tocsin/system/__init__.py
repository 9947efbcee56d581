"""AlertSystem, and the one-line starts."""

from tocsin.system.alert_system import AlertSystem
from tocsin.system.start import emit, watch

__all__ = ["AlertSystem", "emit", "watch"]
