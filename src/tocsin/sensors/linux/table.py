"""The table of processes: who uses the most CPU time and memory, and in what state all of them are.

One pass reads one small file for each process. Descriptors are not kept: a machine with a thousand processes would cost
the program a thousand of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.mounts import read_mounts
from tocsin.sensors.processes import PROCESS_STATES, ProcessRow, top
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout
    from tocsin.sensors.processes import Order

_STATE_OF: Final = {
    b"R": "running", b"S": "sleeping", b"D": "disk", b"T": "stopped", b"t": "stopped", b"Z": "zombie", b"I": "idle",
}  # fmt: skip
# Places in /proc/PID/stat, counted behind the closing bracket of the name.
_STATE, _USER, _SYSTEM, _START, _RESIDENT = 0, 11, 12, 19, 21
_STAT_BYTES: Final = 1024  # the longest is about 500
_MIN_INTERVAL_S: Final = 0.25

_Seen = dict[int, tuple[bytes, int]]


class ProcessTable:
    """The processes that this program may see; fewer than all where /proc is mounted with `hidepid`.

    Used by one thread at a time.
    """

    name: Final = "host.processes"
    tier: Final = Tier.SLOWEST

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (
            SeriesKey("system.process.count"),
            *(SeriesKey("system.process.state.count", (("state", state),)) for state in PROCESS_STATES),
        )
        self.remark = ""
        self._mountinfo = proc / "self" / "mountinfo"
        self._proc = os.fspath(proc)
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._base: _Seen = {}
        self._base_s = 0.0

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        if not self._base:
            self.remark = _hidden(self._mountinfo)
        found = self._pass()
        states = [_STATE_OF.get(fields[_STATE]) for _, fields in found.values()]
        self._remember(found, now.mono_s)
        return [float(len(found)), *(float(states.count(state)) for state in PROCESS_STATES)]

    def close(self) -> None:
        """Nothing is kept open; what was seen is forgotten."""
        self._base = {}

    def top_processes(self, n: int = 5, by: Order = "cpu", *, now: Instant) -> list[ProcessRow]:
        """The processes that use the most.

        Args:
            n: how many at most.
            by: `cpu` or `rss`.
            now: this moment.
        Returns: the greatest first. CPU is the mean since the pass before (up to a minute ago, when the sensor is read
            at its tier), and None for a process that was not there then; by CPU, such processes are left out.
        """
        found = self._pass()
        passed_s = now.mono_s - self._base_s
        rows = [
            ProcessRow(pid, name.decode("utf-8", "replace"), self._cpu(pid, fields, passed_s), self._rss(fields))
            for pid, (name, fields) in found.items()
        ]
        self._remember(found, now.mono_s)
        return top(rows, n, by)

    def _pass(self) -> dict[int, tuple[bytes, list[bytes]]]:
        """Name and fields of each process; those that end meanwhile, or are not ours to see, are left out."""
        found = {}
        folder = os.open(self._proc, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for entry in os.listdir(folder):
                if not entry.isdecimal():
                    continue
                try:
                    fd = os.open(f"{entry}/stat", os.O_RDONLY, dir_fd=folder)
                except OSError:
                    continue
                try:
                    data = os.read(fd, _STAT_BYTES)
                except OSError:
                    continue
                finally:
                    os.close(fd)
                head, bracket, tail = data.rpartition(b") ")
                fields = tail.split(b" ", _RESIDENT + 1)
                if bracket and len(fields) > _RESIDENT:
                    found[int(entry)] = (head.partition(b"(")[2], fields)
        finally:
            os.close(folder)
        return found

    def _cpu(self, pid: int, fields: list[bytes], passed_s: float) -> float | None:
        start, ticks = self._base.get(pid, (b"", 0))
        if start != fields[_START] or passed_s < _MIN_INTERVAL_S:
            return None  # a new one, perhaps under an old number
        return max(_ticks(fields) - ticks, 0) * self._tick_s / passed_s

    def _rss(self, fields: list[bytes]) -> int:
        return int(fields[_RESIDENT]) * self._page_bytes

    def _remember(self, found: dict[int, tuple[bytes, list[bytes]]], mono_s: float) -> None:
        if self._base and mono_s - self._base_s < _MIN_INTERVAL_S:
            return  # the base stays, so that time adds up to something
        self._base = {pid: (fields[_START], _ticks(fields)) for pid, (_, fields) in found.items()}
        self._base_s = mono_s


def _hidden(mountinfo: Path) -> str:
    """What to say where /proc shows only some of the processes."""
    try:
        mounts = read_mounts(mountinfo)
    except SampleError:
        return ""
    hides = {option for mount in mounts if mount.kind == "proc" for option in mount.options if "hidepid" in option}
    if not hides - {"hidepid=0", "hidepid=off"} or os.geteuid() == 0:
        return ""
    return f"/proc is mounted with {min(hides)}: processes of others are not seen"


def _ticks(fields: list[bytes]) -> int:
    return int(fields[_USER]) + int(fields[_SYSTEM])
