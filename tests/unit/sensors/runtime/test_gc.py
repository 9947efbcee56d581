from __future__ import annotations

import gc
import math
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.system.programs import run

from tocsin.sensors.runtime.gc import GcSensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Values = Callable[[Sensor, Instant], dict[str, float]]


@pytest.fixture
def sensor() -> Iterator[GcSensor]:
    """A sensor, while nobody collects but the test."""
    callbacks = list(gc.callbacks)
    gc.disable()
    one = GcSensor()
    yield one
    one.close()
    gc.enable()
    assert gc.callbacks == callbacks


def collect_much() -> float:
    """Make many cycles and collect them. Returns how long the collection took in all."""
    for _ in range(200_000):
        ring: list[Any] = []
        ring.append(ring)
    began_s = time.perf_counter()
    gc.collect()
    return time.perf_counter() - began_s


def test_a_reading_before_anything_was_timed_has_no_pause(sensor: GcSensor, now: Instant, values: Values) -> None:
    first = values(sensor, now)
    assert math.isnan(first["tocsin.gc.pause"])
    assert first["tocsin.gc.time"] == 0.0
    assert values(sensor, now)["tocsin.gc.pause"] == 0.0


def test_a_big_collection_is_seen_as_long_as_it_was(sensor: GcSensor, now: Instant, values: Values) -> None:
    sensor.read(now)
    took_s = collect_much()
    found = values(sensor, now)
    assert 0.5 * took_s < found["tocsin.gc.pause"] <= took_s
    assert found["tocsin.gc.time"] == found["tocsin.gc.pause"]
    assert values(sensor, now)["tocsin.gc.pause"] == 0.0


def test_the_longest_pause_is_told_and_all_are_summed_up(sensor: GcSensor, now: Instant, values: Values) -> None:
    sensor.read(now)
    took_s = collect_much()
    gc.collect(0)
    gc.collect(0)
    found = values(sensor, now)
    assert found["tocsin.gc.pause"] > 0.5 * took_s
    assert found["tocsin.gc.time"] > found["tocsin.gc.pause"]


def test_a_long_pause_is_kept_with_its_generation_and_the_line_that_began_it(sensor: GcSensor, now: Instant) -> None:
    began_s = time.perf_counter()
    sensor.read(now)
    collect_much()
    [pause] = sensor.biggest(began_s)
    assert pause.generation == 2
    assert pause.collected >= 200_000
    assert pause.places[0][0] is collect_much.__code__
    assert began_s < pause.at_s < time.perf_counter()
    assert sensor.biggest(time.perf_counter()) == []


def test_short_pauses_are_not_kept(sensor: GcSensor, now: Instant) -> None:
    sensor.read(now)
    for _ in range(100):
        gc.collect(0)
    assert sensor.biggest(0.0) == []


def test_collections_are_counted_for_each_generation(sensor: GcSensor, now: Instant, values: Values) -> None:
    before = values(sensor, now)
    gc.collect(0)
    gc.collect(2)
    after = values(sensor, now)
    grown = [after[name] - before[name] for n in range(3) if (name := f"cpython.gc.collections{{generation='{n}'}}")]
    assert grown == [1.0, 0.0, 1.0]


def test_another_callback_that_raises_does_no_harm(
    sensor: GcSensor, now: Instant, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)

    def broken(phase: str, info: dict[str, int]) -> None:
        raise ValueError(phase)

    gc.callbacks.append(broken)
    try:
        sensor.read(now)
        gc.collect(0)
        assert values(sensor, now)["tocsin.gc.pause"] > 0.0
    finally:
        gc.callbacks.remove(broken)
    assert len(raised) == 2


def test_collections_on_several_threads_at_once_all_count(sensor: GcSensor, now: Instant, values: Values) -> None:
    sensor.read(now)

    def collect() -> None:
        for _ in range(200):
            gc.collect(0)
            found.append(sensor.read(now)[0])

    found: list[float] = []
    threads = [threading.Thread(target=collect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(sensor, now)["tocsin.gc.time"] >= max(found) > 0.0


def test_after_closing_nothing_is_timed_and_a_reading_begins_anew(
    sensor: GcSensor, now: Instant, values: Values
) -> None:
    before = len(gc.callbacks)
    sensor.read(now)
    assert len(gc.callbacks) == before + 1
    sensor.close()
    sensor.close()
    assert len(gc.callbacks) == before
    gc.collect(0)
    first = values(sensor, now)
    assert math.isnan(first["tocsin.gc.pause"])
    assert first["tocsin.gc.time"] == 0.0


def test_a_sensor_that_is_dropped_takes_its_callback_along(now: Instant) -> None:
    before = len(gc.callbacks)
    one = GcSensor()
    one.read(now)
    del one
    assert len(gc.callbacks) == before


def test_a_callback_that_somebody_threw_out_is_put_back(sensor: GcSensor, now: Instant) -> None:
    sensor.read(now)
    kept, gc.callbacks[:] = list(gc.callbacks), []
    assert math.isnan(sensor.read(now)[0])
    assert len(gc.callbacks) == 1
    sensor.close()
    gc.callbacks[:] = [one for one in kept if one is not sensor._watch]


def test_importing_the_sensors_times_nothing() -> None:
    done = run("import gc, tocsin.sensors.runtime.gc, tocsin.system; print(gc.callbacks)")
    assert done.out.strip() == "[]"
