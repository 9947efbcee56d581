from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tocsin.clock import SystemClock
from tocsin.model.metrics import CATALOGUE
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.sensors import choose, portable
from tocsin.sensors.runtime.gc import GcSensor
from tocsin.sensors.runtime.gil import WakeupProbe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.sensors.protocol import Sensor


@pytest.fixture
def sensors() -> Iterator[list[Sensor]]:
    """All sensors of this machine."""
    loop = asyncio.new_event_loop()
    runtime = choose.runtime_sensors(GcSensor(), WakeupProbe(), lambda: [("main", loop)])
    yield [*choose.host_sensors(), *choose.process_sensors(), *runtime]
    for sensor in runtime:
        sensor.close()
    loop.close()


def test_every_series_of_every_sensor_is_in_the_catalogue_and_canonical(sensors: list[Sensor]) -> None:
    now = SystemClock().now()
    for sensor in sensors:
        sensor.read(now)
        for key in sensor.layout:
            assert key.metric in CATALOGUE, key
            assert key.labels == canonical_labels(key.labels), key


def test_no_series_is_read_by_two_sensors(sensors: list[Sensor]) -> None:
    now = SystemClock().now()
    seen: list[SeriesKey] = []
    for sensor in sensors:
        sensor.read(now)
        seen += sensor.layout
    assert len(seen) == len(set(seen))


def test_the_catalogue_knows_how_often_each_series_is_read(sensors: list[Sensor]) -> None:
    now = SystemClock().now()
    for sensor in sensors:
        sensor.read(now)
        for key in sensor.layout:
            assert CATALOGUE[key.metric].tier == sensor.tier, key
            assert CATALOGUE[key.metric].source, key


def test_the_catalogue_knows_what_other_platforms_have() -> None:
    now = SystemClock().now()
    elsewhere = set()
    for sensor in [*portable.host_sensors(), *portable.process_sensors()]:
        sensor.read(now)
        elsewhere |= {key.metric for key in sensor.layout}
    measured = {name for name, info in CATALOGUE.items() if name.startswith(("system.", "process.", "container."))}
    said = {name for name in measured if CATALOGUE[name].platform == "all"}
    assert said == elsewhere | {"system.paging.utilization"}  # which a machine without swap has not
