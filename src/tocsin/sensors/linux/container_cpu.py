"""CPU time of a container: what it may use, what it used, and for how long a quota stopped it."""

from __future__ import annotations

import math
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.protocol import NAN

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.model.readings import Labels, Layout
    from tocsin.sensors.linux.cgroup import Group, Groups

_MIN_INTERVAL_S: Final = 0.05


class _Throttling:
    """Periods, those of them in which a quota stopped the group, and the seconds that cost."""

    def __init__(self, group: Group) -> None:
        self.folder = group.folder
        second = group.version == 2
        cost, unit = (b"throttled_usec ", 1e-6) if second else (b"throttled_time ", 1e-9)
        usage = Row(b"usage_usec ", units=(1e-6,))
        rows = (Row(b"nr_periods "), Row(b"nr_throttled "), Row(cost, units=(unit,)), usage)
        self._file = NumberFile(group.folder / "cpu.stat", partial(plan_for, rows=rows))
        self.usage_s = NAN

    def read(self) -> tuple[float, float, float]:
        """What was counted since the group was made; NaN for what it does not tell."""
        periods, throttled, cost_s, self.usage_s = self._file.numbers()
        return periods, throttled, cost_s

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class _Base:
    """The readings before, from which the next ones are counted."""

    def __init__(self) -> None:
        self.counted: dict[Path, tuple[float, float]] = {}
        self.used: tuple[float, float] | None = None


class CpuPart:
    """The limit of CPU time, and what came of it.

    Args:
        groups: of the process.
        pid: the process; None for the own one.
        old: the part before, whose readings are the base of the next ones.
    """

    def __init__(self, groups: Groups, pid: int | None, *, old: CpuPart | None = None) -> None:
        bound_to = len(os.sched_getaffinity(pid or 0))
        self._limit = min(float(bound_to), groups.cpu_limit() or float(bound_to))
        own = next((group for group in groups.cpu if group.is_own), None)
        self._own = None if own is None else _Throttling(own)
        self._above = [_Throttling(group) for group in groups.cpu if not group.is_own and group.cpu_limit() is not None]
        # Version 1 counts in a hierarchy of its own; version 2 in the file that tells of throttling.
        counting = next((group for group in groups.usage if group.is_own), None)
        self._in_stat = counting is not None and own is not None and counting.folder == own.folder and own.version == 2
        self._usage: NumberFile | _Throttling | None = None
        if counting is not None and not self._in_stat:
            first = counting.version == 1
            self._usage = _nanoseconds(counting.folder / "cpuacct.usage") if first else _Throttling(counting)
        self._has_usage = counting is not None
        self._base = _Base() if old is None else old.hand_over()
        # Where nothing is counted, the limit is all there is to say.
        counts = self._has_usage or self._own is not None or self._above
        self.until_s = -math.inf if counts else math.inf
        self.layout: Layout = (
            SeriesKey("container.cpu.limit"),
            *((SeriesKey("container.cpu.time"), SeriesKey("container.cpu.utilization")) if self._has_usage else ()),
            *(_level("own") if self._own else ()),
            *(_level("ancestors") if self._above else ()),
            *((SeriesKey("container.cpu.throttled.utilization"),) if self._own or self._above else ()),
        )

    def read(self, now: Instant) -> list[float]:
        """One number for each series of the layout."""
        throttling: list[float] = []
        shares: list[float] = []
        if self._own is not None:
            throttling += self._counted(self._own, shares)
        if self._above:
            rows = [self._counted(one, shares) for one in self._above]
            throttling += map(sum, zip(*rows, strict=True))
        values = [self._limit]
        if self._has_usage:
            used_s = self._used_s()
            values += (used_s, self._utilization(used_s, now.mono_s))
        values += throttling
        if throttling:
            values.append(max(shares, default=NAN))
        return values

    def hand_over(self) -> _Base:
        """The readings before, for the part that takes this one's place."""
        return self._base

    def close(self) -> None:
        """Give files back."""
        for one in (self._own, self._usage, *self._above):
            if one is not None:
                one.close()

    def _counted(self, one: _Throttling, shares: list[float]) -> tuple[float, float, float]:
        """The counts of one group; its share of periods that were cut short goes to `shares`, if there were any."""
        counts = one.read()
        periods, throttled, _ = counts
        before = self._base.counted.get(one.folder)
        if before is not None and periods > before[0] and throttled >= before[1]:
            shares.append(min((throttled - before[1]) / (periods - before[0]), 1.0))
        self._base.counted[one.folder] = (periods, throttled)
        return counts

    def _used_s(self) -> float:
        if self._in_stat and self._own is not None:
            return self._own.usage_s
        if isinstance(self._usage, _Throttling):
            self._usage.read()
            return self._usage.usage_s
        return NAN if self._usage is None else self._usage.numbers()[0]

    def _utilization(self, used_s: float, mono_s: float) -> float:
        """The share of the limit used since the reading before; NaN at the first, too soon, or after a fall."""
        before = self._base.used
        if before is not None and mono_s - before[1] < _MIN_INTERVAL_S:
            return NAN  # the base stays, so that time adds up to something
        self._base.used = (used_s, mono_s)
        if before is None or used_s < before[0]:
            return NAN
        return (used_s - before[0]) / (mono_s - before[1]) / self._limit


def _nanoseconds(path: Path) -> NumberFile:
    return NumberFile(path, partial(plan_for, rows=(Row(b"", units=(1e-9,)),)))


def _level(level: str) -> Layout:
    labels: Labels = (("level", level),)
    return (
        SeriesKey("container.cpu.periods", labels),
        SeriesKey("container.cpu.throttled_periods", labels),
        SeriesKey("container.cpu.throttled_time", labels),
    )
