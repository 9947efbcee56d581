"""psutil is the second opinion: both must say the same of the same machine at nearly the same time."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin.clock import SystemClock
from tocsin.sensors import choose, portable

if TYPE_CHECKING:
    from tocsin.model.readings import SeriesKey
    from tocsin.sensors.protocol import Sensor

# What jumps between two readings a millisecond apart; and the cache, to which psutil adds reclaimable slabs.
JUMPY = {
    "system.cpu.utilization", "system.cpu.core.utilization", "system.cpu.mode.utilization", "process.cpu.utilization",
    "process.paging.faults", "process.context_switches", "process.disk.io", "system.network.dropped",
    "process.open_file_descriptor.count", "process.open_file_descriptor.utilization", "process.thread.count",
    "system.memory.cached",
}  # fmt: skip


def read_both(own: list[Sensor], theirs: list[Sensor]) -> tuple[dict[SeriesKey, float], dict[SeriesKey, float]]:
    both: tuple[dict[SeriesKey, float], dict[SeriesKey, float]] = ({}, {})
    now = SystemClock().now()
    for pair in zip(own, theirs, strict=True):
        for sensor, found in zip(pair, both, strict=True):
            readings = sensor.read(now)
            found.update(zip(sensor.layout, readings, strict=True))
    return both


@pytest.fixture
def sensors() -> tuple[list[Sensor], list[Sensor]]:
    own = [*choose.host_sensors(), *choose.process_sensors()]
    theirs = [*portable.host_sensors(), *portable.process_sensors()]
    assert [sensor.name for sensor in own] == [sensor.name for sensor in theirs]
    return own, theirs


def test_the_raw_reading_and_psutil_agree(sensors: tuple[list[Sensor], list[Sensor]]) -> None:
    own, theirs = read_both(*sensors)
    compared = 0
    for key, value in own.items():
        other = theirs.get(key, math.nan)
        if key.metric in JUMPY or math.isnan(value) or math.isnan(other):
            continue
        compared += 1
        # One page, one tick, one packet apart; or two per cent of what moves quickly.
        slack = {"system.process.count": 5, "system.memory.free": 5e7, "system.network.io": 1e5}.get(key.metric, 4096)
        if "load_average" in key.metric or "utilization" in key.metric:
            slack = 0.05
        elif key.metric in {"process.uptime", "process.cpu.time", "system.uptime"}:
            slack = 2
        assert value == pytest.approx(other, rel=0.02, abs=slack), str(key)
    assert compared >= 40


def test_both_see_the_same_busy_cpu(sensors: tuple[list[Sensor], list[Sensor]]) -> None:
    own, theirs = sensors
    read_both(own[:1], theirs[:1])
    threading.Event().wait(0.3)
    raw, peer = read_both(own[:1], theirs[:1])
    compared = [key for key in raw if key.metric.startswith("system.cpu") and not math.isnan(peer.get(key, math.nan))]
    assert len(compared) >= 9
    for key in compared:
        assert raw[key] == pytest.approx(peer[key], abs=0.15), str(key)


def test_every_portable_series_is_one_that_linux_has_too(sensors: tuple[list[Sensor], list[Sensor]]) -> None:
    own, theirs = read_both(*sensors)
    assert {key.metric for key in theirs} <= {key.metric for key in own}


def test_a_layout_is_kept_while_the_series_are_the_same(sensors: tuple[list[Sensor], list[Sensor]]) -> None:
    now = SystemClock().now()
    for sensor in sensors[1]:
        sensor.read(now)
        layout = sensor.layout
        sensor.read(now)
        assert sensor.layout is layout
