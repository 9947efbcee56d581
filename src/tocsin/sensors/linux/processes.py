"""How many processes the machine has.

/proc/loadavg has a figure that looks like it and counts threads; the folders of /proc are the processes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout


class ProcessCountSensor:
    """The processes that this program may see; fewer than all where /proc is mounted with `hidepid`."""

    name: Final = "host.processes"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (SeriesKey("system.process.count"),)
        self._proc = os.fspath(proc)

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        return [float(sum(map(str.isdecimal, os.listdir(self._proc))))]

    def close(self) -> None:
        """Nothing is kept open."""
