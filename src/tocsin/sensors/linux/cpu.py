"""CPU time of the machine from /proc/stat: all cores, each core, each mode; switches, interrupts, waiting threads."""

from __future__ import annotations

import os
from itertools import repeat
from operator import sub, truediv
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.quick import FOR_EVER, Base, Quick
from tocsin.sensors.protocol import NAN, Tier, kept_layout

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout
    from tocsin.sensors.linux.plan import Plan

# The order of the columns. Those behind, guest and guest_nice, are contained in user and nice already.
_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE, _IOWAIT = 3, 4
# Fewer ticks of a core than this say nothing: one of them is a tenth of the result. In 100 ms there are ten.
_MIN_TICKS: Final = 8

_WIDTH: Final = len(_MODES)
_COLUMNS: Final = tuple(range(_WIDTH))
# In the order of the kernel's columns (include/linux/interrupt.h).
_SOFT: Final = ("hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu")

_COUNTS: Final[dict[bytes, SeriesKey]] = {
    b"intr ": SeriesKey("system.interrupts"),
    b"ctxt ": SeriesKey("system.context_switches"),
    b"processes ": SeriesKey("system.process.created"),
    b"procs_running ": SeriesKey("system.thread.runnable"),
    b"procs_blocked ": SeriesKey("system.thread.blocked"),
}
_BEHIND: Final = (*map(Row, _COUNTS), Row(b"softirq ", tuple(range(1, 1 + len(_SOFT)))))
_COUNTED: Final[Layout] = (
    *_COUNTS.values(),
    *(SeriesKey("system.interrupts.soft", (("kind", kind),)) for kind in _SOFT),
)
_COUNTS_END: Final = len(_COUNTED) + _WIDTH
_FIXED: Final[Layout] = (
    SeriesKey("system.cpu.utilization"),
    SeriesKey("system.cpu.logical.count"),
    *_COUNTED,
    *(SeriesKey("system.cpu.time", (("mode", mode),)) for mode in _MODES),
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
        self._file = NumberFile(proc / "stat", self._learn)
        self._base = Base()
        self.quick = Quick("cpu", (self._file,), self._base, (_COUNTS_END, _WIDTH, _IDLE, _IOWAIT, _MIN_TICKS))

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        # All rows as one flat list: with many cores, anything done for each row is what the sample costs.
        times = self._file.numbers()
        cores = len(times[_COUNTS_END:]) // _WIDTH - 1
        fixed = [float(cores), *times[:_COUNTS_END]]
        del times[:_COUNTS_END]
        before = self._base.before
        outputs = 1 + len(fixed) + _WIDTH + cores
        if before is None:
            self._base.keep(times, now.mono_s, outputs, FOR_EVER)
            return [NAN, *fixed, *[NAN] * (_WIDTH + cores)]
        ticks = list(map(sub, times, before))
        if 0 <= sum(ticks[:_WIDTH]) < _MIN_TICKS * cores:
            return [NAN, *fixed, *[NAN] * (_WIDTH + cores)]  # the base stays
        self._base.keep(times, now.mono_s, outputs, FOR_EVER)
        # The kernel's idle, iowait and steal may fall by a little; a negative share would raise the others beyond 1.
        risen = ticks if min(ticks) >= 0 else [max(tick, 0.0) for tick in ticks]
        busy = _busy(ticks, risen)
        modes = risen[:_WIDTH]
        total = sum(modes) if busy[0] == busy[0] else NAN
        return [busy[0], *fixed, *map(truediv, modes, repeat(total)), *busy[1:]]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._base.forget()

    def _learn(self, data: bytes) -> Plan:
        """Cores came or went: what is known of the ones before says nothing of them."""
        names = [line.split(None, 1)[0] for line in data.splitlines() if line.startswith(b"cpu")]
        self._base.forget()
        cores = (name[3:].decode() for name in names[1:])
        keys = (SeriesKey("system.cpu.core.utilization", (("cpu", core),)) for core in cores)
        self.layout = kept_layout(self.layout, (*_FIXED, *keys))
        # The line of all cores is wanted twice: in seconds, and, like those of each core, in ticks.
        seconds = Row(b"cpu ", _COLUMNS, (1.0 / os.sysconf("SC_CLK_TCK"),) * _WIDTH)
        return plan_for(data, (*_BEHIND, seconds, *(Row(name + b" ", _COLUMNS) for name in names)))


def _busy(ticks: list[float], risen: list[float]) -> list[float]:
    """The busy share of each row; NaN where too few ticks passed, or time went back as it does after a suspend."""
    shares = []
    for at in range(0, len(ticks), _WIDTH):
        end = at + _WIDTH
        if sum(ticks[at:end]) < _MIN_TICKS:
            shares.append(NAN)
        else:
            shares.append(1.0 - (risen[at + _IDLE] + risen[at + _IOWAIT]) / sum(risen[at:end]))
    return shares
