"""CPU time of the machine from /proc/stat: all cores, each core, each mode; switches, interrupts, waiting threads."""

from __future__ import annotations

from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.fields import NamedNumbers
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

# The order of the columns. Those behind, guest and guest_nice, are contained in user and nice already.
_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE, _IOWAIT = 3, 4
# Fewer ticks of a core than this say nothing: one of them is a tenth of the result. In 100 ms there are ten.
_MIN_TICKS: Final = 8

# What stands behind the line of interrupts.
_COUNTS: Final[dict[bytes, SeriesKey]] = {
    b"ctxt": SeriesKey("system.context_switches"),
    b"processes": SeriesKey("system.process.created"),
    b"procs_running": SeriesKey("system.thread.runnable"),
    b"procs_blocked": SeriesKey("system.thread.blocked"),
}
_FIXED: Final[Layout] = (
    SeriesKey("system.cpu.utilization"),
    *_COUNTS.values(),
    SeriesKey("system.interrupts"),
    *(SeriesKey("system.cpu.mode.utilization", (("mode", mode),)) for mode in _MODES),
)


class CpuSensor:
    """Shares of CPU time since the reading before; NaN at the first one.

    A reading that follows within a few clock ticks is NaN too, and the one before it stays the base of the next, so
    that time adds up to something.
    """

    name: Final = "host.cpu"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = _FIXED
        self._file = ProcFile(proc / "stat")
        self._counts = NamedNumbers(tuple(_COUNTS))
        self._names: list[bytes] = []
        self._columns = 0
        self._before: list[float] | None = None

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - shares of ticks need no clock
        """See `Sensor.read`."""
        data = self._file.read()
        end = data.index(b"intr ")
        tokens = data[:end].split()
        columns = self._columns or self._learn(data)
        if tokens[::columns] != self._names:
            columns = self._learn(data)
        # All rows as one flat list: with many cores, anything done for each row is what the sample costs.
        del tokens[::columns]
        times = list(map(float, tokens))
        interrupts = float(data[end + 5 : data.index(b" ", end + 5)])
        counts = (*self._counts.of(data[data.index(b"\nctxt ", end) :]), interrupts)
        before, width = self._before, columns - 1
        if before is None:
            self._before = times
            return [NAN, *counts, *[NAN] * (len(self.layout) - 1 - len(counts))]
        ticks = list(map(sub, times, before))
        if 0 <= sum(ticks[: len(_MODES)]) < _MIN_TICKS * (len(times) // width - 1):
            return [NAN, *counts, *[NAN] * (len(self.layout) - 1 - len(counts))]  # the base stays
        self._before = times
        # The kernel's idle, iowait and steal may fall by a little; a negative share would raise the others beyond 1.
        risen = ticks if min(ticks) >= 0 else [max(tick, 0.0) for tick in ticks]
        busy = _busy(ticks, risen, width)
        modes = risen[: len(_MODES)]
        total = sum(modes) if busy[0] == busy[0] else NAN
        return [busy[0], *counts, *[mode / total for mode in modes], *busy[1:]]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._before = None

    def _learn(self, data: bytes) -> int:
        """Cores came or went: what is known of the ones before says nothing of them."""
        lines = data[: data.index(b"intr ")].splitlines()
        self._names = [line.split(None, 1)[0] for line in lines]
        self._columns = len(lines[0].split())
        self._before = None
        cores = (name[3:].decode() for name in self._names[1:])
        self.layout = (*_FIXED, *(SeriesKey("system.cpu.core.utilization", (("cpu", core),)) for core in cores))
        return self._columns


def _busy(ticks: list[float], risen: list[float], width: int) -> list[float]:
    """The busy share of each row; NaN where too few ticks passed, or time went back as it does after a suspend."""
    shares = []
    for at in range(0, len(ticks), width):
        end = at + len(_MODES)
        if sum(ticks[at:end]) < _MIN_TICKS:
            shares.append(NAN)
        else:
            shares.append(1.0 - (risen[at + _IDLE] + risen[at + _IOWAIT]) / sum(risen[at:end]))
    return shares
