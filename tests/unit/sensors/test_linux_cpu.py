from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from tocsin.sensors.linux.cpu import CpuSensor
from tocsin.sensors.linux.load import LoadSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

TOTAL = "system.cpu.utilization"
CORE_0 = "system.cpu.core.utilization{cpu='0'}"
CORE_1 = "system.cpu.core.utilization{cpu='1'}"
BEHIND = ["processes 55", "procs_running 3", "procs_blocked 1", "softirq 99 1 2 3 4 5 6 7 8 9 54"]


def stat(*cores: str, switches: int = 7) -> str:
    rows = [[int(number) for number in core.split()] for core in cores]
    total = [sum(column) for column in zip(*rows, strict=True)]
    lines = [" ".join(map(str, ["cpu ", *total]))]
    lines += [" ".join(map(str, [f"cpu{number}", *row])) for number, row in enumerate(rows)]
    return "\n".join([*lines, "intr 99 1 2 3", f"ctxt {switches}", "btime 1700000000", *BEHIND, ""])


def test_shares_are_absent_before_two_readings_exist(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("10 0 5 100 0 0 0 0 0 0", "10 0 5 100 0 0 0 0 0 0", switches=42)))
    found = values(sensor, now)
    assert math.isnan(found[TOTAL])
    assert math.isnan(found[CORE_0])
    assert math.isnan(found["system.cpu.mode.utilization{mode='user'}"])
    assert found["system.context_switches"] == 42


def test_busy_is_what_is_neither_idle_nor_waiting_for_a_disk(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("0 0 0 0 0 0 0 0 0 0", "0 0 0 0 0 0 0 0 0 0")))
    sensor.read(now)
    proc("stat", stat("30 5 10 40 10 2 2 1 30 5", "0 0 0 100 0 0 0 0 0 0"))
    found = values(sensor, now)
    assert found[CORE_0] == pytest.approx(0.5)
    assert found[CORE_1] == 0.0
    assert found[TOTAL] == pytest.approx(0.25)
    assert found["system.cpu.mode.utilization{mode='user'}"] == 0.15
    assert found["system.cpu.mode.utilization{mode='steal'}"] == 0.005


def test_guest_time_is_not_counted_twice(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("0 0 0 0 0 0 0 0 0 0")))
    sensor.read(now)
    proc("stat", stat("50 0 0 50 0 0 0 0 50 0"))
    assert values(sensor, now)[TOTAL] == 0.5


def test_a_field_that_falls_a_little_counts_as_standing_still(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("100 0 0 1000 50 0 0 0 0 0")))
    sensor.read(now)
    proc("stat", stat("150 0 0 1050 45 0 0 0 0 0"))
    found = values(sensor, now)
    assert found[TOTAL] == 0.5
    assert found["system.cpu.mode.utilization{mode='iowait'}"] == 0.0


def test_idle_time_that_fell_in_a_suspend_is_no_busy_cpu(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("100 0 0 90000 0 0 0 0 0 0")))
    sensor.read(now)
    proc("stat", stat("120 0 0 10000 0 0 0 0 0 0"))
    assert math.isnan(values(sensor, now)[TOTAL])
    proc("stat", stat("130 0 0 10090 0 0 0 0 0 0"))
    assert values(sensor, now)[TOTAL] == pytest.approx(0.1)


def test_too_few_ticks_are_absent_and_add_up_to_the_next_reading(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("0 0 0 0 0 0 0 0 0 0")))
    sensor.read(now)
    proc("stat", stat("5 0 0 0 0 0 0 0 0 0"))
    assert math.isnan(values(sensor, now)[TOTAL])
    proc("stat", stat("5 0 0 15 0 0 0 0 0 0"))
    assert values(sensor, now)[TOTAL] == 0.25


def test_the_layout_is_the_same_object_until_a_core_goes_offline(proc: Proc, values: Values, now: Instant) -> None:
    sensor = CpuSensor(proc("stat", stat("0 0 0 0 0 0 0 0 0 0", "0 0 0 0 0 0 0 0 0 0")))
    sensor.read(now)
    layout = sensor.layout
    sensor.read(now)
    assert sensor.layout is layout
    proc("stat", stat("50 0 0 50 0 0 0 0 0 0"))
    found = values(sensor, now)
    assert sensor.layout is not layout
    assert CORE_1 not in found
    assert math.isnan(found[CORE_0])  # the total of before counted other cores: it is no base for this one
    proc("stat", stat("100 0 0 100 0 0 0 0 0 0"))
    assert values(sensor, now)[CORE_0] == 0.5


def test_interrupts_new_processes_and_waiting_threads_are_read(proc: Proc, values: Values, now: Instant) -> None:
    found = values(CpuSensor(proc("stat", stat("1 0 0 1 0 0 0 0 0 0"))), now)
    assert found["system.interrupts"] == 99
    assert found["system.process.created"] == 55
    assert found["system.thread.runnable"] == 3
    assert found["system.thread.blocked"] == 1


def test_load_averages_and_uptime_are_read(proc: Proc, values: Values, now: Instant) -> None:
    found = values(LoadSensor(proc("loadavg", "0.50 1.25 2.00 3/456 789\n")), now)
    assert list(found.values()) == [0.5, 1.25, 2.0, 456, now.boot_s]


def test_soft_interrupts_cpu_time_and_cores_are_read(proc: Proc, values: Values, now: Instant) -> None:
    found = values(CpuSensor(proc("stat", stat("100 0 0 1 0 0 0 0 0 0", "200 0 0 1 0 0 0 0 0 0"))), now)
    assert found["system.interrupts.soft{kind='hi'}"] == 1
    assert found["system.interrupts.soft{kind='rcu'}"] == 54
    assert found["system.cpu.time{mode='user'}"] == 300 / os.sysconf("SC_CLK_TCK")
    assert found["system.cpu.logical.count"] == 2
