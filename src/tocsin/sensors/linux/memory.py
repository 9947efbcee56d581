"""Memory and swap of the machine from /proc/meminfo.

A container's limit is not here: `system.memory.*` is the machine, and `container.memory.*` the groups of the program.
"""

from __future__ import annotations

from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.quick import Base, Quick
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_READ_THROUGH: Final[dict[bytes, SeriesKey]] = {
    b"MemFree:": SeriesKey("system.memory.free"),
    b"Cached:": SeriesKey("system.memory.cached"),
    b"Buffers:": SeriesKey("system.memory.buffers"),
    b"AnonPages:": SeriesKey("system.memory.anonymous"),
    b"Mapped:": SeriesKey("system.memory.mapped"),
    b"Shmem:": SeriesKey("system.memory.shared"),
    b"Active:": SeriesKey("system.memory.active"),
    b"Inactive:": SeriesKey("system.memory.inactive"),
    b"Unevictable:": SeriesKey("system.memory.unevictable"),
    b"SReclaimable:": SeriesKey("system.memory.slab.usage", (("state", "reclaimable"),)),
    b"SUnreclaim:": SeriesKey("system.memory.slab.usage", (("state", "unreclaimable"),)),
    b"KernelStack:": SeriesKey("system.memory.kernel_stack"),
    b"PageTables:": SeriesKey("system.memory.page_tables"),
    b"Dirty:": SeriesKey("system.memory.dirty"),
    b"Writeback:": SeriesKey("system.memory.writeback"),
    b"Committed_AS:": SeriesKey("system.memory.committed"),
    b"CommitLimit:": SeriesKey("system.memory.commit_limit"),
    b"Mlocked:": SeriesKey("system.memory.locked"),
    b"VmallocUsed:": SeriesKey("system.memory.vmalloc"),
    b"Percpu:": SeriesKey("system.memory.percpu"),
    b"AnonHugePages:": SeriesKey("system.memory.transparent_huge"),
    b"Hugetlb:": SeriesKey("system.memory.huge_pages"),
    b"HardwareCorrupted:": SeriesKey("system.memory.corrupted"),
    b"SwapCached:": SeriesKey("system.paging.cached"),
    b"SwapTotal:": SeriesKey("system.paging.limit"),
}
_KIB: Final = (1024.0,)
_ROWS: Final = [Row(name, units=_KIB) for name in (b"MemTotal:", b"MemAvailable:", b"SwapFree:", *_READ_THROUGH)]
_COMPUTED: Final[Layout] = (
    SeriesKey("system.memory.limit"),
    SeriesKey("system.memory.usage"),
    SeriesKey("system.memory.available"),
    SeriesKey("system.memory.utilization"),
    SeriesKey("system.paging.usage"),
)
_PLAIN: Final[Layout] = (*_COMPUTED, *_READ_THROUGH.values())
_SWAP_SHARE: Final = SeriesKey("system.paging.utilization")
_ZFS: Final = SeriesKey("system.memory.zfs_cache")
_LOOK_FOR_ZFS_S: Final = 60.0
# `name type data`, a line each.
_ARC_ROWS: Final = (Row(b"size ", (1,)), Row(b"c_min ", (1,)))


class MemorySensor:
    """What is there, what is in use and cannot be reclaimed, and what programs could still get.

    The cache of ZFS (ARC) shrinks when memory is wanted, as the page cache does, but the kernel does not know it: what
    lies above its least size counts as available here.
    """

    name: Final = "host.memory"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = _PLAIN
        self._file = NumberFile(proc / "meminfo", partial(plan_for, rows=_ROWS))
        self._arcstats = proc / "spl" / "kstat" / "zfs" / "arcstats"
        self._arc: NumberFile | None = None
        self._look_at_s = -1.0
        self._extras = (False, False)
        self._base = Base()
        self.quick = Quick("memory", (self._file,), self._base)

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        total, available, swap_free, *plain = self._file.numbers()
        if not total > 0:
            raise SampleError(f"meminfo: expected a MemTotal above 0 kB, found {total} bytes")
        if available != available:  # noqa: PLR0124 - NaN: a kernel before 3.14, or an emulated /proc
            available = sum(plain[:3])
        if now.mono_s >= self._look_at_s:
            self._look_for_zfs(now.mono_s)
        swap_total = plain[-1]
        swap_used = swap_total - swap_free
        if swap_total > 0:
            plain.append(swap_used / swap_total)
        if self._arc is not None:
            arc = self._arc_reclaimable(self._arc)
            available += arc if arc == arc else 0.0  # noqa: PLR0124 - NaN: it was unloaded
            plain.append(arc)
        extras = (swap_total > 0, self._arc is not None)
        if extras != self._extras:
            self._extras = extras
            self.layout = (*_PLAIN, *compress((_SWAP_SHARE, _ZFS), extras))
        available = min(available, total)  # some container layers report more than there is
        used = total - available
        if self._arc is None:
            self._base.keep([], now.mono_s, len(_COMPUTED) + len(plain), self._look_at_s)
        else:
            self._base.forget()
        return [total, used, available, used / total, swap_used, *plain]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        if self._arc is not None:
            self._arc.close()
        self._look_at_s = -1.0
        self._base.forget()

    def _look_for_zfs(self, mono_s: float) -> None:
        """The module may be loaded at any time; asked once a minute."""
        self._look_at_s = mono_s + _LOOK_FOR_ZFS_S
        there = self._arcstats.exists()
        if there != (self._arc is not None):
            self._arc = NumberFile(self._arcstats, partial(plan_for, rows=_ARC_ROWS)) if there else None

    def _arc_reclaimable(self, arc: NumberFile) -> float:
        try:
            size, least = arc.numbers()
        except SampleError:
            return NAN
        return max(size - least, 0.0)
