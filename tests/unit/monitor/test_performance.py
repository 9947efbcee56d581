from __future__ import annotations

import itertools
import math
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tocsin.clock import VirtualClock
from tocsin.errors import ConfigError, SampleError
from tocsin.model.readings import Layout, SeriesKey
from tocsin.monitor import PerformanceMonitor
from tocsin.sensors.own import CallableSensor, OwnMetrics
from tocsin.sensors.protocol import AbsentSensor, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.monitor import Batch


class Fake:
    """A sensor that reads what the test says, and fails when it says so."""

    def __init__(self, name: str, tier: Tier = Tier.CORE, **values: float) -> None:
        self.name: Final = name
        self.tier = tier
        self.values: dict[str, float] = values or {"a": 1.0}
        self.layout: Layout = tuple(SeriesKey(key) for key in self.values)
        self.failure: BaseException | None = None
        self.reads = 0
        self.closed = 0

    def read(self, now: Instant) -> list[float]:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        if [key.metric for key in self.layout] != list(self.values):
            self.layout = tuple(SeriesKey(key) for key in self.values)
        return list(self.values.values())

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def collect(monitor: PerformanceMonitor, clock: VirtualClock) -> Batch:
    return monitor.collect(clock.now(), 1.0)


def named(monitor: PerformanceMonitor, batch: Batch) -> dict[str, float]:
    names = {number: key.metric for key, number in monitor._ids.items()}
    return {names[number]: value for number, value in zip(batch.ids, batch.values, strict=True)}


def test_series_are_numbered_once_and_told_once(clock: VirtualClock) -> None:
    monitor = PerformanceMonitor([Fake("x", a=1.0, b=2.0)])
    first, second = collect(monitor, clock), collect(monitor, clock)
    assert first.new_keys == [(0, SeriesKey("a")), (1, SeriesKey("b"))]
    assert second.new_keys == []
    assert first.ids == second.ids == [0, 1]
    assert second.values == [1.0, 2.0]


def test_what_was_not_measured_is_not_in_the_batch(clock: VirtualClock) -> None:
    monitor = PerformanceMonitor([Fake("x", a=math.nan, b=2.0, c=math.inf, d=-math.inf), Fake("y", e=1e308, f=1e308)])
    assert named(monitor, collect(monitor, clock)) == {"b": 2.0, "e": 1e308, "f": 1e308}


def test_slow_sensors_are_read_at_first_and_then_at_every_tenth_interval(clock: VirtualClock) -> None:
    slow, slowest = Fake("slow", Tier.SLOW), Fake("slowest", Tier.SLOWEST, b=1.0)
    monitor = PerformanceMonitor([slow, slowest])
    read_at = []
    for second in range(121):
        before = slow.reads
        collect(monitor, clock)
        if slow.reads > before:
            read_at.append(second)
        clock.advance(1.0)
    assert read_at == list(range(0, 121, 10))
    assert slowest.reads == 3


def test_a_pass_that_comes_a_little_early_does_not_put_a_slow_sensor_off(clock: VirtualClock) -> None:
    slow = Fake("slow", Tier.SLOW)
    monitor = PerformanceMonitor([slow])
    for _ in range(101):
        collect(monitor, clock)
        clock.advance(0.999)
    assert slow.reads == 11


def test_a_device_that_goes_and_comes_back_keeps_its_number(clock: VirtualClock) -> None:
    disk = Fake("disk", sda=1.0, sdb=2.0)
    monitor = PerformanceMonitor([disk])
    collect(monitor, clock)
    disk.values = {"sdb": 3.0}
    gone = collect(monitor, clock)
    assert (gone.ids, gone.values, gone.new_keys) == ([1], [3.0], [])
    disk.values = {"sdc": 5.0, "sda": 4.0}
    back = collect(monitor, clock)
    assert (back.ids, back.new_keys) == ([2, 0], [(2, SeriesKey("sdc"))])


def test_a_failing_sensor_is_set_aside_alone_and_says_why(clock: VirtualClock) -> None:
    bad, good = Fake("bad", a=1.0), Fake("good", b=2.0)
    monitor = PerformanceMonitor([bad, good])
    collect(monitor, clock)
    bad.failure = ValueError("no such thing")
    batch = collect(monitor, clock)
    assert named(monitor, batch) == {"b": 2.0}
    [change] = batch.health_changes
    assert change.series_ids == monitor.failed_series() == [0]
    assert change.health.state == "set aside"
    assert change.health.reason == "ValueError: no such thing"
    assert change.health.retry_in_s == 10.0
    assert [health.state for health in monitor.health()] == ["set aside", "ok"]
    assert bad.closed == 1


def test_a_sensor_that_wants_to_exit_is_set_aside_like_any_other(clock: VirtualClock) -> None:
    def leave() -> float:
        sys.exit("enough")

    monitor = PerformanceMonitor([CallableSensor(leave, name="leaving"), Fake("good", b=2.0)])
    assert named(monitor, collect(monitor, clock)) == {"b": 2.0}
    assert monitor.health()[0].reason == "SystemExit: enough"


def test_a_sensor_is_tried_again_after_ten_seconds_and_ever_more_seldom(clock: VirtualClock) -> None:
    bad = Fake("bad")
    bad.failure = OSError("gone")
    monitor = PerformanceMonitor([bad])
    tried_at = []
    for second in range(2600):
        before = bad.reads
        collect(monitor, clock)
        if bad.reads > before:
            tried_at.append(second)
        clock.advance(1.0)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tried_at)]
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_sensor_that_comes_back_is_told_once_and_starts_afresh(clock: VirtualClock) -> None:
    bad = Fake("bad")
    bad.failure = OSError("gone")
    monitor = PerformanceMonitor([bad])
    assert len(collect(monitor, clock).health_changes) == 1
    clock.advance(10)
    assert collect(monitor, clock).health_changes == []
    bad.failure = None
    clock.advance(20)
    batch = collect(monitor, clock)
    assert batch.values == [1.0]
    assert [change.health.state for change in batch.health_changes] == ["ok"]
    assert monitor.failed_series() == []
    bad.failure = OSError("gone again")
    assert collect(monitor, clock).health_changes[0].health.retry_in_s == 10.0


def test_a_sensor_that_never_read_anything_has_its_series_in_error(clock: VirtualClock) -> None:
    bad = Fake("bad", a=1.0, b=2.0)
    bad.failure = OSError("gone")
    monitor = PerformanceMonitor([bad])
    batch = collect(monitor, clock)
    assert batch.new_keys == [(0, SeriesKey("a")), (1, SeriesKey("b"))]
    assert monitor.failed_series() == [0, 1]


@pytest.mark.parametrize("readings", [[1.0], [1.0, 2.0, 3.0], ["x", "y"], None])
def test_a_sensor_that_breaks_its_word_is_set_aside(clock: VirtualClock, readings: object) -> None:
    class Liar(Fake):
        def read(self, now: Instant) -> list[float]:
            return readings  # type: ignore[return-value]

    monitor = PerformanceMonitor([Liar("liar", a=1.0, b=2.0)])
    assert collect(monitor, clock).values == []
    assert monitor.health()[0].state == "set aside"


def test_what_is_no_exception_passes(clock: VirtualClock) -> None:
    bad = Fake("bad")
    bad.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        collect(PerformanceMonitor([bad]), clock)


def test_the_report_reads_every_tier_and_leaves_out_what_is_absent(clock: VirtualClock) -> None:
    slow = Fake("slow", Tier.SLOWEST, a=1.0, b=math.nan)
    monitor = PerformanceMonitor([slow, AbsentSensor("host.disk", "no disks here")], clock=clock)
    monitor.read()
    report = monitor.read()
    assert slow.reads == 2
    assert report.values == {SeriesKey("a"): 1.0}
    assert report.get("a") == 1.0
    assert report.get("b") is None
    assert report.at_utc == "2026-01-01T00:00:00+00:00"
    assert [(health.name, health.state, health.reason) for health in report.sensors] == [
        ("slow", "ok", ""), ("host.disk", "absent", "no disks here"),
    ]  # fmt: skip


def test_this_machine_is_read_by_default() -> None:
    report = PerformanceMonitor().read()
    assert len(report.values) > 40
    assert report.get("process.memory.usage", {}) is not None
    assert {health.state for health in report.sensors} <= {"ok", "absent"}


def test_one_sensor_is_read_at_once_for_a_direct_check(clock: VirtualClock) -> None:
    slow, other = Fake("slow", Tier.SLOWEST, a=1.0, n=math.nan), Fake("other", b=1.0)
    monitor = PerformanceMonitor([slow, other])
    collect(monitor, clock)
    assert monitor.read_sensor("slow", clock.now()) == {SeriesKey("a"): 1.0}
    batch = monitor.collect_sensor("slow", clock.now())
    assert named(monitor, batch) == {"a": 1.0}
    assert (slow.reads, other.reads) == (3, 1)


def test_a_direct_check_of_a_failing_sensor_says_why_and_tries_even_if_it_is_set_aside(clock: VirtualClock) -> None:
    bad = Fake("bad")
    bad.failure = OSError("gone")
    monitor = PerformanceMonitor([bad])
    for _ in range(2):
        with pytest.raises(SampleError, match="'bad': OSError: gone"):
            monitor.read_sensor("bad", clock.now())
    with pytest.raises(SampleError, match="gone"):
        monitor.collect_sensor("bad", clock.now())
    bad.failure = None
    assert monitor.read_sensor("bad", clock.now()) == {SeriesKey("a"): 1.0}
    assert [change.health.state for change in collect(monitor, clock).health_changes] == ["set aside", "ok"]
    with pytest.raises(SampleError, match=r"there is no sensor 'unheard'.*bad"):
        monitor.read_sensor("unheard", clock.now())


def test_the_programs_own_metrics_come_along(clock: VirtualClock) -> None:
    own = OwnMetrics()
    monitor = PerformanceMonitor([Fake("x", a=1.0)], own=own)
    own.record("orders", 5)
    own.record("orders", 6)
    batch = collect(monitor, clock)
    assert batch.values == [1.0, 5.0, 6.0]
    assert batch.ids == [0, 1, 1]
    assert (1, SeriesKey("orders")) in batch.new_keys


def test_the_same_series_come_under_the_very_same_numbers(clock: VirtualClock) -> None:
    core, slow = [Fake("x", a=1.0), Fake("y", b=math.nan)], Fake("slow", Tier.SLOW, c=3.0)
    monitor = PerformanceMonitor([*core, slow])
    first = collect(monitor, clock).samples
    core[0].failure = OSError("gone")
    clock.advance(10)
    second = collect(monitor, clock).samples
    assert [one.series_ids for one in second] == [(0, 1), (2,)]
    assert all(one.series_ids is other.series_ids for one, other in zip(first, second, strict=True))
    assert all(math.isnan(value) for value in second[0].values)


def test_sensors_can_be_added_and_removed(clock: VirtualClock) -> None:
    first, second = Fake("first", a=1.0), Fake("second", b=2.0)
    monitor = PerformanceMonitor([first])
    monitor.add(second)
    assert collect(monitor, clock).values == [1.0, 2.0]
    with pytest.raises(ConfigError, match="'second'"):
        monitor.add(Fake("second"))
    monitor.remove("first")
    monitor.remove("never there")
    assert first.closed == 1
    assert collect(monitor, clock).values == [2.0]


def test_after_a_fork_files_are_given_up_and_everything_is_read_anew(clock: VirtualClock) -> None:
    class Stubborn(Fake):
        def close(self) -> None:
            raise OSError("will not")

    slow, own = Fake("slow", Tier.SLOW), OwnMetrics()
    monitor = PerformanceMonitor([Stubborn("stubborn", b=1.0), slow], own=own)
    collect(monitor, clock)
    own.record("orders", 1)
    monitor.after_fork()
    assert slow.closed == 1
    assert sorted(collect(monitor, clock).values) == [1.0, 1.0]
    assert slow.reads == 2
    monitor.close()
    assert slow.closed == 2


def test_a_remark_is_told_with_the_health_of_a_sensor_that_is_well() -> None:
    sensor = Fake("x")
    sensor.remark = "left out: /mnt/far"  # type: ignore[attr-defined]
    assert PerformanceMonitor([sensor]).health()[0].reason == "left out: /mnt/far"
