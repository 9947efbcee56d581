"""What the record of a run asks of its system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tocsin.engine import Engine
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.memory import MemoryReport
    from tocsin.model.readings import SeriesKey
    from tocsin.system.latest import Latest
    from tocsin.system.memory.part import MemoryPart
    from tocsin.system.records.recording import Recording


class Core(Protocol):
    """The parts of a system that are asked."""

    @property
    def engine(self) -> Engine:
        """The pipeline."""
        ...

    latest: Latest
    recorder: Recording
    memory: MemoryPart


class RunHost:
    """See `Facts`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def folder(self) -> Path | None:
        """Where this process may write."""
        return self._core.recorder.folder

    def latest(self, keys: frozenset[SeriesKey]) -> Mapping[SeriesKey, float]:
        """The last reading of each of these series."""
        return {key: value for key in keys if (value := self._core.latest.of(key)) is not None}

    def open_alerts(self) -> Iterable[PerformanceAlert]:
        """What is open."""
        return self._core.engine.book.open_alerts()

    def memory_report(self) -> MemoryReport | None:
        """As of the last look."""
        return self._core.memory.last_report()
