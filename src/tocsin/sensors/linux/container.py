"""What a container may use, what it uses, and what was taken from it: from cgroups of both versions.

The numbers of the machine stand below `system.`; these have names of their own, below `container.`. A limit counts
wherever in the chain of groups it is set, and what it did is read where the kernel counts it: a kill in the group of
the victim, throttling in the group that holds the quota.
"""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.cgroup import Group, GroupFinder, Groups
from tocsin.sensors.linux.container_cpu import CpuPart
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.pressure import KINDS, RESOURCES, pressure_file, pressure_keys
from tocsin.sensors.linux.quick import Base, Quick
from tocsin.sensors.protocol import NAN, Tier, kept_layout

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

OWN: Final = (("level", "own"),)
ANCESTORS: Final = (("level", "ancestors"),)
_UNLIMITED_EVERY_S: Final = 9.5
_NO_GROUP: Final = "in no control group that is visible: the machine is the limit"


class _Part(Protocol):
    """What is read together; the layout stands for as long as the groups do.

    Attributes:
        until_s: up to then (monotonic seconds) the next readings will be those of the last one, whatever happens.
    """

    layout: Layout

    @property
    def until_s(self) -> float:
        """See above."""
        ...

    def read(self, now: Instant) -> list[float]:
        """One number for each series of the layout."""
        ...

    def close(self) -> None:
        """Give files back."""
        ...


class ContainerSensor:
    """The groups of the own process, or of another by its pid.

    Which groups these are, and their limits, is looked up at the start, every 60 s and after a fork; in between, only
    what counts is read, from kept descriptors.

    Args:
        pid: the process; None for the own one.
        proc: where /proc is.
        finder: finds the groups; shared with whoever asks for the same.
    """

    tier: Final = Tier.CORE

    def __init__(self, pid: int | None = None, proc: Path = Path("/proc"), finder: GroupFinder | None = None) -> None:
        self.name = "container" if pid is None else f"container.{pid}"
        self.layout: Layout = ()
        self.remark = ""
        self._pid = pid
        self._finder = finder or GroupFinder(proc, pid)
        self._groups: Groups | None = None
        self._parts: list[_Part] = []
        self._base = Base()
        self.quick = Quick("same", (), self._base)

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        groups = self._finder.groups(now.mono_s)
        if groups is not self._groups:
            self._open(groups)
        found = [value for part in self._parts for value in part.read(now)]
        until_s = min(self._finder.until_s, *(part.until_s for part in self._parts))
        self._base.keep(found, now.mono_s, len(found), until_s)
        return found

    def close(self) -> None:
        """See `Sensor.close`."""
        for part in self._parts:
            part.close()
        self._finder.forget()
        self._base.forget()
        self._groups = None

    def _open(self, groups: Groups) -> None:
        old, self._parts = self._parts, []
        self._parts.append(CpuPart(groups, self._pid, old=next((one for one in old if isinstance(one, CpuPart)), None)))
        if groups.memory:
            self._parts.append(_MemoryPart(groups.memory))
        if groups.pressure:
            self._parts.append(_PressurePart(groups.pressure[0]))
        for part in old:
            part.close()
        self.layout = kept_layout(self.layout, (key for part in self._parts for key in part.layout))
        self.remark = "" if any(groups) else _NO_GROUP
        self._groups = groups


class _MemoryFiles:
    """The files of one group that tell of its memory."""

    def __init__(self, group: Group) -> None:
        second = group.version == 2
        folder = group.folder
        self.limit = group.memory_limit_bytes()
        self.is_own = group.is_own
        self.is_hierarchical = second  # the kills in the groups below are counted here too
        self._usage = _number_file(folder / ("memory.current" if second else "memory.usage_in_bytes"), b"")
        cache = b"inactive_file " if second else b"total_inactive_file "
        self._stat = _number_file(folder / "memory.stat", cache)
        self._events = _number_file(folder / ("memory.events" if second else "memory.oom_control"), b"oom_kill ")

    def usage(self) -> float:
        """Bytes in use, without the cache that is given back first."""
        (usage,), (cache,) = self._usage.numbers(), self._stat.numbers()
        return max(usage - cache, 0.0) if cache == cache else usage  # noqa: PLR0124 - NaN: there is no such line

    def kills(self) -> float:
        """Processes killed for want of memory; NaN where the kernel does not tell (before 4.13)."""
        try:
            return self._events.numbers()[0]
        except SampleError:
            return NAN

    def close(self) -> None:
        """Give the files back."""
        for file in (self._usage, self._stat, self._events):
            file.close()


class _MemoryPart:
    """Memory of the own group, and how near any group of the chain is to its limit."""

    def __init__(self, groups: tuple[Group, ...]) -> None:
        files = [_MemoryFiles(group) for group in groups]
        self._own = files[0]
        self._above = [one for one in files[1:] if one.limit is not None and not one.is_own]
        self._limited = [one for one in files if one.limit is not None]
        limits = [one.limit for one in self._limited if one.limit is not None]
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        # A limit beyond the machine's memory limits nothing.
        self._limit = float(min(limits)) if limits and min(limits) < machine else None
        self._read_s = self.until_s = -_UNLIMITED_EVERY_S
        self.layout: Layout = (
            SeriesKey("container.memory.usage"),
            SeriesKey("container.memory.oom_kills", OWN),
            *((SeriesKey("container.memory.oom_kills", ANCESTORS),) if self._above else ()),
            *((SeriesKey("container.memory.limit"), SeriesKey("container.memory.utilization")) if self._limit else ()),
        )

    def read(self, now: Instant) -> list[float]:
        """See `_Part.read`."""
        if not self._limited:
            # Nothing presses: that is worth a look in ten intervals. What is absent in between is no reading.
            if now.mono_s - self._read_s < _UNLIMITED_EVERY_S:
                self.until_s = self._read_s + _UNLIMITED_EVERY_S
                return [NAN, NAN]
            self._read_s = now.mono_s
            self.until_s = -math.inf
        usage, kills = self._own.usage(), self._own.kills()
        values = [usage, kills]
        if self._above:
            values.append(self._kills_above(kills))
        if self._limit:
            shares = [(usage if one is self._own else one.usage()) / (one.limit or NAN) for one in self._limited]
            values += (self._limit, max(shares))
        return values

    def close(self) -> None:
        """See `_Part.close`."""
        for one in {self._own, *self._above, *self._limited}:
            one.close()

    def _kills_above(self, own: float) -> float:
        """Version 2 counts what happened below, so the uppermost knows all; version 1 counts for each group alone."""
        first = sum(one.kills() for one in self._above if not one.is_hierarchical)
        second = [one for one in self._above if one.is_hierarchical]
        if not second:
            return first
        below = own if self._own.is_hierarchical else 0.0
        return first + max(second[-1].kills() - below, 0.0)


class _PressurePart:
    """Pressure in the own group, for the resources and kinds that the kernel tells of."""

    until_s: Final = -math.inf

    def __init__(self, group: Group) -> None:
        self._files: list[tuple[NumberFile, int]] = []
        self.layout: Layout = ()
        for resource in RESOURCES:
            kinds = _kinds_there(pressure_file(group.folder / f"{resource}.pressure", KINDS))
            if not kinds:
                continue  # switched off for this group, or a kernel without it
            file = pressure_file(group.folder / f"{resource}.pressure", kinds)
            keys = tuple(key for kind in kinds for key in pressure_keys("container", resource, kind))
            self._files.append((file, len(keys)))
            self.layout += keys

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the shape of a part
        """See `_Part.read`."""
        values: list[float] = []
        for file, width in self._files:
            try:
                values += file.numbers()
            except SampleError:
                values += [NAN] * width  # it can be switched off at any time
        return values

    def close(self) -> None:
        """See `_Part.close`."""
        for file, _ in self._files:
            file.close()


def _kinds_there(file: NumberFile) -> tuple[str, ...]:
    """The kinds that a file of pressure tells of."""
    try:
        found = file.numbers()
    except SampleError:
        return ()
    finally:
        file.close()
    return tuple(kind for kind, first in zip(KINDS, found[::2], strict=True) if first == first)  # noqa: PLR0124 - NaN


def _number_file(path: Path, prefix: bytes) -> NumberFile:
    return NumberFile(path, partial(plan_for, rows=(Row(prefix),)))
