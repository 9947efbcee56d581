from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tocsin.sensors.linux.disk import DiskSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]


def line(
    name: str, reads: int = 1, *, read_ms: int = 3000, write_ms: int = 6000, busy_ms: int = 7000, queued_ms: int = 9000
) -> str:
    return f"   8       0 {name} {reads} 2 100 {read_ms} 4 5 200 {write_ms} 3 {busy_ms} {queued_ms} 0 0 0 0 31 2000\n"


def whole(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / "block" / name).mkdir(parents=True)
    return tmp_path / "block"


def test_sectors_become_bytes_and_milliseconds_seconds(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    found = values(DiskSensor(proc("diskstats", line("sda")), whole(tmp_path, "sda")), now)
    assert {key: value for key, value in found.items() if key.startswith("system.")} == {
        "system.disk.io{device='sda', direction='read'}": 51_200,
        "system.disk.io{device='sda', direction='write'}": 102_400,
        "system.disk.operations{device='sda', direction='read'}": 1,
        "system.disk.operations{device='sda', direction='write'}": 4,
        "system.disk.operation_time{device='sda', direction='read'}": 3,
        "system.disk.operation_time{device='sda', direction='write'}": 6,
        "system.disk.operations{device='sda', direction='flush'}": 31,
        "system.disk.operation_time{device='sda', direction='flush'}": 2,
        "system.disk.merged{device='sda', direction='read'}": 2,
        "system.disk.merged{device='sda', direction='write'}": 5,
        "system.disk.pending_operations{device='sda'}": 3,
        "system.disk.io_time{device='sda'}": 7,
        "system.disk.weighted_io_time{device='sda'}": 9,
    }


def test_partitions_and_what_lies_in_memory_are_left_out(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    names = ("loop0", "ram1", "zram0", "sda", "sda1", "cciss/c0d0")
    sensor = DiskSensor(
        proc("diskstats", "".join(map(line, names))), whole(tmp_path, "loop0", "ram1", "zram0", "sda", "cciss!c0d0")
    )
    values(sensor, now)
    assert {dict(key.labels)["device"] for key in sensor.layout} == {"sda", "cciss/c0d0"}


def test_without_sysfs_partitions_are_known_by_their_names(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    names = ("sda", "sda1", "nvme0n1", "nvme0n1p2", "mmcblk0", "mmcblk0p1", "dm-0")
    sensor = DiskSensor(proc("diskstats", "".join(map(line, names))), tmp_path / "nowhere")
    values(sensor, now)
    assert {dict(key.labels)["device"] for key in sensor.layout} == {"sda", "nvme0n1", "mmcblk0", "dm-0"}


def test_a_disk_that_disappears_takes_its_series_along(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    block = whole(tmp_path, "sda", "sdb")
    sensor = DiskSensor(proc("diskstats", line("sda") + line("sdb", reads=20)), block)
    sensor.read(now)
    layout = sensor.layout
    sensor.read(now)
    assert sensor.layout is layout
    proc("diskstats", line("sdb", reads=21))
    found = values(sensor, now)
    assert sensor.layout is not layout
    assert found["system.disk.operations{device='sdb', direction='read'}"] == 21
    assert "system.disk.io_time{device='sda'}" not in found


def test_a_disk_in_the_place_of_another_is_not_taken_for_it(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda")), whole(tmp_path, "sda", "sdb"))
    sensor.read(now)
    proc("diskstats", line("sdb", reads=9))
    found = values(sensor, now)
    assert found["system.disk.operations{device='sdb', direction='read'}"] == 9
    assert "system.disk.io_time{device='sda'}" not in found


def test_a_counter_that_falls_is_handed_over_as_it_is(proc: Proc, values: Values, now: Instant, tmp_path: Path) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda", reads=900)), whole(tmp_path, "sda"))
    sensor.read(now)
    proc("diskstats", line("sda", reads=3))
    assert values(sensor, now)["system.disk.operations{device='sda', direction='read'}"] == 3


def test_a_machine_without_disks_reads_nothing(proc: Proc, now: Instant, tmp_path: Path) -> None:
    sensor = DiskSensor(proc("diskstats", line("loop0")), whole(tmp_path, "loop0"))
    assert sensor.read(now) == []


AWAIT_READ = "tocsin.disk.await{device='sda', direction='read'}"
AWAIT_WRITE = "tocsin.disk.await{device='sda', direction='write'}"
BUSY = "tocsin.disk.utilization{device='sda'}"


def test_the_mean_time_of_an_operation_and_the_busy_share_need_two_readings(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda")), whole(tmp_path, "sda"))
    found = values(sensor, now)
    assert all(math.isnan(found[key]) for key in (AWAIT_READ, AWAIT_WRITE, BUSY))
    proc("diskstats", line("sda", 11, read_ms=3050, busy_ms=7500))
    found = values(sensor, now.plus(2))
    assert found[AWAIT_READ] == pytest.approx(0.005)
    assert found[BUSY] == 0.25
    assert math.isnan(found[AWAIT_WRITE])  # nothing was written


def test_a_disk_is_never_busier_than_always(proc: Proc, values: Values, now: Instant, tmp_path: Path) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda")), whole(tmp_path, "sda"))
    sensor.read(now)
    proc("diskstats", line("sda", busy_ms=8004))
    assert values(sensor, now.plus(1))[BUSY] == 1.0


def test_counters_that_wrap_give_no_mean(proc: Proc, values: Values, now: Instant, tmp_path: Path) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda", 10, read_ms=4_294_967_290)), whole(tmp_path, "sda"))
    sensor.read(now)
    proc("diskstats", line("sda", 12, read_ms=7, busy_ms=10))
    found = values(sensor, now.plus(1))
    assert math.isnan(found[AWAIT_READ])
    assert math.isnan(found[BUSY])
    proc("diskstats", line("sda", 13, read_ms=9, busy_ms=20))
    assert values(sensor, now.plus(2))[AWAIT_READ] == pytest.approx(0.002)


def test_a_disk_that_comes_is_no_base_for_another(proc: Proc, values: Values, now: Instant, tmp_path: Path) -> None:
    blocks = whole(tmp_path, "sda", "sdb")
    sensor = DiskSensor(proc("diskstats", line("sda")), blocks)
    sensor.read(now)
    proc("diskstats", line("sdb") + line("sda", 2))
    assert math.isnan(values(sensor, now.plus(1))[AWAIT_READ])
    proc("diskstats", line("sdb") + line("sda", 3, read_ms=3001))
    assert values(sensor, now.plus(2))[AWAIT_READ] == pytest.approx(0.001)


def test_readings_in_quick_succession_keep_their_base(proc: Proc, values: Values, now: Instant, tmp_path: Path) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda")), whole(tmp_path, "sda"))
    sensor.read(now)
    proc("diskstats", line("sda", busy_ms=7100))
    assert math.isnan(values(sensor, now.plus(0.01))[BUSY])
    assert values(sensor, now.plus(1))[BUSY] == pytest.approx(0.1)


def test_operations_under_way_are_a_mean_over_the_time(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    sensor = DiskSensor(proc("diskstats", line("sda")), whole(tmp_path, "sda"))
    sensor.read(now)
    proc("diskstats", line("sda", queued_ms=12_000))
    assert values(sensor, now.plus(2))["tocsin.disk.queue{device='sda'}"] == pytest.approx(1.5)


def test_an_older_kernel_that_counts_no_flushes_has_none(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    found = values(DiskSensor(proc("diskstats", line("sda").replace(" 31 2000\n", "\n")), whole(tmp_path, "sda")), now)
    assert math.isnan(found["system.disk.operations{device='sda', direction='flush'}"])
    assert found["system.disk.io_time{device='sda'}"] == 7
