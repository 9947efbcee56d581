"""The self-budget is met by reading the dearest sensors less often, and it says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tocsin import PerformanceMonitor, VirtualClock
from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant


class BusySensor:
    """Burns CPU at each reading.

    Args:
        name: the sensor's name.
        cpu_s: how much.
    """

    def __init__(self, name: str, cpu_s: float, tier: Tier = Tier.CORE) -> None:
        self.name = name
        self.tier = tier
        self.layout = (SeriesKey(name),)
        self.cpu_s = cpu_s
        self.reads = 0

    def read(self, now: Instant) -> list[float]:
        self.reads += 1
        end_s = time.thread_time() + self.cpu_s
        while time.thread_time() < end_s:
            pass
        return [1.0]

    def close(self) -> None:
        """Nothing is kept open."""


def watch(monitor: PerformanceMonitor, clock: VirtualClock, seconds: int, *, relaxed: bool = False) -> None:
    for _ in range(seconds):
        clock.advance(1.0)
        monitor.collect(clock.now(), 1.0, relaxed=relaxed)


def test_the_dearest_sensor_is_slowed_until_the_budget_holds_and_its_health_says_so() -> None:
    clock = VirtualClock()
    dear, cheap = BusySensor("dear", 0.01), BusySensor("cheap", 0.0)
    monitor = PerformanceMonitor([dear, cheap], clock=clock, self_budget=0.003)
    watch(monitor, clock, 60)
    before = dear.reads
    watch(monitor, clock, 60)
    assert dear.reads - before <= 30, "10 ms a second are 1 %, of which 0.3 % may be used"
    assert cheap.reads == 120
    health = {one.name: one.reason for one in monitor.health()}
    assert "times less often" in health["dear"]
    assert health["cheap"] == ""


def test_a_sensor_that_became_cheap_gets_its_pace_back() -> None:
    clock = VirtualClock()
    dear = BusySensor("dear", 0.01)
    monitor = PerformanceMonitor([dear], clock=clock, self_budget=0.003)
    watch(monitor, clock, 60)
    dear.cpu_s = 0.0
    watch(monitor, clock, 600)
    before = dear.reads
    watch(monitor, clock, 20)
    assert dear.reads - before == 20


def test_within_the_budget_nothing_is_slowed() -> None:
    clock = VirtualClock()
    sensor = BusySensor("dear", 0.001)
    monitor = PerformanceMonitor([sensor], clock=clock, self_budget=0.5)
    watch(monitor, clock, 60)
    assert sensor.reads == 60


def test_in_quiet_times_slow_tiers_take_twice_their_time_and_the_core_never() -> None:
    clock = VirtualClock()
    core, slow = BusySensor("core", 0.0), BusySensor("slow", 0.0, Tier.SLOW)
    monitor = PerformanceMonitor([core, slow], clock=clock)
    watch(monitor, clock, 100)
    assert (core.reads, slow.reads) == (100, 10)
    watch(monitor, clock, 100, relaxed=True)
    assert (core.reads, slow.reads) == (200, 15)
