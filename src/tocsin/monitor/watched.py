"""One sensor under a monitor's care."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SensorHealth
from tocsin.sensors.protocol import AbsentSensor, Tier

if TYPE_CHECKING:
    from tocsin.model.readings import Layout
    from tocsin.sensors.protocol import Sensor

OK: Final = "ok"
SET_ASIDE: Final = "set aside"
ABSENT: Final = "absent"


class WatchedSensor:
    """A sensor, how it does and what it costs.

    Attributes:
        read: the sensor's own.
        nothing: what stands in place of its readings when there are none: NaN for each series.
        cost_s: CPU seconds of one reading, as a mean of the last ones.
        stretch: how many times its tier's interval passes between two readings; 1 while the self-budget holds.
    """

    __slots__ = (
        "cost_s", "failures", "ids", "last_read_s", "layout", "nothing", "read", "reason", "retry_at_s", "sensor",
        "stretch",
    )  # fmt: skip

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.read = sensor.read
        self.layout: Layout | None = None
        self.ids: tuple[int, ...] = ()
        self.nothing: list[float] = []
        self.last_read_s = -math.inf
        self.failures = 0
        self.retry_at_s = 0.0
        self.reason = ""
        self.cost_s = 0.0
        self.stretch = 1.0

    def due_s(self, interval_s: float, ease: float) -> float:
        """When it is time to read it, or to try it again; monotonic seconds.

        Args:
            interval_s: seconds between two passes in calm times.
            ease: how much slower the slow tiers may be now.
        """
        if self.failures:
            return self.retry_at_s
        tier = self.sensor.tier
        passes = self.stretch if tier == Tier.CORE else tier * self.stretch * ease
        # Half an interval of grace, so that a pass that comes a little early does not put a reading off by a whole one.
        return self.last_read_s + (passes - 0.5) * interval_s if passes > 1.0 else -math.inf

    def cost_per_second(self, interval_s: float) -> float:
        """The share of a core that it takes at its present pace."""
        return self.cost_s / (self.sensor.tier * self.stretch * interval_s)

    def health(self, mono_s: float) -> SensorHealth:
        sensor = self.sensor
        if isinstance(sensor, AbsentSensor):
            return SensorHealth(sensor.name, ABSENT, sensor.reason)
        if not self.failures:
            return SensorHealth(sensor.name, OK, self._remark())
        retry_in_s = max(self.retry_at_s - mono_s, 0.0)
        return SensorHealth(sensor.name, SET_ASIDE, self.reason, self.failures, retry_in_s)

    def _remark(self) -> str:
        remark: str = getattr(self.sensor, "remark", "")
        if self.stretch <= 1.0:
            return remark
        slowed = f"read {self.stretch:g} times less often: a reading costs {self.cost_s * 1000:.1f} ms of CPU"
        return f"{remark}; {slowed}" if remark else slowed
