"""The program's own buffers, of which nothing is loaded until the program names the first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from tocsin.sensors.protocol import Tier
from tocsin.system.once import Once

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout
    from tocsin.sensors.buffers import BufferManager, BufferSensor


class Buffers:
    """A sensor that reads nothing before there is a manager, and whatever that one watches from then on.

    Args:
        budget_bytes: bytes that may be leased at once; with a budget the manager is made at once.
    """

    name: Final = "program.buffers"
    tier: Final = Tier.CORE

    def __init__(self, budget_bytes: float | None) -> None:
        self.layout: Layout = ()
        self._both = Once(partial(_make, budget_bytes))
        if budget_bytes is not None:
            self._both()

    @property
    def manager(self) -> BufferManager:
        """Watches containers; made at first use."""
        return self._both()[0]

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        if self._both.made is None:
            return []
        _, sensor = self._both.made
        values = sensor.read(now)
        self.layout = sensor.layout
        return values

    def close(self) -> None:
        """Nothing is kept open."""


def _make(budget_bytes: float | None) -> tuple[BufferManager, BufferSensor]:
    from tocsin.sensors.buffers import BufferManager, BufferSensor  # noqa: PLC0415 - few programs use them

    manager = BufferManager(budget_bytes)
    return manager, BufferSensor(manager)
