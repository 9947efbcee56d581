"""The buffers and leases of a manager as series."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import Layout, SeriesKey
from tocsin.sensors.protocol import Tier, kept_layout

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.sensors.buffers.manager import BufferManager

# For so long a loss counts as present; then the alert of it is over.
LOSS_S: Final = 300.0
_MAX_LOSSES: Final = 10_000

_LEASES: Final = tuple(SeriesKey(f"tocsin.buffer.leases.{name}") for name in ("usage", "open", "waiting", "refused"))
_FAILED: Final = SeriesKey("tocsin.buffer.callbacks.failed")


class BufferSensor:
    """Reads how full buffers are, how full they were, and what became of leases.

    Args:
        manager: whose.
    """

    name: Final = "program.buffers"
    tier: Final = Tier.CORE

    def __init__(self, manager: BufferManager) -> None:
        self.layout: Layout = ()
        self._manager = manager
        self._losses: deque[tuple[float, str]] = deque(maxlen=_MAX_LOSSES)

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`. Of leases nothing is read until the first was asked for."""
        if not self.layout and self._manager.is_unused():
            return []
        found = self._manager.measure()
        high = self._manager.high_water
        keys = [SeriesKey("tocsin.buffer.utilization", (("buffer", usage.name),)) for usage in found]
        keys += [SeriesKey("tocsin.buffer.high_water", (("buffer", usage.name),)) for usage in found]
        values = [usage.utilization for usage in found] + [high.get(usage.name, 0.0) for usage in found]
        budget = self._manager.leases.budget
        if budget.capacity is not None or budget.high_water:
            keys += [*_LEASES, _FAILED]
            counts = (budget.used, budget.open, budget.waiting, budget.refused, self._manager.pressure_failures)
            values += map(float, counts)
            lost = self._lost(now.mono_s)
            keys += [SeriesKey("tocsin.buffer.leases.lost", (("taken_at", place),)) for place in lost]
            values += map(float, lost.values())
        self.layout = kept_layout(self.layout, keys)
        return values

    def close(self) -> None:
        """Nothing is kept open."""

    def _lost(self, now_s: float) -> dict[str, int]:
        """How many leases of each place were lost lately; every place that ever lost one stands there."""
        desk = self._manager.leases
        self._losses.extend((now_s, place) for place in desk.fresh_losses())
        while self._losses and now_s - self._losses[0][0] > LOSS_S:
            self._losses.popleft()
        recent = Counter(place for _, place in self._losses)
        return {place: recent[place] for place in desk.lost}
