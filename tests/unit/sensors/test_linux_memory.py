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
    assert math.isnan(found["system.paging.utilization"])
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
    assert list(found.values()) == [3 * page, 4 * page, 5]


def test_a_kernel_without_swap_reads_no_swapping(proc: Proc, values: Values, now: Instant) -> None:
    found = list(values(PagingSensor(proc("vmstat", "pgfault 9\npgmajfault 5\n")), now).values())
    assert math.isnan(found[0])
    assert found[2] == 5
