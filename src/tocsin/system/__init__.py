"""AlertSystem: the rooms below, put together and kept going in one program."""

from tocsin.system.alert_system import AlertSystem

__all__ = ["AlertSystem"]
