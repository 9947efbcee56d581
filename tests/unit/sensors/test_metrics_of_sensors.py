from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tocsin.clock import SystemClock
from tocsin.model.metrics import CATALOGUE
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.sensors import choose
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
