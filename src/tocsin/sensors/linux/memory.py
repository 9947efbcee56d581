"""Memory and swap of the machine from /proc/meminfo.

A container's limit is not here: `system.memory.*` is the machine, and `process.memory.limit` the smallest limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout


class MemorySensor:
    """What is there, what is in use and cannot be reclaimed, and what programs could still get."""

    name: Final = "host.memory"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (
            SeriesKey("system.memory.limit"),
            SeriesKey("system.memory.usage"),
            SeriesKey("system.memory.available"),
            SeriesKey("system.memory.utilization"),
            SeriesKey("system.memory.free"),
            SeriesKey("system.memory.cached"),
            SeriesKey("system.memory.buffers"),
            SeriesKey("system.paging.limit"),
            SeriesKey("system.paging.usage"),
            SeriesKey("system.paging.utilization"),
        )
        self._file = ProcFile(proc / "meminfo")

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        data = self._file.read()
        total = _field(data, b"MemTotal:")
        free = _field(data, b"MemFree:")
        cached = _field(data, b"\nCached:")  # the line break tells it from SwapCached
        buffers = _field(data, b"Buffers:")
        if not total > 0:
            raise SampleError(f"meminfo: expected a MemTotal above 0 kB, found {data[:40]!r}")
        available = _field(data, b"MemAvailable:")
        if available != available:  # noqa: PLR0124 - NaN: a kernel before 3.14, or an emulated /proc
            available = free + buffers + cached
        available = min(available, total)  # some container layers report more than there is
        used = total - available
        swap_total = _field(data, b"SwapTotal:")
        swap_used = swap_total - _field(data, b"SwapFree:")
        swap_share = swap_used / swap_total if swap_total > 0 else NAN
        return [
            total, used, available, used / total, free, cached, buffers, swap_total, swap_used, swap_share,
        ]  # fmt: skip

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()


def _field(data: bytes, name: bytes) -> float:
    """One line of meminfo in bytes; NaN where the kernel has none of this name."""
    start = data.find(name)
    if start < 0:
        return NAN
    start += len(name)
    return 1024.0 * float(data[start : data.index(b"kB", start)])
