from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin.clock import SystemClock
from tocsin.errors import SampleError
from tocsin.sensors.linux.process import ProcessSensor
from tocsin.sensors.linux.process_status import ProcessStatusSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

CPU = "process.cpu.utilization"
STATUS = "Name:\tx\nVmHWM:\t     900 kB\nvoluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n"


def stat(user: int = 0, system: int = 0, start: int = 1000) -> str:
    return f"77 (a (b) c) S 1 1 1 0 -1 0 21 0 22 0 {user} {system} 0 0 20 0 5 0 {start} 7 7 0 0 0\n"


def other(proc: Proc, **ticks: int) -> Path:
    proc("77/status", STATUS)
    proc("77/statm", "1000 100 40 1 0 60 0\n")
    return proc("77/stat", stat(**ticks))


def test_the_own_process_is_read_whole(values: Values) -> None:
    found = values(ProcessSensor(), SystemClock().now())
    assert 1e6 < found["process.memory.usage"] < found["process.memory.limit"]
    assert found["process.uptime"] > 0
    assert found["process.memory.peak"] >= 1e6
    assert math.isnan(found[CPU])


def test_cpu_utilization_is_a_share_of_one_core(proc: Proc, values: Values, now: Instant) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    sensor = ProcessSensor(77, other(proc))
    assert math.isnan(values(sensor, now)[CPU])
    other(proc, user=2 * tick, system=tick)
    assert values(sensor, now.plus(2))[CPU] == 1.5


def test_readings_in_quick_succession_keep_their_base(proc: Proc, values: Values, now: Instant) -> None:
    sensor = ProcessSensor(77, other(proc))
    sensor.read(now)
    other(proc, user=10)
    assert math.isnan(values(sensor, now.plus(0.01))[CPU])
    assert values(sensor, now.plus(1))[CPU] == pytest.approx(0.1)


def test_cpu_time_that_falls_is_a_new_beginning(proc: Proc, values: Values, now: Instant) -> None:
    sensor = ProcessSensor(77, other(proc, user=500))
    sensor.read(now)
    other(proc, user=3)
    assert math.isnan(values(sensor, now.plus(1))[CPU])


def test_another_process_is_read_by_its_files(proc: Proc, values: Values, now: Instant) -> None:
    found = values(ProcessSensor(77, other(proc)), now)
    assert found["process.memory.virtual"] == 1000 * os.sysconf("SC_PAGE_SIZE")
    assert found["process.memory.usage"] == 100 * os.sysconf("SC_PAGE_SIZE")
    assert found["process.memory.shared"] == 40 * os.sysconf("SC_PAGE_SIZE")
    assert found["process.memory.peak"] == 900 * 1024
    assert found["process.paging.faults{type='minor'}"] == 21
    assert found["process.paging.faults{type='major'}"] == 22
    assert found["process.context_switches{type='voluntary'}"] == 11
    assert found["process.context_switches{type='involuntary'}"] == 12
    assert found["process.uptime"] == now.boot_s - 1000 / os.sysconf("SC_CLK_TCK")


def test_what_is_denied_is_absent_and_the_rest_is_read(proc: Proc, values: Values, now: Instant) -> None:
    found = values(ProcessSensor(77, other(proc)), now)  # there is no io
    assert math.isnan(found["process.disk.io{direction='read'}"])
    assert found["process.paging.faults{type='minor'}"] == 21


def test_disk_traffic_is_read(proc: Proc, values: Values, now: Instant) -> None:
    proc("77/io", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n")
    found = values(ProcessSensor(77, other(proc)), now)
    assert found["process.disk.io{direction='read'}"] == 5
    assert found["process.disk.io{direction='write'}"] == 6
    assert found["process.io.bytes{direction='write'}"] == 2
    assert found["process.io.calls{direction='read'}"] == 3


def test_memory_is_a_share_of_the_container_limit_if_that_is_smaller(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    group = tmp_path / "cgroup" / "app"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(str(os.sysconf("SC_PAGE_SIZE") * 400))
    proc("self/mountinfo", f"31 23 0:28 / {tmp_path}/cgroup rw - cgroup2 cgroup rw\n")
    proc("77/cgroup", "0::/app\n")
    sensor = ProcessSensor(77, other(proc))
    assert values(sensor, now)["process.memory.utilization"] == 0.25
    (group / "memory.max").write_text(str(os.sysconf("SC_PAGE_SIZE") * 200))
    assert values(sensor, now.plus(59))["process.memory.utilization"] == 0.25
    assert values(sensor, now.plus(61))["process.memory.utilization"] == 0.5


def test_a_process_that_has_ended_is_an_error(now: Instant) -> None:
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    sensor = ProcessSensor(program.pid)
    assert sensor.read(now)
    program.communicate(b"\n")
    with pytest.raises(SampleError):
        sensor.read(now)


def test_the_own_threads_are_counted(values: Values) -> None:
    sensor, clock = ProcessStatusSensor(), SystemClock()
    before = values(sensor, clock.now())["process.thread.count"]
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    during = values(sensor, clock.now())["process.thread.count"]
    release.set()
    for thread in threads:
        thread.join()
    assert during == before + 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_has_a_start_of_its_own(values: Values) -> None:
    sensor, clock = ProcessSensor(), SystemClock()
    parent = values(sensor, clock.now())
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            found = values(sensor, clock.now().plus(1))
            os.write(writing, f"{found['process.uptime']} {found[CPU]}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        uptime, cpu = map(float, told.read().split())
    os.waitpid(child, 0)
    assert uptime - 1 < parent["process.uptime"]
    assert math.isnan(cpu)


def test_the_parts_of_memory_are_read(proc: Proc, values: Values, now: Instant) -> None:
    home = proc(
        "77/status", "Threads:\t5\nVmLck:\t 1 kB\nRssAnon:\t 2 kB\nRssFile:\t 3 kB\nVmPTE:\t 5 kB\nVmSwap:\t 6 kB\n"
    )
    found = values(ProcessStatusSensor(77, home), now)
    assert found["process.memory.resident{type='anonymous'}"] == 2048
    assert found["process.memory.swap"] == 6144
    assert found["process.thread.count"] == 5
    assert math.isnan(found["process.memory.resident{type='shared'}"])  # an older kernel


def test_a_process_that_takes_another_name_is_still_read(proc: Proc, values: Values, now: Instant) -> None:
    sensor = ProcessSensor(77, other(proc))
    sensor.read(now)
    proc("77/stat", stat().replace("(a (b) c)", "(renamed)"))
    assert values(sensor, now)["process.paging.faults{type='minor'}"] == 21
