"""The same readings by psutil, for machines without /proc: same names, same units, same meaning.

psutil is loaded when a sensor is made, not when this file is imported. On Linux these sensors serve only as the
second opinion of the tests.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import MAX_LABEL_CHARS, Layout, SeriesKey, inert
from tocsin.sensors.processes import PROCESS_STATES, ProcessRow, top
from tocsin.sensors.protocol import NAN, AbsentSensor, Tier, kept_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant
    from tocsin.sensors.processes import Order
    from tocsin.sensors.protocol import Sensor

Readings = dict[SeriesKey, float]

_CPU_MIN_S: Final = 0.08
_TABLE_MIN_S: Final = 0.25
_STATE_OF: Final = {
    "running": "running", "sleeping": "sleeping", "disk-sleep": "disk", "stopped": "stopped", "zombie": "zombie",
    "idle": "idle", "tracing-stop": "stopped",
}  # fmt: skip


class PortableSensor:
    """Turns what a function gathers into a layout and values."""

    def __init__(self, name: str, gather: Callable[[Instant], Readings], tier: Tier = Tier.CORE) -> None:
        self.name = name
        self.tier = tier
        self.layout: Layout = ()
        self._gather = gather

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        readings = self._gather(now)
        self.layout = kept_layout(self.layout, readings)
        return list(readings.values())

    def close(self) -> None:
        """Nothing is kept open for us."""


def host_sensors() -> list[Sensor]:
    """All sensors of the machine."""
    psutil = importlib.import_module("psutil")
    return [
        PortableSensor("host.cpu", _Cpu(psutil)),
        PortableSensor("host.load", lambda now: _load(psutil, now), Tier.SLOW),
        PortableSensor("host.memory", lambda _now: _memory(psutil)),
        PortableSensor("host.paging", lambda _now: _paging(psutil), Tier.SLOW),
        PortableSensor("host.disk", lambda _now: _disk(psutil)),
        PortableSensor("host.filesystem", lambda _now: _filesystem(psutil), Tier.SLOW),
        PortableSensor("host.network", lambda _now: _network(psutil)),
        PortableProcessTable(psutil),
        AbsentSensor("host.pressure", "pressure stall information is Linux's"),
        AbsentSensor("host.tcp", "psutil has no counters of TCP"),
        AbsentSensor("host.limits", "the kernel's tables are Linux's"),
    ]


def process_sensors(pid: int | None = None) -> list[Sensor]:
    """The sensor of one process; None for the own one."""
    psutil = importlib.import_module("psutil")
    name = "process" if pid is None else f"process.{pid}"
    process = _Process(psutil, pid)
    return [
        PortableSensor(name, process),
        PortableSensor(f"{name}.status", lambda _now: process.status(), Tier.SLOW),
        PortableSensor(f"{name}.descriptors", lambda _now: process.descriptors(), Tier.SLOW),
        AbsentSensor("container" if pid is None else f"container.{pid}", "control groups are Linux's"),
    ]


class _Cpu:
    """Shares between two readings, as the Linux sensor has them."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil
        self._before: dict[str, tuple[float, ...]] = {}

    def __call__(self, now: Instant) -> Readings:  # noqa: ARG002 - the shape of a gatherer
        times = self._psutil.cpu_times()
        cores = self._psutil.cpu_times(percpu=True)
        # Where guest time is told, it is contained in user and nice already.
        modes = [mode for mode in times._fields if mode not in {"guest", "guest_nice"}]
        names = ["cpu", *(str(number) for number in range(len(cores)))]
        busy: Readings = {SeriesKey("system.cpu.utilization"): NAN}
        shares_by_mode: Readings = {}
        for name, row in zip(names, [times, *cores], strict=True):
            shares = self._shares(name, tuple(getattr(row, mode) for mode in modes))
            by_mode = dict(zip(modes, shares or [NAN] * len(modes), strict=True))
            value = max(1.0 - by_mode["idle"] - by_mode.get("iowait", 0.0), 0.0) if shares else NAN
            if name == "cpu":
                busy[SeriesKey("system.cpu.utilization")] = value
                key = "system.cpu.mode.utilization"
                shares_by_mode = {SeriesKey(key, (("mode", mode),)): share for mode, share in by_mode.items()}
            else:
                busy[SeriesKey("system.cpu.core.utilization", (("cpu", name),))] = value
        counts = self._psutil.cpu_stats()
        busy[SeriesKey("system.context_switches")] = float(counts.ctx_switches)
        busy[SeriesKey("system.interrupts")] = float(counts.interrupts)
        return busy | shares_by_mode

    def _shares(self, name: str, row: tuple[float, ...]) -> list[float] | None:
        before = self._before.get(name)
        shares = None if before is None else _time_shares(row, before)
        if before is None or shares is not None or sum(row) < sum(before):
            self._before[name] = row
        return shares


def _load(psutil: Any, now: Instant) -> Readings:
    one, five, fifteen = psutil.getloadavg()
    return {
        SeriesKey("system.cpu.load_average.1m"): one,
        SeriesKey("system.cpu.load_average.5m"): five,
        SeriesKey("system.cpu.load_average.15m"): fifteen,
        SeriesKey("system.uptime"): max(now.utc.timestamp() - psutil.boot_time(), 0.0),
    }


def _memory(psutil: Any) -> Readings:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    total, available = float(memory.total), float(min(memory.available, memory.total))
    return {
        SeriesKey("system.memory.limit"): total,
        SeriesKey("system.memory.usage"): total - available,
        SeriesKey("system.memory.available"): available,
        SeriesKey("system.memory.utilization"): (total - available) / total,
        SeriesKey("system.memory.free"): float(memory.free),
        SeriesKey("system.memory.cached"): float(getattr(memory, "cached", NAN)),
        SeriesKey("system.memory.buffers"): float(getattr(memory, "buffers", NAN)),
        SeriesKey("system.paging.limit"): float(swap.total),
        SeriesKey("system.paging.usage"): float(swap.used),
    } | ({SeriesKey("system.paging.utilization"): swap.used / swap.total} if swap.total else {})


def _paging(psutil: Any) -> Readings:
    swap = psutil.swap_memory()
    return {
        SeriesKey("system.paging.io", (("direction", "in"),)): float(swap.sin),
        SeriesKey("system.paging.io", (("direction", "out"),)): float(swap.sout),
    }


def _disk(psutil: Any) -> Readings:
    readings: Readings = {}
    for device, disk in psutil.disk_io_counters(perdisk=True, nowrap=False).items():
        for direction in ("read", "write"):
            labels = (("device", device), ("direction", direction))
            readings[SeriesKey("system.disk.io", labels)] = float(getattr(disk, f"{direction}_bytes"))
            readings[SeriesKey("system.disk.operations", labels)] = float(getattr(disk, f"{direction}_count"))
            time_ms = getattr(disk, f"{direction}_time", NAN)
            readings[SeriesKey("system.disk.operation_time", labels)] = time_ms / 1000.0
        busy_ms = getattr(disk, "busy_time", NAN)
        readings[SeriesKey("system.disk.io_time", (("device", device),))] = busy_ms / 1000.0
    return readings


def _filesystem(psutil: Any) -> Readings:
    readings: Readings = {}
    seen: set[str] = set()
    for part in psutil.disk_partitions(all=False):
        options = set(part.opts.split(","))
        if part.device in seen or options & {"ro", "cdrom", "remote"}:
            continue
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue  # an empty drive, or a denied one: the others count
        seen.add(part.device)
        labels = (("mountpoint", inert(part.mountpoint, MAX_LABEL_CHARS)),)
        usable = float(usage.used + usage.free)
        readings[SeriesKey("system.filesystem.limit", labels)] = usable
        readings[SeriesKey("system.filesystem.usage", labels)] = float(usage.used)
        readings[SeriesKey("system.filesystem.utilization", labels)] = usage.used / usable if usable else NAN
    return readings


def _network(psutil: Any) -> Readings:
    readings: Readings = {}
    for interface, net in psutil.net_io_counters(pernic=True, nowrap=False).items():
        if interface.startswith(("lo", "Loopback", "veth")):
            continue
        for direction, suffix, packets in (("receive", "in", "recv"), ("transmit", "out", "sent")):
            labels = (("direction", direction), ("interface", inert(interface, MAX_LABEL_CHARS)))
            readings[SeriesKey("system.network.io", labels)] = float(getattr(net, f"bytes_{packets}"))
            readings[SeriesKey("system.network.packets", labels)] = float(getattr(net, f"packets_{packets}"))
            readings[SeriesKey("system.network.errors", labels)] = float(getattr(net, f"err{suffix}"))
            readings[SeriesKey("system.network.dropped", labels)] = float(getattr(net, f"drop{suffix}"))
    return readings


class PortableProcessTable(PortableSensor):
    """The table of processes; see `tocsin.sensors.linux.table`."""

    def __init__(self, psutil: Any) -> None:
        super().__init__("host.processes", self._count, Tier.SLOWEST)
        self._psutil = psutil
        self._base: dict[tuple[int, float], float] = {}
        self._base_s = 0.0

    def top_processes(self, n: int = 5, by: Order = "cpu", *, now: Instant) -> list[ProcessRow]:
        """The processes that use the most, the greatest first; what is denied to us is left out."""
        passed_s = now.mono_s - self._base_s
        rows = []
        for one in self._pass():
            memory, times, before_s = one["memory_info"], one["cpu_times"], self._base.get(_identity(one))
            known = times is not None and before_s is not None and passed_s >= _TABLE_MIN_S
            cpu = max(_cpu_s(times) - before_s, 0.0) / passed_s if known and before_s is not None else None
            if memory is not None:
                rows.append(ProcessRow(one["pid"], one["name"] or "", cpu, memory.rss))
        return top(rows, n, by)

    def _count(self, now: Instant) -> Readings:
        found = self._pass()
        if not self._base or now.mono_s - self._base_s >= _TABLE_MIN_S:
            self._base = {_identity(one): _cpu_s(one["cpu_times"]) for one in found if one["cpu_times"] is not None}
            self._base_s = now.mono_s
        states = [_STATE_OF.get(one["status"]) for one in found]
        readings = {SeriesKey("system.process.count"): float(len(found))}
        for state in PROCESS_STATES:
            readings[SeriesKey("system.process.state.count", (("state", state),))] = float(states.count(state))
        return readings

    def _pass(self) -> list[dict[str, Any]]:
        wanted = ["pid", "name", "cpu_times", "memory_info", "status", "create_time"]
        return [process.info for process in self._psutil.process_iter(wanted)]


def _identity(process: dict[str, Any]) -> tuple[int, float]:
    return process["pid"], process["create_time"] or 0.0


def _cpu_s(times: Any) -> float:
    return float(times.user + times.system)


class _Process:
    """One process; what its platform lacks or denies is absent, and the rest goes on."""

    def __init__(self, psutil: Any, pid: int | None) -> None:
        self._psutil = psutil
        self._pid = pid
        self._process = psutil.Process(pid)
        self._before: tuple[float, float] | None = None

    def descriptors(self) -> Readings:
        """Open descriptors, and their share of the limit."""
        self._notice_fork()
        descriptors = self._ask("num_fds")
        limits = self._ask("rlimit", getattr(self._psutil, "RLIMIT_NOFILE", None))
        return {
            SeriesKey("process.open_file_descriptor.count"): NAN if descriptors is None else float(descriptors),
            SeriesKey("process.open_file_descriptor.utilization"): _share(descriptors, limits),
        }

    def status(self) -> Readings:
        """The threads."""
        self._notice_fork()
        return {SeriesKey("process.thread.count"): float(self._process.num_threads())}

    def _notice_fork(self) -> None:
        if self._pid is None and self._process.pid != os.getpid():
            self._process, self._before = self._psutil.Process(), None

    def __call__(self, now: Instant) -> Readings:
        self._notice_fork()
        process = self._process
        times, memory = process.cpu_times(), process.memory_info()
        switches, traffic = self._ask("num_ctx_switches"), self._ask("io_counters")
        machine = float(self._psutil.virtual_memory().total)
        mode, kind, direction = "process.cpu.time", "process.context_switches", "process.disk.io"
        return {
            SeriesKey("process.cpu.utilization"): self._utilization(times.user + times.system, now.mono_s),
            SeriesKey(mode, (("mode", "user"),)): times.user,
            SeriesKey(mode, (("mode", "system"),)): times.system,
            SeriesKey("process.memory.usage"): float(memory.rss),
            SeriesKey("process.memory.virtual"): float(memory.vms),
            SeriesKey("process.memory.limit"): machine,
            SeriesKey("process.memory.utilization"): memory.rss / machine,
            SeriesKey("process.uptime"): max(now.utc.timestamp() - process.create_time(), 0.0),
            SeriesKey(kind, (("type", "voluntary"),)): float(getattr(switches, "voluntary", NAN)),
            SeriesKey(kind, (("type", "involuntary"),)): float(getattr(switches, "involuntary", NAN)),
            SeriesKey(direction, (("direction", "read"),)): float(getattr(traffic, "read_bytes", NAN)),
            SeriesKey(direction, (("direction", "write"),)): float(getattr(traffic, "write_bytes", NAN)),
        }

    def _ask(self, method: str, *arguments: Any) -> Any:
        """A method of psutil that not every platform has, or that may be denied; None then."""
        try:
            return getattr(self._process, method)(*arguments)
        except (AttributeError, NotImplementedError, TypeError, self._psutil.AccessDenied):
            return None

    def _utilization(self, cpu_s: float, mono_s: float) -> float:
        before, now = self._before, (cpu_s, mono_s)
        if before is not None and cpu_s >= before[0] and mono_s - before[1] < _CPU_MIN_S:
            return NAN
        self._before = now
        if before is None or cpu_s < before[0]:
            return NAN
        return (cpu_s - before[0]) / (mono_s - before[1])


def _time_shares(new: tuple[float, ...], old: tuple[float, ...]) -> list[float] | None:
    """The share of each mode in the time between two readings; None where that is too short, or went back."""
    deltas = [a - b for a, b in zip(new, old, strict=True)]
    if sum(deltas) < _CPU_MIN_S:
        return None
    risen = [max(delta, 0.0) for delta in deltas]  # idle and iowait may fall by a little
    return [delta / sum(risen) for delta in risen]


def _share(descriptors: int | None, limits: tuple[int, int] | None) -> float:
    if descriptors is None or limits is None or limits[0] <= 0:
        return NAN
    return descriptors / limits[0]
