"""One process: its CPU time, memory, threads, faults and disk traffic."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.cgroup import memory_limit_bytes
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_LIMIT_AGE_S: Final = 60.0

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


class _Usage(NamedTuple):
    """What the kernel has counted for a process: seconds and numbers."""

    user_s: float
    system_s: float
    minor: float
    major: float
    voluntary: float
    involuntary: float


class ProcessSensor:
    """A process by its pid, or the own one.

    The own process is asked by `getrusage`, which counts CPU time in microseconds and costs a tenth of the files;
    another one by its files, in clock ticks.
    """

    tier: Final = Tier.CORE

    def __init__(self, pid: int | None = None, proc: Path = Path("/proc")) -> None:
        self.name = "process" if pid is None else f"process.{pid}"
        self.layout: Layout = PROCESS_LAYOUT
        self._pid = pid
        self._proc = proc
        home = proc / ("self" if pid is None else str(pid))
        self._stat = ProcFile(home / "stat")
        self._status = ProcFile(home / "status")
        self._io = ProcFile(home / "io")
        self._own_usage = _own_usage_reader() if pid is None else None
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        # The own CPU time is exact; ten ticks of another's are the least that make a share.
        self._min_interval_s = 0.02 if pid is None else 10 * self._tick_s
        self._before: tuple[float, float, int] | None = None
        self._limit = NAN
        self._limit_until_s = -1.0

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        stat = self._stat.read()
        fields = stat[stat.rindex(b")") + 2 :].split(b" ", _RESIDENT + 1)
        usage = self._own_usage() if self._own_usage is not None else self._usage_from_files(fields)
        resident = float(fields[_RESIDENT]) * self._page_bytes
        limit = self._effective_limit(now.mono_s)
        uptime = now.boot_s - float(fields[_START]) * self._tick_s
        return [
            self._utilization(usage.user_s + usage.system_s, now.mono_s),
            usage.user_s, usage.system_s,
            resident, float(fields[_VIRTUAL]), limit, resident / limit,
            float(fields[_THREADS]), uptime if uptime >= 0 else NAN,
            usage.minor, usage.major, usage.voluntary, usage.involuntary,
            *self._disk_traffic(),
        ]  # fmt: skip

    def close(self) -> None:
        """See `Sensor.close`."""
        for file in (self._stat, self._status, self._io):
            file.close()
        self._before = None
        self._limit_until_s = -1.0

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

    def _usage_from_files(self, fields: list[bytes]) -> _Usage:
        user_s, system_s = float(fields[_USER]) * self._tick_s, float(fields[_SYSTEM]) * self._tick_s
        voluntary, involuntary = _context_switches(self._status.read())
        return _Usage(user_s, system_s, float(fields[_MINOR]), float(fields[_MAJOR]), voluntary, involuntary)

    def _effective_limit(self, mono_s: float) -> float:
        """The machine's memory or the visible container limit, whichever is smaller; looked up once a minute."""
        if mono_s >= self._limit_until_s:
            machine = os.sysconf("SC_PHYS_PAGES") * self._page_bytes
            self._limit = float(min(machine, memory_limit_bytes(self._proc, self._pid) or machine))
            self._limit_until_s = mono_s + _LIMIT_AGE_S
        return self._limit

    def _disk_traffic(self) -> tuple[float, float]:
        try:
            data = self._io.read()
        except SampleError:
            return NAN, NAN  # often denied, and a kernel may lack it; the rest is worth having
        read_bytes = data.index(b"\nread_bytes: ") + 13
        write_bytes = data.index(b"\nwrite_bytes: ") + 14
        return (
            float(data[read_bytes : data.index(b"\n", read_bytes)]),
            float(data[write_bytes : data.index(b"\n", write_bytes)]),
        )


def _own_usage_reader() -> Callable[[], _Usage]:
    import resource

    getrusage, myself = resource.getrusage, resource.RUSAGE_SELF

    def read() -> _Usage:
        found = getrusage(myself)
        return _Usage(found[0], found[1], float(found[6]), float(found[7]), float(found[14]), float(found[15]))

    return read


def _context_switches(status: bytes) -> tuple[float, float]:
    voluntary = status.find(b"\nvoluntary_ctxt_switches:")
    involuntary = status.find(b"\nnonvoluntary_ctxt_switches:")
    if voluntary < 0 or involuntary < 0:
        return NAN, NAN
    return (
        float(status[voluntary + 25 : status.index(b"\n", voluntary + 25)]),
        float(status[involuntary + 28 : status.index(b"\n", involuntary + 28)]),
    )
