"""The ordinary reading without Python gives what the sensors themselves give, and all else is left to them."""

from __future__ import annotations

import gc
import math
import os
import tempfile
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.clock import Instant
from tocsin.monitor import PerformanceMonitor
from tocsin.monitor.performance import SWEPT_EVERY
from tocsin.sensors.linux import quick
from tocsin.sensors.linux.cpu import CpuSensor
from tocsin.sensors.linux.disk import DiskSensor
from tocsin.sensors.linux.memory import MemorySensor
from tocsin.sensors.linux.network import NetworkSensor
from tocsin.sensors.linux.pressure import PressureSensor
from tocsin.sensors.linux.process import ProcessSensor

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(quick.make_sweep is quick.PureSweep, reason="the C extension is not built")


def at(second: float) -> Instant:
    return Instant(100.0 + second, 100.0 + second, datetime(2026, 1, 1, tzinfo=UTC))


class Both:
    """Two sensors of the same files: one read by itself, one swept."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.plain, self.swept = make(), make()
        self.called = 0
        self._sweep = quick.make_sweep(((self.swept, quick.quick_of(self.swept)),))

    def read(self, second: float) -> tuple[list[float], list[float]]:
        now = at(second)
        return self.plain.read(now), self._sweep.read(now, now.mono_s, now.boot_s, self._one)

    def agree(self, second: float) -> None:
        plain, swept = self.read(second)
        assert repr(plain) == repr(swept)

    def _one(self, sensor: Any, now: Instant) -> list[float]:
        self.called += 1
        found: list[float] = sensor.read(now)
        return found


STAT = (
    "cpu  {0} 1 2 {1} {2} 0 0 0 0 0\ncpu0 {0} 1 2 {1} {2} 0 0 0 0 0\nintr 9 1\nctxt 8\nbtime 1\nprocesses 3\n"
    "procs_running 2\n"
)


@given(st.lists(st.tuples(*[st.integers(0, 90)] * 3), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_shares_of_the_cpu_are_the_same_whatever_the_ticks_do(ticks: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        proc = Path(folder)
        (proc / "stat").write_text(STAT.format(0, 0, 0), "ascii")
        both = Both(lambda: CpuSensor(proc))
        for second, numbers in enumerate(ticks):
            (proc / "stat").write_text(STAT.format(*numbers), "ascii")
            both.agree(second)


def test_the_ordinary_reading_takes_no_step_of_the_sensor(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT.format(0, 0, 0), "ascii")
    both = Both(lambda: CpuSensor(tmp_path))
    both.agree(0)
    assert both.called == 1
    (tmp_path / "stat").write_text(STAT.format(20, 30, 2), "ascii")
    both.agree(1)
    assert both.called == 1


def test_a_reading_of_few_ticks_is_left_to_the_sensor_and_the_base_stays(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT.format(0, 0, 0), "ascii")
    both = Both(lambda: CpuSensor(tmp_path))
    both.agree(0)
    (tmp_path / "stat").write_text(STAT.format(1, 2, 0), "ascii")
    both.agree(0.05)
    assert both.called == 2
    (tmp_path / "stat").write_text(STAT.format(40, 50, 0), "ascii")
    both.agree(1)
    assert both.called == 2


def test_a_core_that_comes_is_learnt_by_the_sensor(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT.format(0, 0, 0), "ascii")
    both = Both(lambda: CpuSensor(tmp_path))
    both.agree(0)
    text = STAT.format(30, 40, 0).replace("intr", "cpu1 5 1 2 9 9 0 0 0 0 0\nintr")
    (tmp_path / "stat").write_text(text, "ascii")
    both.agree(1)
    assert both.called == 2
    assert both.swept.layout == both.plain.layout


DISK = "   8       0 sda {0} 2 3 {1} 5 6 7 {0} 0 {2} {0} 0 0 0 0 {0} {1}\n"


@given(st.lists(st.tuples(*[st.integers(0, 3000)] * 3), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_what_is_made_of_a_disk_is_the_same_whatever_its_counters_do(counts: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        proc = Path(folder)
        (proc / "diskstats").write_text(DISK.format(1, 1, 1), "ascii")
        both = Both(lambda: DiskSensor(proc, proc / "block"))
        for second, numbers in enumerate(counts):
            (proc / "diskstats").write_text(DISK.format(*numbers), "ascii")
            both.agree(second)
            both.agree(second + 0.01)  # too soon


def test_memory_is_the_same_with_swap_that_comes_and_goes(tmp_path: Path) -> None:
    def write(available: int, swap: int) -> None:
        (tmp_path / "meminfo").write_text(
            f"MemTotal: 1000 kB\nMemFree: 9 kB\nMemAvailable: {available} kB\nSwapFree: {swap // 2} kB\n"
            f"Cached: 3 kB\nBuffers: 4 kB\nSwapTotal: {swap} kB\n",
            "ascii",
        )

    write(500, 0)
    both = Both(lambda: MemorySensor(tmp_path))
    both.agree(0)
    for second, (available, swap) in enumerate([(400, 0), (1200, 0), (400, 50), (300, 60), (300, 0)], 1):
        write(available, swap)
        both.agree(second)
        assert both.swept.layout == both.plain.layout
    assert both.called == 3  # at the first reading, and when swap came and went


def test_zfs_is_looked_for_once_a_minute_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 500 kB\nSwapTotal: 0 kB\n", "ascii")
    both = Both(lambda: MemorySensor(tmp_path))
    both.agree(0)
    folder = tmp_path / "spl" / "kstat" / "zfs"
    folder.mkdir(parents=True)
    (folder / "arcstats").write_text("size 4 102400\nc_min 4 1024\n", "ascii")
    both.agree(30)
    assert both.called == 1
    both.agree(61)
    assert both.called == 2
    assert both.swept.layout == both.plain.layout


@pytest.mark.parametrize("make", [NetworkSensor, PressureSensor, DiskSensor, MemorySensor, CpuSensor])
def test_both_ways_read_this_very_machine(make: Callable[[], Any]) -> None:
    one = make()
    sweep = quick.make_sweep(((one, quick.quick_of(one)),))
    first = one.read(at(0))
    found = sweep.read(at(1), 101.0, 101.0, lambda sensor, now: sensor.read(now))
    assert len(found) == len(first) == len(one.layout)


def test_the_own_process_is_read_alike_up_to_what_it_uses_meanwhile() -> None:
    both = Both(ProcessSensor)
    both.read(0)
    sum(range(400_000))
    plain, swept = both.read(1)
    assert both.called == 1
    assert len(swept) == len(plain) == len(both.swept.layout)
    assert swept[1] == pytest.approx(plain[1], abs=0.05)
    assert swept[3:10] == pytest.approx(plain[3:10], rel=0.05, nan_ok=True)
    assert swept[0] == pytest.approx(plain[0], abs=0.05)


def test_a_file_that_cannot_be_read_any_more_is_left_to_the_sensor(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT.format(0, 0, 0), "ascii")
    sensor = CpuSensor(tmp_path)
    sweep = quick.make_sweep(((sensor, quick.quick_of(sensor)),))
    sensor.read(at(0))
    os.close(sensor._file._file.fd)
    called: list[object] = []

    def note(who: object, _now: Instant) -> list[float]:
        called.append(who)
        return []

    sweep.read(at(1), 101.0, 101.0, note)
    assert called == [sensor]


def test_what_the_one_that_is_called_raises_reaches_the_caller() -> None:
    def fail(_who: object, _now: Instant) -> list[float]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        quick.make_sweep((("who", None),)).read(at(0), 100.0, 100.0, fail)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        (1,),
        ((1, 2),),
        (("who", ("flying", (), quick.Base(), ())),),
        (("who", ("cpu", (), quick.Base(), (1.0,))),),
        (("who", ("copy", ("no reader",), quick.Base(), ())),),
        (("who", ("copy", (), "no base", ())),),
        (("who", ("cpu", (), quick.Base(), (-1.0,) * 5)),),
    ],
)
def test_what_is_no_entry_is_refused(entries: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        quick.make_sweep(entries)


@pytest.mark.parametrize("readings", [[1, True, 2.5], [math.nan]])
def test_readings_that_are_called_for_become_floats(readings: list[float]) -> None:
    found = quick.make_sweep((("who", None), ("too", None))).read(at(0), 0.0, 0.0, lambda _who, _now: readings)
    assert repr(found) == repr([float(value) for value in readings] * 2)


@pytest.mark.parametrize("readings", [(1.0,), None, ["no number"]])
def test_what_are_no_readings_is_refused(readings: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        quick.make_sweep((("who", None),)).read(at(0), 0.0, 0.0, lambda _who, _now: readings)


def test_very_many_readings_find_room() -> None:
    many = [float(number) for number in range(3000)]
    found = quick.make_sweep((("who", None), ("too", None))).read(at(0), 0.0, 0.0, lambda _who, _now: many)
    assert found == many * 2


def test_a_sweep_that_is_in_a_ring_with_its_sensors_is_collected() -> None:
    class Ring:
        sweep: Any = None

    ring = Ring()
    ring.sweep = quick.make_sweep(((ring, None),))
    gone = weakref.ref(ring)
    del ring
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [*dict.fromkeys((quick.PureBase, quick.Base))])
def test_a_base_keeps_what_it_is_given_until_it_forgets(kind: type[quick.PureBase]) -> None:
    base = kind()
    assert base.before is None
    for before, before_s in (([1.0, 2.0], 5.0), ([], 6.0)):
        base.keep(before, before_s, 2, math.inf)
        assert repr((base.before, base.before_s)) == repr((before, before_s))
    base.forget()
    assert base.before is None


def test_a_monitor_reads_ordinary_sensors_itself_now_and_then_to_know_what_they_cost() -> None:
    monitor = PerformanceMonitor([NetworkSensor()])
    watched = monitor._core[0]
    read, called = watched.read, 0

    def count(now: Instant) -> list[float]:
        nonlocal called
        called += 1
        return read(now)

    watched.read = count
    for second in range(2 * SWEPT_EVERY):
        monitor.collect(at(second), 1.0)
    assert called == 3
    assert watched.cost_s > 0.0


def test_a_child_of_a_fork_reads_for_itself(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT.format(0, 0, 0), "ascii")
    both = Both(lambda: CpuSensor(tmp_path))
    both.read(0)
    (tmp_path / "stat").write_text(STAT.format(50, 50, 0), "ascii")
    child = os.fork()
    if not child:
        both.read(1)
        os._exit(both.called)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
