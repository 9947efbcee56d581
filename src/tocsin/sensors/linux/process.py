"""One process: its CPU time, memory, threads, faults and disk traffic."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.cgroup import GroupFinder
from tocsin.sensors.linux.fields import NamedNumbers
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

# Places in /proc/PID/stat, counted behind the closing bracket of the name (which may hold blanks and brackets itself).
_MINOR, _MAJOR, _USER, _SYSTEM, _THREADS, _START, _VIRTUAL, _RESIDENT = 7, 9, 11, 12, 17, 19, 20, 21

PROCESS_LAYOUT: Final[Layout] = (
    SeriesKey("process.cpu.utilization"),
    SeriesKey("process.cpu.time", (("mode", "user"),)),
    SeriesKey("process.cpu.time", (("mode", "system"),)),
    SeriesKey("process.memory.usage"),
    SeriesKey("process.memory.virtual"),
    SeriesKey("process.memory.limit"),
    SeriesKey("process.memory.utilization"),
    SeriesKey("process.thread.count"),
    SeriesKey("process.uptime"),
    SeriesKey("process.paging.faults", (("type", "minor"),)),
    SeriesKey("process.paging.faults", (("type", "major"),)),
    SeriesKey("process.context_switches", (("type", "voluntary"),)),
    SeriesKey("process.context_switches", (("type", "involuntary"),)),
    SeriesKey("process.disk.io", (("direction", "read"),)),
    SeriesKey("process.disk.io", (("direction", "write"),)),
)


# What the kernel has counted for a process: seconds in user and system mode, minor and major faults, voluntary and
# involuntary switches. Plain tuples: this is read each second.
_Usage = tuple[float, float, float, float, float, float]
# What a process is and has used: bytes of address space, resident bytes, threads, the start in ticks; then a _Usage.
_State = tuple[float, float, float, float, _Usage]


class ProcessSensor:
    """A process by its pid, or the own one.

    The own process is asked by `getrusage`, which counts CPU time in microseconds, and by the smallest files there are;
    another one by its `stat` and `status`, in clock ticks.

    Args:
        pid: the process; None for the own one.
        proc: where /proc is.
        finder: finds the groups that limit its memory; shared with whoever asks for the same.
    """

    tier: Final = Tier.CORE

    def __init__(self, pid: int | None = None, proc: Path = Path("/proc"), finder: GroupFinder | None = None) -> None:
        self.name = "process" if pid is None else f"process.{pid}"
        self.layout: Layout = PROCESS_LAYOUT
        self._finder = finder or GroupFinder(proc, pid)
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._machine = os.sysconf("SC_PHYS_PAGES") * self._page_bytes
        home = proc / ("self" if pid is None else str(pid))
        self._source: _Own | _Other = _Own(home, self._page_bytes) if pid is None else _Other(home, self._page_bytes)
        self._io = ProcFile(home / "io")
        self._io_numbers = NamedNumbers((b"read_bytes:", b"write_bytes:"))
        # The own CPU time is exact; ten ticks of another's are the least that make a share.
        self._min_interval_s = 0.02 if pid is None else 10 * self._tick_s
        self._before: tuple[float, float, int] | None = None

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        virtual, resident, threads, start_ticks, usage = self._source.read()
        limit = float(min(self._finder.memory_limit_bytes(now.mono_s) or self._machine, self._machine))
        uptime = now.boot_s - start_ticks * self._tick_s
        return [
            self._utilization(usage[0] + usage[1], now.mono_s), usage[0], usage[1],
            resident, virtual, limit, resident / limit, threads, uptime if uptime >= 0 else NAN,
            *usage[2:],
            *self._disk_traffic(),
        ]  # fmt: skip

    def close(self) -> None:
        """See `Sensor.close`."""
        self._source.close()
        self._io.close()
        self._finder.forget()
        self._before = None

    def _utilization(self, cpu_s: float, mono_s: float) -> float:
        """CPU seconds for each second since the reading before; NaN at the first, too soon, or after a fork."""
        now = (cpu_s, mono_s, os.getpid())
        before = self._before
        if before is None or before[2] != now[2] or cpu_s < before[0]:
            self._before = now
            return NAN
        interval_s = mono_s - before[1]
        if interval_s < self._min_interval_s:
            return NAN  # the base stays, so that time adds up to something
        self._before = now
        return (cpu_s - before[0]) / interval_s

    def _disk_traffic(self) -> tuple[float, ...]:
        try:
            return self._io_numbers.of(self._io.read())
        except SampleError:
            return NAN, NAN  # often denied, and a kernel may lack it; the rest is worth having


class _Own:
    """The own process: two short files and a call; the long `stat` is read once, for the start."""

    def __init__(self, home: Path, page_bytes: int) -> None:
        import resource

        self._rusage: Callable[[int], resource.struct_rusage] = resource.getrusage
        self._home = home
        self._statm = ProcFile(home / "statm")
        self._task = ProcFile(home / "task")
        self._page_bytes = page_bytes
        self._pid = -1
        self._start_ticks = NAN

    def read(self) -> _State:
        """What it is, and what it has used."""
        if self._pid != os.getpid():
            self._pid, self._start_ticks = os.getpid(), float(_fields(_read_once(self._home / "stat"))[_START])
        virtual, resident, _ = self._statm.read().split(b" ", 2)
        # Each thread has a folder there, and each folder links to the one above it.
        threads = self._task.links() - 2
        used = self._rusage(0)  # RUSAGE_SELF
        return (
            float(virtual) * self._page_bytes, float(resident) * self._page_bytes,
            float(threads) if threads > 0 else NAN, self._start_ticks,
            (used[0], used[1], float(used[6]), float(used[7]), float(used[14]), float(used[15])),
        )  # fmt: skip

    def close(self) -> None:
        """Give files back."""
        self._statm.close()
        self._task.close()
        self._pid = -1


class _Other:
    """Another process, by its files."""

    def __init__(self, home: Path, page_bytes: int) -> None:
        self._stat = ProcFile(home / "stat")
        self._status = ProcFile(home / "status")
        self._switches = NamedNumbers((b"voluntary_ctxt_switches:", b"nonvoluntary_ctxt_switches:"))
        self._page_bytes = page_bytes
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK")

    def read(self) -> _State:
        """What it is, and what it has used."""
        fields = _fields(self._stat.read())
        voluntary, involuntary = self._switches.of(self._status.read())
        user_s, system_s = float(fields[_USER]) * self._tick_s, float(fields[_SYSTEM]) * self._tick_s
        return (
            float(fields[_VIRTUAL]), float(fields[_RESIDENT]) * self._page_bytes,
            float(fields[_THREADS]), float(fields[_START]),
            (user_s, system_s, float(fields[_MINOR]), float(fields[_MAJOR]), voluntary, involuntary),
        )  # fmt: skip

    def close(self) -> None:
        """Give files back."""
        self._stat.close()
        self._status.close()


def _fields(stat: bytes) -> list[bytes]:
    return stat[stat.rindex(b")") + 2 :].split(b" ", _RESIDENT + 1)


def _read_once(path: Path) -> bytes:
    file = ProcFile(path)
    try:
        return file.read()
    finally:
        file.close()
