"""Traffic of whole disks from /proc/diskstats, how long operations took, and how busy the disks were."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.lines import DeviceLines
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_SECTOR_BYTES: Final = 512.0  # the unit of this file, whatever the disk's own sectors are
_MIN_INTERVAL_S: Final = 0.05
_UNKNOWN: Final = (NAN, NAN, NAN)
_IDLE: Final = (NAN, NAN, 0.0)
# These lie in memory or in a file on another disk (loop), or turn no disk of the machine's own (sr, fd).
_NO_DISK: Final = re.compile(r"(?:loop|ram|zram|sr|fd)\d+\Z")
_PARTITION: Final = re.compile(r"(?:(?:s|v|xv|h)d[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+)\Z")


class DiskSensor:
    """Counters of each whole disk: bytes, operations, the time they took, and the time the disk was busy.

    From two readings come the mean time of an operation, absent when there was none, and the busy share of the time.
    Both are absent at the first reading, after a counter fell (some wrap at 32 bits), and within 50 ms.

    Args:
        proc: where /proc is.
        block: a folder with one entry for each whole device; where it is missing, partitions are known by their names.
    """

    name: Final = "host.disk"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc"), block: Path = Path("/sys/block")) -> None:
        self.layout: Layout = ()
        self._block = block
        self._file = ProcFile(proc / "diskstats")
        self._lines = DeviceLines(_split_name, self._is_whole_disk)
        self._before: Sequence[list[float]] = ()
        self._before_s = 0.0

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        rows, changed = self._lines.columns(self._file.read())
        if changed:
            self.layout = tuple(key for name in self._lines.names for key in _keys(name))
            self._before = ()  # what stood in these places may be other disks' figures
        passed_s = now.mono_s - self._before_s
        ready = passed_s >= _MIN_INTERVAL_S
        values: list[float] = []
        for place, row in enumerate(rows):
            reads, _, sectors_read, read_ms, writes, _, sectors_written, write_ms, _, busy_ms = row[:10]
            values += (
                sectors_read * _SECTOR_BYTES, sectors_written * _SECTOR_BYTES, reads, writes,
                read_ms / 1000.0, write_ms / 1000.0, busy_ms / 1000.0,
            )  # fmt: skip
            values += _since(self._before[place], row, passed_s) if ready and self._before else _UNKNOWN
        if ready or not self._before:
            self._before, self._before_s = rows, now.mono_s
        return values

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._lines.forget()
        self._before = ()

    def _is_whole_disk(self, name: str) -> bool:
        if _NO_DISK.match(name):
            return False
        if self._block.is_dir():
            return (self._block / name.replace("/", "!")).exists()
        return not _PARTITION.match(name)


def _since(before: list[float], found: list[float], passed_s: float) -> tuple[float, float, float]:
    """Mean seconds of a read and of a write, and the busy share of the time that passed."""
    if found is before:
        return _IDLE
    busy_ms = found[9] - before[9]
    # The kernel's busy time runs ahead of ours by a tick or two.
    busy = min(busy_ms / 1000.0 / passed_s, 1.0) if busy_ms >= 0 else NAN
    return _mean_s(before, found, 0), _mean_s(before, found, 4), busy


def _mean_s(before: list[float], found: list[float], at: int) -> float:
    operations, spent_ms = found[at] - before[at], found[at + 3] - before[at + 3]
    return spent_ms / operations / 1000.0 if operations > 0 and spent_ms >= 0 else NAN


def _split_name(line: bytes) -> tuple[bytes, str] | None:
    columns = line.split(None, 3)
    if len(columns) < 4:
        return None
    return line[: len(line) - len(columns[3])], columns[2].decode("utf-8", "replace")


def _keys(device: str) -> Layout:
    read = (("device", device), ("direction", "read"))
    write = (("device", device), ("direction", "write"))
    return (
        SeriesKey("system.disk.io", read),
        SeriesKey("system.disk.io", write),
        SeriesKey("system.disk.operations", read),
        SeriesKey("system.disk.operations", write),
        SeriesKey("system.disk.operation_time", read),
        SeriesKey("system.disk.operation_time", write),
        SeriesKey("system.disk.io_time", (("device", device),)),
        SeriesKey("tocsin.disk.await", read),
        SeriesKey("tocsin.disk.await", write),
        SeriesKey("tocsin.disk.utilization", (("device", device),)),
    )
