"""The memory room as a part of the system: made with it where memory is watched, and elsewhere when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.system.once import LatePart

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Clock
    from tocsin.config import AlertConfig
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import EvidenceFound, Want
    from tocsin.model.memory import HeapSnapshot, MemoryReport
    from tocsin.sensors.protocol import Sensor
    from tocsin.system.memory.baseline import Difference
    from tocsin.system.memory.room import MemoryRoom


class MemoryPart(LatePart["MemoryRoom"]):
    """A part of the system, of which nothing is loaded while nobody needs it.

    Args:
        config: the settings of memory, the components, and what looking may cost.
        clock: tells when something is asked from outside.
        wanted: whether this system watches its own process at all.
        limit_bytes: the memory that the process may use, asked at each look; None: not known.
    """

    name = "tocsin-memory"

    def __init__(
        self, config: AlertConfig, clock: Clock, *, wanted: bool, limit_bytes: Callable[[], float | None]
    ) -> None:
        super().__init__(config, self._make_room)
        self._clock = clock
        self._wanted = wanted
        self._limit_bytes = limit_bytes
        if wanted and config.memory_settings.enabled:
            self._room()

    @property
    def enabled(self) -> bool:
        """Whether memory is watched."""
        return self._room.made is not None and self._room.made.enabled

    def sensors(self) -> list[Sensor]:
        """What the monitor reads."""
        return [self.room.sensor()] if self.enabled else []

    def last_report(self) -> MemoryReport | None:
        """The report of the last look; None: there was none."""
        return None if self._room.made is None else self._room.made.last_report()

    def compared(self) -> tuple[HeapSnapshot, Difference | None]:
        """The heap as of the last look, and what it has gained since the program had warmed up."""
        return self.room.compared()

    def proof(self, want: Want, alert: PerformanceAlert | None) -> EvidenceFound | None:
        """What proves an alert on memory; None where it is not ours, or nothing is known."""
        return None if self._room.made is None else self._room.made.proof(want, alert)

    def _make_room(self) -> MemoryRoom:
        from tocsin.system.memory.room import MemoryRoom  # noqa: PLC0415 - only where memory is looked at

        return MemoryRoom(self._config, self._clock, wanted=self._wanted, limit_bytes=self._limit_bytes)
