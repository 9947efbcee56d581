"""How the room of actions reaches the system it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.clock import Instant
    from tocsin.engine import Engine
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Input
    from tocsin.model.memory import HeapSnapshot
    from tocsin.model.readings import SeriesKey
    from tocsin.sensors.runtime.stacks import StackRing
    from tocsin.system.memory.baseline import Difference
    from tocsin.system.memory.part import MemoryPart
    from tocsin.system.records.recording import Recording
    from tocsin.system.sensing import Sensing
    from tocsin.system.stepping.stepper import Stepper


class Core(Protocol):
    """The parts of a system that are asked; they may be made later than whoever asks."""

    @property
    def engine(self) -> Engine:
        """The pipeline."""
        ...

    stepper: Stepper
    recorder: Recording
    sensing: Sensing
    memory: MemoryPart


class ActingHost:
    """A system as its room of actions sees it; see `Host`. All of it may be asked from any thread.

    Args:
        core: the system.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def find_alert(self, alert_id: str) -> PerformanceAlert | None:
        """An alert by its id."""
        return self._core.engine.book.find(alert_id)

    def hand_in(self, work: Callable[[Instant], Sequence[Input]]) -> object:
        """Step with what `work` makes, soon; at once, where no watch thread does."""
        return self._core.stepper.post(work)

    def readings(self) -> Mapping[SeriesKey, float]:
        """The last reading of each series."""
        return {series.key: series.latest() for series in tuple(self._core.engine.series.values())}

    def settle(self, timeout_s: float) -> object:
        """Wait until all that was recorded is on disk; while the disk fails, or there is none, there is no waiting."""
        return "" if self._core.recorder.reason else self._core.recorder.sync(timeout_s)

    def past_stacks(self) -> StackRing:
        """The stacks of late."""
        return self._core.sensing.runtime.witness.stacks

    def load_heap(self) -> None:
        """Load what looks at the heap; where memory is watched it is there already."""
        self._core.memory.room.load()

    def compared_heap(self) -> tuple[HeapSnapshot, Difference | None]:
        """The heap, and what it has gained since the program had warmed up."""
        return self._core.memory.compared()
