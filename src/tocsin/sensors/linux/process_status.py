"""How many threads a process has, and what its memory is: its own, files, shared, swapped, locked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
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
_ROWS: Final = (Row(b"Threads:"), *(Row(name, units=(1024.0,)) for name in _PARTS))


class ProcessStatusSensor:
    """The threads and the parts of the memory of a process, by its pid, or of the own one.

    Each tenth time, since the kernel writes fifty lines for it.
    """

    tier: Final = Tier.SLOW

    def __init__(self, pid: int | None = None, proc: Path = Path("/proc")) -> None:
        self.name = "process.status" if pid is None else f"process.{pid}.status"
        self.layout: Layout = (SeriesKey("process.thread.count"), *_PARTS.values())
        status = proc / ("self" if pid is None else str(pid)) / "status"
        self._file = NumberFile(status, partial(plan_for, rows=_ROWS))

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        return self._file.numbers()

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
