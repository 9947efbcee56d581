from __future__ import annotations

from tocsin.clock import SystemClock
from tocsin.model.metrics import CATALOGUE
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.sensors import choose


def test_every_series_of_every_sensor_is_in_the_catalogue_and_canonical() -> None:
    now = SystemClock().now()
    for sensor in [*choose.host_sensors(), *choose.process_sensors()]:
        sensor.read(now)
        for key in sensor.layout:
            assert key.metric in CATALOGUE, key
            assert key.labels == canonical_labels(key.labels), key


def test_no_series_is_read_by_two_sensors() -> None:
    now = SystemClock().now()
    seen: list[SeriesKey] = []
    for sensor in [*choose.host_sensors(), *choose.process_sensors()]:
        sensor.read(now)
        seen += sensor.layout
    assert len(seen) == len(set(seen))
