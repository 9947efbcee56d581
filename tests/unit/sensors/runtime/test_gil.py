from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin.sensors.runtime.gil import GilSensor, WakeupProbe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant

    Proc = Callable[[str, str], Path]


class Kernel:
    """A /proc that counts what this thread waited for a core, as it is told."""

    def __init__(self, proc: Proc) -> None:
        self._proc = proc
        self.waited(0)

    def waited(self, nanoseconds: int, used: int = 100) -> Path:
        return self._proc(f"self/task/{threading.get_native_id()}/schedstat", f"{used} {nanoseconds} 3\n")


def sleep(probe: WakeupProbe, late_s: float, queued: Callable[[], object] = lambda: None) -> None:
    """Sleep until 10, wake late, while the kernel counts."""
    probe.before_sleep(10.0)
    queued()
    probe.after_wake(10.0 + late_s)


@pytest.fixture
def kernel(proc: Proc) -> Kernel:
    return Kernel(proc)


@pytest.fixture
def probe(kernel: Kernel) -> WakeupProbe:
    return WakeupProbe(kernel.waited(0))


def test_what_is_left_of_a_delay_beside_the_wait_for_a_core_is_the_wait_for_the_gil(
    probe: WakeupProbe, kernel: Kernel
) -> None:
    sleep(probe, 0.012, lambda: kernel.waited(7_000_000))
    gil_s, queue_s, late_s = probe.take()
    assert gil_s == pytest.approx(0.012 - 0.007 - 0.0002)
    assert queue_s == pytest.approx(0.007)
    assert late_s == pytest.approx(0.012)


def test_other_programs_that_hog_the_cores_are_no_wait_for_the_gil(probe: WakeupProbe, kernel: Kernel) -> None:
    sleep(probe, 0.0041, lambda: kernel.waited(4_000_000))
    gil_s, queue_s, _ = probe.take()
    assert gil_s == 0.0
    assert queue_s == pytest.approx(0.004)


def test_the_longest_of_each_since_the_last_reading_counts(probe: WakeupProbe, kernel: Kernel, now: Instant) -> None:
    sensor = GilSensor(probe)
    sleep(probe, 0.010)
    sleep(probe, 0.004, lambda: kernel.waited(3_000_000))
    assert sensor.read(now) == pytest.approx([0.0098, 0.003, 0.010])
    sleep(probe, 0.001)
    assert sensor.read(now) == pytest.approx([0.0008, 0.0, 0.001])


def test_a_reading_without_a_sleep_is_absent(probe: WakeupProbe, now: Instant) -> None:
    assert all(math.isnan(value) for value in GilSensor(probe).read(now))
    probe.after_wake(99.0)  # a thread that never said that it would sleep
    assert all(math.isnan(value) for value in GilSensor(probe).read(now))


def test_a_thread_that_was_rung_for_says_nothing(probe: WakeupProbe, now: Instant) -> None:
    sleep(probe, -0.5)
    assert all(math.isnan(value) for value in GilSensor(probe).read(now))


def test_a_thread_that_wakes_on_the_dot_waited_for_nothing(probe: WakeupProbe, now: Instant) -> None:
    sleep(probe, 0.0)
    assert GilSensor(probe).read(now) == [0.0, 0.0, 0.0]


def test_a_program_that_was_stopped_for_eight_seconds_waited_for_nothing(probe: WakeupProbe, now: Instant) -> None:
    sleep(probe, 8.0)
    assert all(math.isnan(value) for value in GilSensor(probe).read(now))


def test_without_schedstat_the_delay_stays_whole_and_health_says_why(tmp_path: Path, now: Instant) -> None:
    probe = WakeupProbe(tmp_path)
    sensor = GilSensor(probe)
    sleep(probe, 0.012)
    gil_s, queue_s, late_s = sensor.read(now)
    assert math.isnan(gil_s)
    assert math.isnan(queue_s)
    assert late_s == pytest.approx(0.012)
    assert "not told apart: schedstat of the own thread is not in" in sensor.remark


def test_a_kernel_that_counts_nothing_is_not_believed(kernel: Kernel, now: Instant) -> None:
    probe = WakeupProbe(kernel.waited(0, used=0))
    sleep(probe, 0.012)
    assert math.isnan(GilSensor(probe).read(now)[0])
    assert "does not count" in GilSensor(probe).remark


def test_another_thread_is_measured_by_its_own_account(probe: WakeupProbe, kernel: Kernel, now: Instant) -> None:
    sleep(probe, 0.001)

    def other() -> None:
        kernel.waited(50_000_000)
        sleep(probe, 0.003, lambda: kernel.waited(52_000_000))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert GilSensor(probe).read(now)[1] == pytest.approx(0.002)


def test_on_this_machine_a_real_sleep_is_split(now: Instant) -> None:
    import time

    probe = WakeupProbe()
    deadline_s = time.monotonic() + 0.02
    probe.before_sleep(deadline_s)
    threading.Event().wait(0.02)
    probe.after_wake(time.monotonic())
    sensor = GilSensor(probe)
    gil_s, queue_s, late_s = sensor.read(now)
    sensor.close()
    assert late_s >= 0.0
    assert sensor.remark or 0.0 <= gil_s + queue_s <= late_s + 1e-9
