"""How many file descriptors a process has open, and how close that is to its limit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout


class DescriptorSensor:
    """The descriptors of a process by its pid, or of the own one."""

    tier: Final = Tier.SLOW

    def __init__(self, pid: int | None = None, proc: Path = Path("/proc")) -> None:
        self.name = "process.descriptors" if pid is None else f"process.{pid}.descriptors"
        self.layout: Layout = (
            SeriesKey("process.open_file_descriptor.count"),
            SeriesKey("process.open_file_descriptor.utilization"),
        )
        self._pid = pid
        self._folder = os.fspath(proc / ("self" if pid is None else str(pid)) / "fd")

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        count = self._count()
        return [count, count / _limit(self._pid)]

    def close(self) -> None:
        """Nothing is kept open."""

    def _count(self) -> float:
        # Since Linux 6.2 the folder's size is their number; listing takes longer with each of them.
        size = os.stat(self._folder).st_size
        if size:
            return float(size)
        listed = len(os.listdir(self._folder))
        return float(listed - 1 if self._pid is None else listed)  # listing opens one itself


def _limit(pid: int | None) -> float:
    """How many descriptors a process may open; NaN where that is unlimited or not to be known."""
    import resource

    try:
        if pid is None:
            soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        else:
            soft, _hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except OSError:
        return NAN
    return float(soft) if soft not in (0, resource.RLIM_INFINITY) else NAN
