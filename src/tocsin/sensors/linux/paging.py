"""Swapping, major page faults, reclaim and kills for lack of memory, of the machine, from /proc/vmstat."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.fields import NamedNumbers
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

# A kernel built without swap, or an older one, lacks some of them.
_FIELDS: Final[dict[bytes, SeriesKey]] = {
    b"pswpin": SeriesKey("system.paging.io", (("direction", "in"),)),
    b"pswpout": SeriesKey("system.paging.io", (("direction", "out"),)),
    b"pgmajfault": SeriesKey("system.paging.faults"),
    b"oom_kill": SeriesKey("system.memory.oom_kills"),
    b"pgsteal_kswapd": SeriesKey("system.memory.reclaimed", (("by", "kswapd"),)),
    b"pgsteal_direct": SeriesKey("system.memory.reclaimed", (("by", "direct"),)),
    b"workingset_refault_anon": SeriesKey("system.memory.refaults", (("type", "anonymous"),)),
    b"workingset_refault_file": SeriesKey("system.memory.refaults", (("type", "file"),)),
}


class PagingSensor:
    """Counters. The file is dear to read (the kernel sums two hundred counters over all cores)."""

    name: Final = "host.paging"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = tuple(_FIELDS.values())
        self._file = ProcFile(proc / "vmstat")
        self._numbers = NamedNumbers(tuple(_FIELDS))
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        pages_in, pages_out, *others = self._numbers.of(self._file.read())
        return [pages_in * self._page_bytes, pages_out * self._page_bytes, *others]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
