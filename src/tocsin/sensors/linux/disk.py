"""Traffic of whole disks from /proc/diskstats."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.lines import DeviceLines
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_SECTOR_BYTES: Final = 512.0  # the unit of this file, whatever the disk's own sectors are
# These lie in memory or in a file on another disk (loop), or turn no disk of the machine's own (sr, fd).
_NO_DISK: Final = re.compile(r"(?:loop|ram|zram|sr|fd)\d+\Z")
_PARTITION: Final = re.compile(r"(?:(?:s|v|xv|h)d[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+)\Z")


class DiskSensor:
    """Counters of each whole disk: bytes, operations, the time they took, and the time the disk was busy.

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

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        rows, changed = self._lines.columns(self._file.read().splitlines())
        if changed:
            self.layout = tuple(key for name in self._lines.names for key in _keys(name))
        values: list[float] = []
        for row in rows:
            reads, _, sectors_read, read_ms, writes, _, sectors_written, write_ms, _, busy_ms = map(float, row[:10])
            values += (
                sectors_read * _SECTOR_BYTES, sectors_written * _SECTOR_BYTES, reads, writes,
                read_ms / 1000.0, write_ms / 1000.0, busy_ms / 1000.0,
            )  # fmt: skip
        return values

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._lines.forget()

    def _is_whole_disk(self, name: str) -> bool:
        if _NO_DISK.match(name):
            return False
        if self._block.is_dir():
            return (self._block / name.replace("/", "!")).exists()
        return not _PARTITION.match(name)


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
    )
