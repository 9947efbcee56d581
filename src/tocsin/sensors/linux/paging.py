"""Swapping, major page faults, reclaim and kills for lack of memory, of the machine, from /proc/vmstat."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

# A kernel built without swap, or an older one, lacks some of them.
_FIELDS: Final[dict[bytes, SeriesKey]] = {
    b"pswpin": SeriesKey("system.paging.io", (("direction", "in"),)),
    b"pswpout": SeriesKey("system.paging.io", (("direction", "out"),)),
    b"pgmajfault": SeriesKey("system.paging.faults", (("type", "major"),)),
    b"oom_kill": SeriesKey("system.memory.oom_kills"),
    b"pgsteal_kswapd": SeriesKey("system.memory.reclaimed", (("by", "kswapd"),)),
    b"pgsteal_direct": SeriesKey("system.memory.reclaimed", (("by", "direct"),)),
    b"pgscan_kswapd": SeriesKey("system.memory.scanned", (("by", "kswapd"),)),
    b"pgscan_direct": SeriesKey("system.memory.scanned", (("by", "direct"),)),
    b"compact_stall": SeriesKey("system.memory.compaction_stalls"),
    b"numa_miss": SeriesKey("system.memory.numa_misses"),
    b"workingset_refault_anon": SeriesKey("system.memory.refaults", (("type", "anonymous"),)),
    b"workingset_refault_file": SeriesKey("system.memory.refaults", (("type", "file"),)),
}


# One for each zone of memory; which zones there are depends on the machine.
_STALLS: Final = tuple(b"allocstall_" + zone for zone in (b"dma", b"dma32", b"normal", b"movable", b"device"))
_ROWS: Final = [Row(name + b" ") for name in (*_FIELDS, b"pgfault", *_STALLS)]


class PagingSensor:
    """Counters. The file is dear to read (the kernel sums two hundred counters over all cores)."""

    name: Final = "host.paging"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (
            *_FIELDS.values(),
            SeriesKey("system.paging.faults", (("type", "minor"),)),
            SeriesKey("system.memory.allocation_stalls"),
        )
        self._file = NumberFile(proc / "vmstat", partial(plan_for, rows=_ROWS))
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        found = self._file.numbers()
        pages_in, pages_out, major, *others = found[: len(_FIELDS)]
        faults, *stalls = found[len(_FIELDS) :]
        stalled = [count for count in stalls if count == count]  # noqa: PLR0124 - NaN: there is no such zone
        return [
            pages_in * self._page_bytes, pages_out * self._page_bytes, major, *others,
            faults - major, sum(stalled) if stalled else NAN,
        ]  # fmt: skip

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
