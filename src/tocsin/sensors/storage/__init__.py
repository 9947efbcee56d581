"""How long storage takes: measured once when asked (`once`), and in the background (`background`)."""

from __future__ import annotations

from tocsin.sensors.storage.once import ProbeResult, probe_storage

__all__ = ["ProbeResult", "probe_storage"]
