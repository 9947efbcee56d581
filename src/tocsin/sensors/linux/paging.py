"""Swapping and major page faults of the machine from /proc/vmstat."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout


class PagingSensor:
    """Counters of swap traffic. The file is dear to read (the kernel sums two hundred counters over all cores)."""

    name: Final = "host.paging"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (
            SeriesKey("system.paging.io", (("direction", "in"),)),
            SeriesKey("system.paging.io", (("direction", "out"),)),
            SeriesKey("system.paging.faults"),
        )
        self._file = ProcFile(proc / "vmstat")
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        data = b"\n" + self._file.read()
        swapped_in = _field(data, b"\npswpin ") * self._page_bytes
        swapped_out = _field(data, b"\npswpout ") * self._page_bytes
        return [swapped_in, swapped_out, _field(data, b"\npgmajfault ")]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()


def _field(data: bytes, name: bytes) -> float:
    start = data.find(name)
    if start < 0:
        return NAN  # a kernel built without swap
    start += len(name)
    return float(data[start : data.index(b"\n", start)])
