"""Load averages from /proc/loadavg."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout


class LoadSensor:
    """The mean number of threads that ran, wanted to run, or waited for a disk; all threads; the machine's uptime.

    The uptime is the clock's own `boot_s`, which on Linux counts from the start of the machine, sleep included.
    """

    name: Final = "host.load"
    tier: Final = Tier.SLOW  # the kernel itself counts each 5 s

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (
            SeriesKey("system.cpu.load_average.1m"),
            SeriesKey("system.cpu.load_average.5m"),
            SeriesKey("system.cpu.load_average.15m"),
            SeriesKey("system.thread.count"),
            SeriesKey("system.uptime"),
        )
        self._file = NumberFile(proc / "loadavg", partial(plan_for, rows=(Row(b"", (0, 1, 2, 4)),)))

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        return [*self._file.numbers(), now.boot_s]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
