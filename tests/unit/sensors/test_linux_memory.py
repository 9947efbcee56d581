from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import SampleError
from tocsin.sensors.linux.memory import MemorySensor
from tocsin.sensors.linux.paging import PagingSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

MEMINFO = """\
MemTotal:        1000000 kB
MemFree:          200000 kB
MemAvailable:     600000 kB
Buffers:           10000 kB
Cached:           300000 kB
SwapCached:           77 kB
SwapTotal:        400000 kB
SwapFree:         100000 kB
"""
KIB = 1024


def test_usage_is_what_is_not_available(proc: Proc, values: Values, now: Instant) -> None:
    found = values(MemorySensor(proc("meminfo", MEMINFO)), now)
    assert found["system.memory.limit"] == 1_000_000 * KIB
    assert found["system.memory.usage"] == 400_000 * KIB
    assert found["system.memory.utilization"] == 0.4
    assert found["system.memory.cached"] == 300_000 * KIB
    assert found["system.paging.usage"] == 300_000 * KIB
    assert found["system.paging.utilization"] == 0.75


def test_a_machine_without_swap_has_no_swap_utilization(proc: Proc, values: Values, now: Instant) -> None:
    text = MEMINFO.replace("400000 kB", "0 kB").replace("100000 kB", "0 kB")
    found = values(MemorySensor(proc("meminfo", text)), now)
    assert "system.paging.utilization" not in found
    assert found["system.paging.limit"] == 0


def test_an_old_kernel_without_available_memory_is_estimated(proc: Proc, values: Values, now: Instant) -> None:
    text = "".join(line for line in MEMINFO.splitlines(keepends=True) if "Available" not in line)
    assert values(MemorySensor(proc("meminfo", text)), now)["system.memory.available"] == 510_000 * KIB


def test_more_available_memory_than_there_is_counts_as_all_of_it(proc: Proc, values: Values, now: Instant) -> None:
    text = MEMINFO.replace("600000", "9000000")
    assert values(MemorySensor(proc("meminfo", text)), now)["system.memory.utilization"] == 0


def test_a_file_without_memory_is_an_error_and_not_zero(proc: Proc, now: Instant) -> None:
    with pytest.raises(SampleError, match="MemTotal"):
        MemorySensor(proc("meminfo", "nonsense\n")).read(now)


def test_swapped_pages_become_bytes(proc: Proc, values: Values, now: Instant) -> None:
    found = values(PagingSensor(proc("vmstat", "pswpin 3\npswpout 4\npgfault 9\npgmajfault 5\n")), now)
    page = os.sysconf("SC_PAGE_SIZE")
    assert list(found.values())[:3] == [3 * page, 4 * page, 5]
    assert found["system.paging.faults{type='minor'}"] == 4


def test_a_kernel_without_swap_reads_no_swapping(proc: Proc, values: Values, now: Instant) -> None:
    found = list(values(PagingSensor(proc("vmstat", "pgfault 9\npgmajfault 5\n")), now).values())
    assert math.isnan(found[0])
    assert found[2] == 5


def test_kills_for_want_of_memory_are_counted(proc: Proc, values: Values, now: Instant) -> None:
    found = values(PagingSensor(proc("vmstat", "pswpin 3\npgsteal_direct 8\noom_kill 2\n")), now)
    assert found["system.memory.oom_kills"] == 2
    assert found["system.memory.reclaimed{by='direct'}"] == 8
    assert math.isnan(found["system.memory.refaults{type='file'}"])


def arcstats(size_kib: int, least_kib: int) -> str:
    return f"13 1 0x01 98 26656 7 8\nname type data\nhits 4 99\nsize 4 {size_kib * KIB}\nc_min 4 {least_kib * KIB}\n"


def test_the_zfs_cache_does_not_count_as_used(proc: Proc, values: Values, now: Instant) -> None:
    proc("spl/kstat/zfs/arcstats", arcstats(250_000, 50_000))
    found = values(MemorySensor(proc("meminfo", MEMINFO)), now)
    assert found["system.memory.zfs_cache"] == 200_000 * KIB
    assert found["system.memory.usage"] == 200_000 * KIB
    assert found["system.memory.available"] == 800_000 * KIB


def test_a_zfs_cache_below_its_least_size_gives_nothing_back(proc: Proc, values: Values, now: Instant) -> None:
    proc("spl/kstat/zfs/arcstats", arcstats(40_000, 50_000))
    assert values(MemorySensor(proc("meminfo", MEMINFO)), now)["system.memory.usage"] == 400_000 * KIB


def test_zfs_that_comes_later_is_found_within_a_minute(proc: Proc, values: Values, now: Instant) -> None:
    sensor = MemorySensor(proc("meminfo", MEMINFO))
    assert "system.memory.zfs_cache" not in values(sensor, now)
    proc("spl/kstat/zfs/arcstats", arcstats(250_000, 50_000))
    assert "system.memory.zfs_cache" not in values(sensor, now.plus(59))
    assert values(sensor, now.plus(61))["system.memory.utilization"] == 0.2


def test_stalls_are_counted_over_the_zones_that_there_are(proc: Proc, values: Values, now: Instant) -> None:
    found = values(PagingSensor(proc("vmstat", "allocstall_normal 3\nallocstall_movable 4\n")), now)
    assert found["system.memory.allocation_stalls"] == 7
    assert math.isnan(values(PagingSensor(proc("vmstat", "nothing 1\n")), now)["system.memory.allocation_stalls"])
