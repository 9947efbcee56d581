"""One process: its CPU time, memory, threads, faults and traffic."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.cgroup import GroupFinder
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.linux.quick import Base, Quick
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout
    from tocsin.sensors.linux.plan import Plan

# Places in /proc/PID/stat, counted behind the closing bracket of the name (which may hold blanks and brackets itself).
_MINOR, _MAJOR, _USER, _SYSTEM, _START = 7, 9, 11, 12, 19

PROCESS_LAYOUT: Final[Layout] = (
    SeriesKey("process.cpu.utilization"),
    SeriesKey("process.cpu.time", (("mode", "user"),)),
    SeriesKey("process.cpu.time", (("mode", "system"),)),
    SeriesKey("process.memory.usage"),
    SeriesKey("process.memory.virtual"),
    SeriesKey("process.memory.shared"),
    SeriesKey("process.memory.peak"),
    SeriesKey("process.memory.limit"),
    SeriesKey("process.memory.utilization"),
    SeriesKey("process.uptime"),
    SeriesKey("process.paging.faults", (("type", "minor"),)),
    SeriesKey("process.paging.faults", (("type", "major"),)),
    SeriesKey("process.context_switches", (("type", "voluntary"),)),
    SeriesKey("process.context_switches", (("type", "involuntary"),)),
    SeriesKey("process.io.bytes", (("direction", "read"),)),
    SeriesKey("process.io.bytes", (("direction", "write"),)),
    SeriesKey("process.io.calls", (("direction", "read"),)),
    SeriesKey("process.io.calls", (("direction", "write"),)),
    SeriesKey("process.disk.io", (("direction", "read"),)),
    SeriesKey("process.disk.io", (("direction", "write"),)),
)
_IO: Final = tuple(map(Row, (b"rchar:", b"wchar:", b"syscr:", b"syscw:", b"read_bytes:", b"write_bytes:")))
_NO_IO: Final = [NAN] * len(_IO)
_KIB: Final = 1024.0


# What a process is and has used, as two parts of the layout: seconds in user and system mode, bytes of resident memory,
# of address space, shared and at the peak; then page faults and context switches.
_State = tuple[list[float], list[float]]


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
        self._io = NumberFile(home / "io", partial(plan_for, rows=_IO))
        self._limit, self._limit_until_s = 0.0, -1.0
        # The own CPU time is exact; ten ticks of another's are the least that make a share.
        self._min_interval_s = 0.02 if pid is None else 10 * self._tick_s
        self._base = Base()
        self.quick: Quick | None = None  # of another process more is to be asked
        if isinstance(self._source, _Own):
            self.quick = Quick("process", (self._source.pages, self._io), self._base, (self._min_interval_s,))

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        state, counts = self._source.read()
        mono_s = now.mono_s
        if mono_s >= self._limit_until_s:
            self._limit = float(min(self._finder.memory_limit_bytes(mono_s) or self._machine, self._machine))
            self._limit_until_s = self._finder.until_s
        limit = self._limit
        began_s = self._source.start_ticks * self._tick_s
        uptime = now.boot_s - began_s
        try:
            traffic = self._io.numbers()
        except SampleError:
            traffic = _NO_IO  # often denied, and a kernel may lack it; the rest is worth having
        return [
            self._utilization(state[0] + state[1], mono_s, began_s), *state, limit, state[2] / limit,
            uptime if uptime >= 0 else NAN, *counts, *traffic,
        ]  # fmt: skip

    def close(self) -> None:
        """See `Sensor.close`."""
        self._source.close()
        self._io.close()
        self._finder.forget()
        self._limit_until_s = -1.0
        self._base.forget()

    def _utilization(self, cpu_s: float, mono_s: float, began_s: float) -> float:
        """CPU seconds for each second since the reading before; NaN at the first, too soon, or after a fall."""
        before, interval_s = self._base.before, mono_s - self._base.before_s
        goes_on = before is not None and cpu_s >= before[0]
        if goes_on and interval_s < self._min_interval_s:
            return NAN  # the base stays, so that time adds up to something
        self._base.keep([cpu_s, self._limit, began_s], mono_s, len(PROCESS_LAYOUT), self._limit_until_s)
        return (cpu_s - before[0]) / interval_s if goes_on and before is not None else NAN


class _Own:
    """The own process: a short file and a call; the long `stat` is read once, for the start.

    In a fork the kept file is opened and learnt anew, and with it the start.
    """

    def __init__(self, home: Path, page_bytes: int) -> None:
        import resource

        self._rusage: Callable[[int], resource.struct_rusage] = resource.getrusage
        self._home = home
        self.pages = NumberFile(home / "statm", partial(self._learn, page_bytes=page_bytes))
        self.start_ticks = NAN

    def read(self) -> _State:
        """What it is, and what it has used."""
        virtual, resident, shared = self.pages.numbers()
        used = self._rusage(0)  # RUSAGE_SELF
        return (
            [used[0], used[1], resident, virtual, shared, used[2] * _KIB],
            [float(used[6]), float(used[7]), float(used[14]), float(used[15])],
        )

    def close(self) -> None:
        """Give the file back."""
        self.pages.close()

    def _learn(self, data: bytes, page_bytes: int) -> Plan:
        stat = _read_once(self._home / "stat")
        self.start_ticks = float(stat[stat.rindex(b")") + 2 :].split()[_START])
        return _plan_for_pages(data, page_bytes)


class _Other:
    """Another process, by its files."""

    def __init__(self, home: Path, page_bytes: int) -> None:
        tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        columns = (_MINOR, _MAJOR, _USER, _SYSTEM, _START)
        self._stat = NumberFile(home / "stat", partial(_plan_for_stat, columns=columns, tick_s=tick_s))
        self._statm = NumberFile(home / "statm", partial(_plan_for_pages, page_bytes=page_bytes))
        rows = (Row(b"VmHWM:", units=(_KIB,)), Row(b"voluntary_ctxt_switches:"), Row(b"nonvoluntary_ctxt_switches:"))
        self._status = NumberFile(home / "status", partial(plan_for, rows=rows))
        self.start_ticks = NAN

    def read(self) -> _State:
        """What it is, and what it has used."""
        minor, major, user_s, system_s, self.start_ticks = self._stat.numbers()
        virtual, resident, shared = self._statm.numbers()
        peak, *switches = self._status.numbers()
        return [user_s, system_s, resident, virtual, shared, peak], [minor, major, *switches]

    def close(self) -> None:
        """Give files back."""
        for file in (self._stat, self._statm, self._status):
            file.close()


def _plan_for_pages(data: bytes, page_bytes: int) -> Plan:
    """The address space, what of it is resident, and what of that is shared with others or with files; in bytes."""
    return plan_for(data, (Row(b"", (0, 1, 2), (float(page_bytes),) * 3),))


def _plan_for_stat(data: bytes, columns: tuple[int, ...], tick_s: float) -> Plan:
    units = tuple(tick_s if column in {_USER, _SYSTEM} else 1.0 for column in columns)
    return plan_for(data, (Row(data[: data.rindex(b")") + 2], columns, units),))


def _read_once(path: Path) -> bytes:
    file = ProcFile(path)
    try:
        return file.read()
    finally:
        file.close()
