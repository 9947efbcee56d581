"""Which sensors fit this machine: the files of /proc where there are any, else psutil."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.sensors.protocol import AbsentSensor

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable

    from tocsin.sensors.protocol import Sensor
    from tocsin.sensors.runtime.gil import WakeupProbe

_PROC: Final = Path("/proc")
_ON_LINUX: Final[bool] = sys.platform.startswith("linux")
_HOST_NAMES: Final = (
    "host.cpu", "host.load", "host.memory", "host.paging", "host.disk", "host.filesystem", "host.network",
    "host.processes", "host.pressure", "host.tcp", "host.limits",
)  # fmt: skip


def host_sensors(proc: Path = _PROC) -> list[Sensor]:
    """The sensors of the machine.

    Args:
        proc: where /proc is.
    Returns: one for each part of the machine; an `AbsentSensor` with the reason where the machine lacks the source.
    """
    if _ON_LINUX:
        return _linux_host(proc)
    if (reason := _lack_of_psutil()) is not None:
        return [AbsentSensor(name, reason) for name in _HOST_NAMES]
    from tocsin.sensors import portable  # noqa: PLC0415 - loaded only where it is needed

    return portable.host_sensors()


def process_sensors(pid: int | None = None, proc: Path = _PROC) -> list[Sensor]:
    """The sensors of one process; None for the own one. See `host_sensors`."""
    name, container = ("process", "container") if pid is None else (f"process.{pid}", f"container.{pid}")
    if _ON_LINUX:
        from tocsin.sensors.linux.cgroup import GroupFinder  # noqa: PLC0415 - Linux only, like all of these
        from tocsin.sensors.linux.container import ContainerSensor  # noqa: PLC0415
        from tocsin.sensors.linux.descriptors import DescriptorSensor  # noqa: PLC0415
        from tocsin.sensors.linux.process import ProcessSensor  # noqa: PLC0415
        from tocsin.sensors.linux.process_status import ProcessStatusSensor  # noqa: PLC0415

        source = proc / ("self" if pid is None else str(pid)) / "stat"
        finder = GroupFinder(proc, pid)
        return [
            _if_there(name, source, lambda: ProcessSensor(pid, proc, finder)),
            _if_there(f"{name}.status", source.with_name("status"), lambda: ProcessStatusSensor(pid, proc)),
            _if_there(f"{name}.descriptors", source.with_name("fd"), lambda: DescriptorSensor(pid, proc)),
            _if_there(container, source.with_name("cgroup"), lambda: ContainerSensor(pid, proc, finder)),
        ]
    if (reason := _lack_of_psutil()) is not None:
        return [AbsentSensor(one, reason) for one in (name, f"{name}.status", f"{name}.descriptors", container)]
    from tocsin.sensors import portable  # noqa: PLC0415 - loaded only where it is needed

    return portable.process_sensors(pid)


def runtime_sensors(
    gc: Sensor, probe: WakeupProbe, loops: Callable[[], Iterable[tuple[str, AbstractEventLoop]]], proc: Path = _PROC
) -> list[Sensor]:
    """The sensors of the interpreter, beside that of event loops.

    Args:
        gc: the one that times collections; it is asked for its pauses too.
        probe: called by the watch thread around its sleep.
        loops: label and loop of each event loop that is known.
        proc: where /proc is.
    """
    from tocsin.sensors.runtime.descriptors import DescriptorKindSensor  # noqa: PLC0415 - read only when one watches
    from tocsin.sensors.runtime.gil import GilSensor  # noqa: PLC0415
    from tocsin.sensors.runtime.tasks import TaskSensor  # noqa: PLC0415
    from tocsin.sensors.runtime.threads import ThreadSensor  # noqa: PLC0415

    name, source = DescriptorKindSensor.name, proc / "self" / "fd"
    kinds = _if_there(name, source, lambda: DescriptorKindSensor(proc))
    return [gc, GilSensor(probe), ThreadSensor(), TaskSensor(loops), kinds]


def _linux_host(proc: Path) -> list[Sensor]:
    from tocsin.sensors.linux.cpu import CpuSensor  # noqa: PLC0415 - Linux only, like all of these
    from tocsin.sensors.linux.disk import DiskSensor  # noqa: PLC0415
    from tocsin.sensors.linux.filesystem import FilesystemSensor  # noqa: PLC0415
    from tocsin.sensors.linux.limits import LimitsSensor  # noqa: PLC0415
    from tocsin.sensors.linux.load import LoadSensor  # noqa: PLC0415
    from tocsin.sensors.linux.memory import MemorySensor  # noqa: PLC0415
    from tocsin.sensors.linux.network import NetworkSensor  # noqa: PLC0415
    from tocsin.sensors.linux.paging import PagingSensor  # noqa: PLC0415
    from tocsin.sensors.linux.pressure import PressureSensor  # noqa: PLC0415
    from tocsin.sensors.linux.table import ProcessTable  # noqa: PLC0415
    from tocsin.sensors.linux.tcp import TcpSensor  # noqa: PLC0415

    return [
        _if_there(CpuSensor.name, proc / "stat", lambda: CpuSensor(proc)),
        _if_there(LoadSensor.name, proc / "loadavg", lambda: LoadSensor(proc)),
        _if_there(MemorySensor.name, proc / "meminfo", lambda: MemorySensor(proc)),
        _if_there(PagingSensor.name, proc / "vmstat", lambda: PagingSensor(proc)),
        _if_there(DiskSensor.name, proc / "diskstats", lambda: DiskSensor(proc)),
        _if_there(FilesystemSensor.name, proc / "self" / "mountinfo", lambda: FilesystemSensor(proc)),
        _if_there(NetworkSensor.name, proc / "net" / "dev", lambda: NetworkSensor(proc)),
        _if_there(ProcessTable.name, proc / "self" / "stat", lambda: ProcessTable(proc)),
        _if_there(PressureSensor.name, proc / "pressure" / "cpu", lambda: PressureSensor(proc)),
        _if_there(TcpSensor.name, proc / "net" / "snmp", lambda: TcpSensor(proc)),
        _if_there(LimitsSensor.name, proc / "sys" / "fs" / "file-nr", lambda: LimitsSensor(proc)),
    ]


def _if_there(name: str, source: Path, make: Callable[[], Sensor]) -> Sensor:
    try:
        there = source.exists()
    except OSError as error:  # a folder on the way may be closed to us
        return AbsentSensor(name, f"{source} cannot be looked at: {error.strerror}")
    return make() if there else AbsentSensor(name, f"{source} is not there")


def _lack_of_psutil() -> str | None:
    try:
        import_module("psutil")  # an install for another platform is found, and cannot be imported
    except ModuleNotFoundError as error:
        if error.name == "psutil":
            return f"psutil is not installed, and {sys.platform} has no other source; install psutil"
        return f"psutil is broken: {error}"
    except Exception as error:  # noqa: BLE001 - whatever its own code thinks of this platform
        return f"psutil does not work here: {type(error).__name__}: {error}"
    return None
