"""When nothing is begun, and when what runs has to stop: a program that is dying is left alone."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.artifacts.store import free_bytes_of
from tocsin.memory.process import rss_bytes
from tocsin.model.action import Action, ActionKind
from tocsin.model.units import format_value

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tocsin.model.readings import SeriesKey

POLL_S: Final = 0.05
# The ceilings and the disk are asked less often than whether it is over.
LOOK_EVERY_S: Final = 0.25
_CPU: Final = ("system.cpu.utilization", "container.cpu.utilization")
_MEMORY: Final = ("container.memory.utilization", "system.memory.utilization", "process.memory.utilization")


class Limits(NamedTuple):
    """What an action may use.

    Attributes:
        deadline_s: seconds that it may take; `stacks` has its own time beside.
        growth_bytes: memory that it may take.
        max_cpu: share of the CPU, 0 to 1, above which nothing is begun.
        max_memory: share of memory, 0 to 1, above which nothing is begun, and what runs is stopped.
        min_free_bytes: free space on the disk below which the same holds.
    """

    deadline_s: float = 30.0
    growth_bytes: int = 256_000_000
    max_cpu: float = 0.95
    max_memory: float = 0.95
    min_free_bytes: int = 512 * 2**20


class Ceilings:
    """Looks at CPU, memory and disk.

    Args:
        limits: what an action may use.
        latest: the last reading of each series.
        folder: whose disk must keep free space; None: there is none.
        free_bytes: what is free on the disk of a folder.
    """

    def __init__(
        self,
        limits: Limits,
        latest: Callable[[], Mapping[SeriesKey, float]],
        folder: Path | None,
        *,
        free_bytes: Callable[[str], int] | None = None,
    ) -> None:
        self.limits = limits
        self._latest = latest
        self._folder = folder
        self._free_bytes = free_bytes or free_bytes_of

    def why_not(self, action: Action) -> str:
        """Why an action is not begun now; empty where it may be.

        Stacks are taken at any load of the CPU: they cost next to nothing, and such a load is what they are for.
        """
        readings = self._by_metric()
        if action.kind is not ActionKind.STACKS:
            why = _above("CPU", _CPU, readings, self.limits.max_cpu)
            if why:
                return why
        return self._why_full(readings)

    def why_stop(self) -> str:
        """Why what runs has to stop now; empty where it may go on."""
        return self._why_full(self._by_metric())

    def _why_full(self, readings: Mapping[str, float]) -> str:
        why = _above("memory", _MEMORY, readings, self.limits.max_memory)
        return why or self._why_no_room()

    def _why_no_room(self) -> str:
        """Why there is too little room on the disk of the state directory."""
        folder = next((path for path in _upwards(self._folder) if path.is_dir()), None)
        if folder is None:
            return ""
        try:
            free = self._free_bytes(os.fspath(folder))
        except OSError as error:
            return f"the free space of {folder} is not known: {error.strerror or error}"
        if free >= self.limits.min_free_bytes:
            return ""
        least = format_value(float(self.limits.min_free_bytes), "By")
        return f"only {format_value(float(free), 'By')} are free on the disk, and {least} are to stay free"

    def _by_metric(self) -> dict[str, float]:
        """The highest reading of each metric."""
        wanted = {*_CPU, *_MEMORY}
        found: dict[str, float] = {}
        for key, value in self._latest().items():
            if key.metric in wanted and value == value:  # noqa: PLR0124 - NaN: nothing was measured
                found[key.metric] = max(found.get(key.metric, 0.0), value)
        return found


def _upwards(folder: Path | None) -> Iterable[Path]:
    return () if folder is None else (folder, *folder.parents)


def _above(what: str, metrics: Iterable[str], readings: Mapping[str, float], ceiling: float) -> str:
    for metric in metrics:
        value = readings.get(metric)
        if value is not None and value > ceiling:
            found, most = format_value(value, "1"), format_value(ceiling, "1")
            return f"{what} is at {found} ({metric}), and above {most} nothing is done"
    return ""


class Guard:
    """Watches over one action while it runs.

    Args:
        ceilings: above which it has to stop.
        ending: set when the program's watch ends.
        deadline_s: seconds that it may take.
        grown: bytes of memory it has taken, given what there was; by default those of this process.
    """

    def __init__(
        self,
        ceilings: Ceilings,
        ending: threading.Event,
        deadline_s: float,
        *,
        grown: Callable[[], float | None] | None = None,
    ) -> None:
        self._ceilings = ceilings
        self._ending = ending
        self._deadline_s = deadline_s
        self._began_s = time.perf_counter()
        self._look_s = self._began_s + LOOK_EVERY_S
        self._rss = rss_bytes() or 0
        self.grown = grown or self._own_growth

    def why_stop(self) -> str:
        """Why it has to stop; empty where it may go on. Cheap enough to be asked twenty times a second."""
        now_s = time.perf_counter()
        if self._ending.is_set():
            return "the watch of this program ended"
        if now_s - self._began_s >= self._deadline_s:
            return f"it took more than {format_value(self._deadline_s, 's')}"
        grown, most = self.grown(), self._ceilings.limits.growth_bytes
        if grown is not None and grown > most:
            return f"it took {format_value(grown, 'By')} of memory, more than {format_value(float(most), 'By')}"
        if now_s < self._look_s:
            return ""
        self._look_s = now_s + LOOK_EVERY_S
        return self._ceilings.why_stop()

    def _own_growth(self) -> float | None:
        rss = rss_bytes()
        return None if rss is None else float(rss - self._rss)
