"""Pressure stall information: for how long threads had to wait for CPU, memory or storage.

*some*: at least one thread waited; *full*: all that had something to do waited, so nothing was done at all.
See https://docs.kernel.org/accounting/psi.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

RESOURCES: Final = ("cpu", "memory", "io")
_ONE_LINE: Final = 9
_TWO_LINES: Final = 18


class PressureSensor:
    """The pressure of the machine.

    `full` of the CPU is left out: for a whole machine it has no meaning, and the kernel writes zeros.
    """

    name: Final = "host.pressure"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._files = [ProcFile(proc / "pressure" / resource) for resource in RESOURCES]
        self.layout: Layout = (
            *pressure_keys("system.pressure", "cpu", "some"),
            *(
                key
                for resource in ("memory", "io")
                for kind in ("some", "full")
                for key in pressure_keys("system.pressure", resource, kind)
            ),
        )

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        cpu, memory, io = self._files
        return [*parse_pressure(cpu.read())[:2], *parse_pressure(memory.read()), *parse_pressure(io.read())]

    def close(self) -> None:
        """See `Sensor.close`."""
        for file in self._files:
            file.close()


def pressure_keys(prefix: str, resource: str, kind: str) -> Layout:
    """The two series of a resource and kind, in the order of `parse_pressure`."""
    labels = (("kind", kind), ("resource", resource))
    return SeriesKey(f"{prefix}.stall_time", labels), SeriesKey(f"{prefix}.avg10", labels)


def parse_pressure(data: bytes) -> list[float]:
    """Seconds stalled in all, and the share of the last 10 s: of `some`, then of `full` where the kernel has it."""
    # some avg10 0.36 avg60 0.95 avg300 7.22 total 423125328
    words = data.replace(b"=", b" ").split()
    if len(words) == _TWO_LINES:
        return [float(words[8]) / 1e6, float(words[2]) / 100.0, float(words[17]) / 1e6, float(words[11]) / 100.0]
    if len(words) == _ONE_LINE:
        return [float(words[8]) / 1e6, float(words[2]) / 100.0]
    raise SampleError(f"pressure: expected one or two lines of averages and a total, found {data[:60]!r}")
