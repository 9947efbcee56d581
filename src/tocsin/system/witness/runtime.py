"""The interpreter under watch: the sensors that look at it, and the witness of what its threads do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.sensors.choose import runtime_sensors
from tocsin.sensors.runtime.gc import GcSensor
from tocsin.sensors.runtime.gil import WakeupProbe
from tocsin.system.witness.evidence import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.model.readings import SeriesKey
    from tocsin.sensors.eventloop import EventLoopSensor
    from tocsin.sensors.protocol import Sensor
    from tocsin.sensors.runtime.gc import GcPause


class Runtime:
    """A part of the system: it needs no thread, and lets go of the interpreter when the system ends.

    Args:
        loops: the sensor of event loops.
        latest: the last reading of each series.

    Attributes:
        probe: for the watch thread, around its sleep.
        witness: for each pass, and when an alert wants a proof.
    """

    name = "tocsin-runtime"

    def __init__(self, loops: EventLoopSensor, latest: Callable[[], Mapping[SeriesKey, float]]) -> None:
        self.probe = WakeupProbe()
        self._gc = GcSensor()
        self._loops = loops
        self.witness = Witness(loops, gc_pauses=self._gc.biggest, latest=latest)

    def sensors(self) -> list[Sensor]:
        """What is to be read."""
        return runtime_sensors(self._gc, self.probe, self._loops.loops)

    def pauses(self, since_s: float) -> list[GcPause]:
        """The longest garbage collections since a moment by `time.perf_counter`, longest first."""
        return self._gc.biggest(since_s)

    def begin(self) -> None:
        """Nothing: each sensor begins when it is first read."""

    def end(self, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        """Time no collections any more, and forget all stacks."""
        self.after_fork()
        return True

    def is_alive(self) -> bool:
        """Always: there is nothing that could die."""
        return True

    def after_fork(self) -> None:
        """In the child the threads are others, and nobody watches yet."""
        self._gc.close()
        self.probe.close()
        self.witness.forget()
