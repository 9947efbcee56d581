from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import SampleError
from tocsin.sensors.linux.pressure import PressureSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]


def pressure(some: float, full: float, total: int) -> str:
    return (
        f"some avg10={some:.2f} avg60=9.99 avg300=9.99 total={total}\n"
        f"full avg10={full:.2f} avg60=9.99 avg300=9.99 total={total // 2}\n"
    )


def test_stalled_time_and_its_share_are_read_for_each_resource(proc: Proc, values: Values, now: Instant) -> None:
    proc("pressure/cpu", pressure(12.5, 0, 1_000_000))
    proc("pressure/memory", pressure(50, 25, 2_000_000))
    found = values(PressureSensor(proc("pressure/io", pressure(100, 99.5, 8_000_000))), now)
    assert found["system.pressure.stall_time{kind='some', resource='cpu'}"] == 1.0
    assert found["system.pressure.avg10{kind='some', resource='cpu'}"] == 0.125
    assert found["system.pressure.stall_time{kind='full', resource='memory'}"] == 1.0
    assert found["system.pressure.avg10{kind='full', resource='memory'}"] == 0.25
    assert found["system.pressure.stall_time{kind='some', resource='io'}"] == 8.0
    assert found["system.pressure.avg10{kind='full', resource='io'}"] == 0.995


def test_full_pressure_of_the_whole_machines_cpu_means_nothing_and_is_left_out(
    proc: Proc, values: Values, now: Instant
) -> None:
    for resource in ("cpu", "memory"):
        proc(f"pressure/{resource}", pressure(1, 1, 10))
    found = values(PressureSensor(proc("pressure/io", pressure(1, 1, 10))), now)
    assert not [key for key in found if "full" in key and "cpu" in key]


def test_a_kernel_that_has_only_some_for_the_cpu_is_read(proc: Proc, values: Values, now: Instant) -> None:
    proc("pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n")
    proc("pressure/memory", pressure(1, 1, 10))
    found = values(PressureSensor(proc("pressure/io", pressure(1, 1, 10))), now)
    assert found["system.pressure.avg10{kind='some', resource='cpu'}"] == 0.01
    assert not [value for value in found.values() if math.isnan(value)]


def test_pressure_that_is_switched_off_is_an_error_and_not_zero(tmp_path: Path, now: Instant) -> None:
    with pytest.raises(SampleError, match="cpu"):
        PressureSensor(tmp_path).read(now)


def test_a_line_that_says_something_else_is_absent(proc: Proc, values: Values, now: Instant) -> None:
    proc("pressure/cpu", "nothing of the kind\n")
    proc("pressure/memory", pressure(1, 1, 10))
    found = values(PressureSensor(proc("pressure/io", pressure(1, 1, 10))), now)
    assert math.isnan(found["system.pressure.avg10{kind='some', resource='cpu'}"])
    assert found["system.pressure.avg10{kind='some', resource='io'}"] == 0.01
