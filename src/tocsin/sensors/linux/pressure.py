"""Pressure stall information: for how long threads had to wait for CPU, memory or storage.

*some*: at least one thread waited; *full*: all that had something to do waited, so nothing was done at all.
See https://docs.kernel.org/accounting/psi.html.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.quick import FOR_EVER, Base, Quick
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

RESOURCES: Final = ("cpu", "memory", "io")
KINDS: Final = ("some", "full")
# some avg10=0.36 avg60=0.95 avg300=7.22 total=423125328
_COLUMNS: Final = (1, 7)
_UNITS: Final = (0.01, 1e-6)


class PressureSensor:
    """The pressure of the machine.

    `full` of the CPU is left out: for a whole machine it has no meaning, and the kernel writes zeros.
    """

    name: Final = "host.pressure"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        folder = proc / "pressure"
        wanted = (("cpu", KINDS[:1]), ("memory", KINDS), ("io", KINDS))
        self._files = [pressure_file(folder / resource, kinds) for resource, kinds in wanted]
        self.layout: Layout = tuple(
            key for resource, kinds in wanted for kind in kinds for key in pressure_keys("system", resource, kind)
        )
        self._base = Base()
        self.quick = Quick("copy", tuple(self._files), self._base)

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        cpu, memory, io = self._files
        found = cpu.numbers() + memory.numbers() + io.numbers()
        self._base.keep([], now.mono_s, len(found), FOR_EVER)
        return found

    def close(self) -> None:
        """See `Sensor.close`."""
        for file in self._files:
            file.close()
        self._base.forget()


def pressure_file(path: Path, kinds: tuple[str, ...]) -> NumberFile:
    """The file of a resource: of each kind the share of the last 10 s, and the seconds stalled in all."""
    rows = [Row(kind.encode() + b" ", _COLUMNS, _UNITS) for kind in kinds]
    return NumberFile(path, partial(plan_for, rows=rows))


def pressure_keys(prefix: str, resource: str, kind: str) -> Layout:
    """The series of a resource and kind, in the order of `pressure_file`."""
    labels = (("kind", kind), ("resource", resource))
    return SeriesKey(f"{prefix}.pressure.avg10", labels), SeriesKey(f"{prefix}.pressure.stall_time", labels)
