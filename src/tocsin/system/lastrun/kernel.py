"""What the kernel counts: boots, and processes killed for memory."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.system.lastrun.record import KernelCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.clock import Instant

_START_FIELD: Final = 19  # of those behind the name, in /proc/PID/stat
_MAX_LOG_RECORDS: Final = 20_000


class Kernel:
    """Asks the kernel for its counts; where they stand is looked up once.

    Args:
        proc: where /proc is; nothing is known where there is none.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._boot_id = _text(proc / "sys/kernel/random/boot_id").strip()
        self._group, events = _group(proc)
        self._events = None if events is None else _kills_in(events)
        self._vmstat = _kills_in(proc / "vmstat")

    def counts(self, now: Instant) -> KernelCounts:
        """The counts at this moment."""
        return KernelCounts(
            boot_id=self._boot_id, boot_s=now.boot_s, group=self._group,
            group_kills=None if self._events is None else _number_in(self._events),
            machine_kills=_number_in(self._vmstat),
        )  # fmt: skip


def start_ticks(pid: int, proc: Path = Path("/proc")) -> int:
    """When a process began, in ticks since the machine started; 0: there is no such process, or no telling."""
    stat = _text(proc / str(pid) / "stat")
    fields = stat[stat.rfind(")") + 1 :].split()
    try:
        return int(fields[_START_FIELD])
    except (IndexError, ValueError):
        return 0


def log_says_killed(pid: int, since_boot_s: float, log: Path = Path("/dev/kmsg")) -> str:
    """The line of the kernel's log that says that a process was killed for memory; empty: there is none to be read.

    Args:
        pid: the process, as the machine numbers it: in a container's own numbering nothing is found.
        since_boot_s: what was logged before is of another process of that number.
        log: the log; most programs may not read it.
    """
    wanted = f"Killed process {pid} "
    for at_s, text in _log(log):
        if at_s >= since_boot_s and wanted in text:
            return text
    return ""


def _log(log: Path) -> Iterator[tuple[float, str]]:
    """Seconds since the boot, and the text, of each record of the kernel's log."""
    if not sys.platform.startswith("linux"):
        return
    try:
        fd = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        for _ in range(_MAX_LOG_RECORDS):
            try:
                record = os.read(fd, 8192)
            except BrokenPipeError:
                continue  # some were overwritten meanwhile
            except OSError:
                return  # no more of them
            if not record:
                return
            head, _, text = record.decode("utf-8", "replace").partition(";")
            try:
                yield int(head.split(",")[2]) / 1e6, text.partition("\n")[0]
            except (IndexError, ValueError):
                continue
    finally:
        os.close(fd)


def _group(proc: Path) -> tuple[str, Path | None]:
    """The folder of the own memory cgroup, and the file that counts what was killed in it."""
    from tocsin.sensors.linux.cgroup import find_groups  # noqa: PLC0415 - only where a run is recorded

    groups = find_groups(proc).memory
    if not groups:
        return "", None
    own = groups[0]
    return str(own.folder), own.folder / ("memory.events" if own.version == 2 else "memory.oom_control")


def _kills_in(path: Path) -> NumberFile:
    return NumberFile(path, partial(plan_for, rows=(Row(b"oom_kill "),)))


def _number_in(file: NumberFile) -> int | None:
    try:
        (found,) = file.numbers()
    except SampleError:
        return None
    return None if found != found else int(found)  # noqa: PLR0124 - NaN: it does not say


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
