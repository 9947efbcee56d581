"""CPU time of the machine from /proc/stat: all cores, each core, each mode; and context switches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier
from tocsin.sensors.shares import MIN_TICKS, time_shares

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

# The order of the columns. Those behind, guest and guest_nice, are contained in user and nice already.
_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE, _IOWAIT = 3, 4

_FIXED: Final[Layout] = (
    SeriesKey("system.cpu.utilization"),
    SeriesKey("system.context_switches"),
    *(SeriesKey("system.cpu.mode.utilization", (("mode", mode),)) for mode in _MODES),
)


class CpuSensor:
    """Shares of CPU time since the reading before; NaN at the first one."""

    name: Final = "host.cpu"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = _FIXED
        self._file = ProcFile(proc / "stat")
        self._names: list[bytes] = []
        self._before: dict[bytes, list[float]] = {}

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - shares of ticks need no clock
        """See `Sensor.read`."""
        data = self._file.read()
        lines = data[: data.index(b"intr ")].splitlines()
        names: list[bytes] = []
        cores: list[float] = []
        values: list[float] = []
        for line in lines:
            name, *columns = line.split(None, 9)
            shares = self._shares(name, list(map(float, columns[:8])))
            busy = NAN if shares is None else 1.0 - shares[_IDLE] - shares[_IOWAIT]
            if values:
                names.append(name)
                cores.append(max(busy, 0.0))
            else:
                values = [max(busy, 0.0), _context_switches(data), *(shares or [NAN] * len(_MODES))]
        if names != self._names:
            self._learn(names)
        return values + cores

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._before.clear()

    def _shares(self, name: bytes, columns: list[float]) -> list[float] | None:
        before = self._before.get(name)
        if before is None:
            self._before[name] = columns
            return None
        shares = time_shares(columns, before, MIN_TICKS)
        # Readings in quick succession keep the first one as their base, so that time adds up to something.
        if shares is not None or sum(columns) < sum(before):
            self._before[name] = columns
        return shares

    def _learn(self, names: list[bytes]) -> None:
        """Cores came or went."""
        self._names = names
        self._before = {name: columns for name, columns in self._before.items() if name == b"cpu" or name in names}
        keys = (SeriesKey("system.cpu.core.utilization", (("cpu", name[3:].decode()),)) for name in names)
        self.layout = (*_FIXED, *keys)


def _context_switches(data: bytes) -> float:
    start = data.index(b"\nctxt ") + 6
    return float(data[start : data.index(b"\n", start)])
