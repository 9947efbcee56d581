"""What the resident memory of a process is: its own, files, shared; and what of it is swapped or locked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.procfile import NumberFile
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_PARTS: Final[dict[bytes, SeriesKey]] = {
    b"RssAnon:": SeriesKey("process.memory.resident", (("type", "anonymous"),)),
    b"RssFile:": SeriesKey("process.memory.resident", (("type", "file"),)),
    b"RssShmem:": SeriesKey("process.memory.resident", (("type", "shared"),)),
    b"VmSwap:": SeriesKey("process.memory.swap"),
    b"VmPTE:": SeriesKey("process.memory.page_tables"),
    b"VmLck:": SeriesKey("process.memory.locked"),
}
_ROWS: Final = tuple(Row(name, units=(1024.0,)) for name in _PARTS)


class ProcessMemorySensor:
    """The parts of a process's memory, by its pid, or of the own one; each tenth time, since the file is a dear one."""

    tier: Final = Tier.SLOW

    def __init__(self, pid: int | None = None, proc: Path = Path("/proc")) -> None:
        self.name = "process.memory" if pid is None else f"process.{pid}.memory"
        self.layout: Layout = tuple(_PARTS.values())
        status = proc / ("self" if pid is None else str(pid)) / "status"
        self._file = NumberFile(status, partial(plan_for, rows=_ROWS))

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        return self._file.numbers()

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
