"""Traffic of whole disks from /proc/diskstats, how long operations took, and how busy the disks were."""

from __future__ import annotations

import re
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import RELEARN_EVERY, NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.quick import FOR_EVER, Base, Quick
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout
    from tocsin.sensors.linux.plan import Plan

_SECTOR: Final = 512.0  # the unit of this file, whatever the disk's own sectors are
_MS: Final = 0.001
_MIN_INTERVAL_S: Final = 0.05
# The columns behind a disk's name that are handed over, and their units; see `_counted` for what they are.
_COLUMNS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16)
_UNITS: Final = (1.0, 1.0, _SECTOR, _MS, 1.0, 1.0, _SECTOR, _MS, 1.0, _MS, _MS, 1.0, _MS)
_WIDTH: Final = len(_COLUMNS)
# Where the number of operations stands among these, and where the time that they took.
_READS, _READ_S, _WRITES, _WRITE_S, _BUSY_S, _QUEUED_S, _FLUSHES, _FLUSH_S = 0, 3, 4, 7, 9, 10, 11, 12
_SETTINGS: Final = (
    _WIDTH, _READS, _READ_S, _WRITES, _WRITE_S, _FLUSHES, _FLUSH_S, _BUSY_S, _QUEUED_S, _MIN_INTERVAL_S
)  # fmt: skip
_UNKNOWN: Final = [NAN] * 5
_IDLE: Final = [NAN, NAN, NAN, 0.0, 0.0]
# These lie in memory or in a file on another disk (loop), or turn no disk of the machine's own (sr, fd).
_NO_DISK: Final = re.compile(r"(?:loop|ram|zram|sr|fd)\d+\Z")
_PARTITION: Final = re.compile(r"(?:(?:s|v|xv|h)d[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+)\Z")


class DiskSensor:
    """Counters of each whole disk: bytes, operations, the time they took, and the time the disk was busy.

    From two readings come the mean time of an operation, absent when there was none, the busy share of the time, and
    how many operations were under way on average. They are absent at the first reading, after a counter fell (some
    wrap at 32 bits), and within 50 ms.

    Args:
        proc: where /proc is.
        block: a folder with one entry for each whole device; where it is missing, partitions are known by their names.
    """

    name: Final = "host.disk"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc"), block: Path = Path("/sys/block")) -> None:
        self.layout: Layout = ()
        self._block = block
        self._file = NumberFile(proc / "diskstats", self._learn, relearn_every=RELEARN_EVERY)
        self._names: tuple[str, ...] | None = None
        self._base = Base()
        self.quick = Quick("disk", (self._file,), self._base, _SETTINGS)

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        found = self._file.numbers()
        before, passed_s = self._base.before, now.mono_s - self._base.before_s
        if not before or passed_s >= _MIN_INTERVAL_S:
            disks = len(found) // _WIDTH
            self._base.keep(found, now.mono_s, len(found) + disks * len(_UNKNOWN), FOR_EVER)
        if not before or passed_s < _MIN_INTERVAL_S:
            return [*found, *_UNKNOWN * (len(found) // _WIDTH)]
        computed: list[float] = []
        for at in range(0, len(found), _WIDTH):
            disk, disk_before = found[at : at + _WIDTH], before[at : at + _WIDTH]
            computed += _IDLE if disk == disk_before else _since(list(map(sub, disk, disk_before)), passed_s)
        return found + computed

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._base.forget()

    def _learn(self, data: bytes) -> Plan:
        rows: list[Row] = []
        names: list[str] = []
        for line in data.splitlines():
            columns = line.split(None, 3)
            name = columns[2].decode("utf-8", "replace") if len(columns) > 3 else ""
            if name and self._is_whole_disk(name):
                names.append(name)
                rows.append(Row(line[: len(line) - len(columns[3])], _COLUMNS, _UNITS))
        if tuple(names) != self._names:
            self._names = tuple(names)
            self.layout = (*(key for name in names for key in _counted(name)),
                           *(key for name in names for key in _computed(name)))  # fmt: skip
            self._base.forget()  # what stood in these places may be other disks' figures
        return plan_for(data, rows, whole=True)

    def _is_whole_disk(self, name: str) -> bool:
        if _NO_DISK.match(name):
            return False
        if self._block.is_dir():
            return (self._block / name.replace("/", "!")).exists()
        return not _PARTITION.match(name)


def _since(risen: list[float], passed_s: float) -> tuple[float, ...]:
    """Mean seconds of a read, a write and a flush; the busy share of the time; operations under way on average."""
    busy_s, queued_s = risen[_BUSY_S], risen[_QUEUED_S]
    return (
        _mean_s(risen[_READS], risen[_READ_S]), _mean_s(risen[_WRITES], risen[_WRITE_S]),
        _mean_s(risen[_FLUSHES], risen[_FLUSH_S]),
        # The kernel's busy time runs ahead of ours by a tick or two.
        min(busy_s / passed_s, 1.0) if busy_s >= 0 else NAN,
        queued_s / passed_s if queued_s >= 0 else NAN,
    )  # fmt: skip


def _mean_s(operations: float, spent_s: float) -> float:
    return spent_s / operations if operations > 0 and spent_s >= 0 else NAN


def _counted(device: str) -> Layout:
    """What the columns of `_COLUMNS` are. See the kernel's Documentation/admin-guide/iostats.rst."""
    disk = (("device", device),)
    read, write, flush = ((*disk, ("direction", direction)) for direction in ("read", "write", "flush"))
    return (
        SeriesKey("system.disk.operations", read), SeriesKey("system.disk.merged", read),
        SeriesKey("system.disk.io", read), SeriesKey("system.disk.operation_time", read),
        SeriesKey("system.disk.operations", write), SeriesKey("system.disk.merged", write),
        SeriesKey("system.disk.io", write), SeriesKey("system.disk.operation_time", write),
        SeriesKey("system.disk.pending_operations", disk),
        SeriesKey("system.disk.io_time", disk), SeriesKey("system.disk.weighted_io_time", disk),
        SeriesKey("system.disk.operations", flush), SeriesKey("system.disk.operation_time", flush),
    )  # fmt: skip


def _computed(device: str) -> Layout:
    """What `_since` answers."""
    disk = (("device", device),)
    awaited = (SeriesKey("tocsin.disk.await", (*disk, ("direction", way))) for way in ("read", "write", "flush"))
    return (*awaited, SeriesKey("tocsin.disk.utilization", disk), SeriesKey("tocsin.disk.queue", disk))
