from __future__ import annotations

import math
import threading
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.errors import SampleError
from tocsin.model.readings import OVERFLOW_LABELS, SeriesKey
from tocsin.sensors.own import MAX_LABEL_SETS, MAX_METRICS, OVERFLOW_KEY, CallableSensor, OwnMetrics, SeriesLimits

if TYPE_CHECKING:
    from tocsin.clock import Instant


def test_readings_come_out_in_their_order() -> None:
    metrics = OwnMetrics()
    metrics.record("orders", 1)
    metrics.record("orders", 2.5, {"shop": "b", "area": "a"})
    metrics.record("orders", True)
    keys, values = metrics.drain()
    assert keys == [SeriesKey("orders"), SeriesKey("orders", (("area", "a"), ("shop", "b"))), SeriesKey("orders")]
    assert values == [1.0, 2.5, 1.0]
    assert metrics.drain() == ([], [])


@pytest.mark.parametrize("value", [Decimal("1.5"), Fraction(3, 2), 1.5])
def test_any_number_is_taken(value: object) -> None:
    metrics = OwnMetrics()
    metrics.record("x", value)
    assert metrics.drain()[1] == [1.5]


class Odd:
    def __float__(self) -> float:
        raise RuntimeError("no")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "1.5", b"1", [], 1j, Odd(), 10**400])
def test_what_is_no_number_is_dropped_and_counted(value: object) -> None:
    metrics = OwnMetrics()
    metrics.record("x", value)
    assert metrics.drain() == ([], [])
    assert metrics.dropped == {"queue full": 0, "not a number": 1, "bad labels": 0}


def test_a_full_queue_drops_and_counts() -> None:
    metrics = OwnMetrics(capacity=10)
    for number in range(15):
        metrics.record("x", number)
    assert metrics.drain()[1] == list(range(10))
    assert metrics.dropped["queue full"] == 5
    metrics.record("x", 99)
    assert metrics.drain()[1] == [99]


def test_labels_that_are_none_are_counted_and_odd_ones_become_text() -> None:
    metrics = OwnMetrics()
    bad: Any = ["not", "a", "mapping"]
    metrics.record("x", 1, bad)
    assert metrics.dropped["bad labels"] == 1
    metrics.record("x", 1, {"n": 1})
    metrics.record("x", 1, {"n": True})
    metrics.record("x", 1, {"n": [1]})
    assert [key.labels for key in metrics.drain()[0]] == [(("n", "1"),), (("n", "True"),), (("n", "[1]"),)]


def test_labels_are_copied_when_they_are_handed_over() -> None:
    metrics, labels = OwnMetrics(), {"shop": "a"}
    metrics.record("x", 1, labels)
    labels["shop"] = "b"
    assert metrics.drain()[0] == [SeriesKey("x", (("shop", "a"),))]


def test_no_reading_and_no_count_is_lost_among_eight_threads() -> None:
    metrics, each = OwnMetrics(capacity=5_000), 4_000
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for number in range(each):
            metrics.record("x", number)
            metrics.record("x", math.nan)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    taken = 0
    while any(thread.is_alive() for thread in threads):
        taken += len(metrics.drain()[1])
    taken += len(metrics.drain()[1])
    dropped = metrics.dropped
    assert taken + dropped["queue full"] + dropped["not a number"] == 2 * 8 * each
    assert metrics.dropped == dropped  # looking does not count


def test_a_flood_of_label_values_make_two_hundred_series_and_one_more() -> None:
    limits = SeriesLimits()
    keys = {limits.admit("x", (("id", str(number)),)) for number in range(200_000)}
    assert len(keys) == MAX_LABEL_SETS + 1
    assert SeriesKey("x", OVERFLOW_LABELS) in keys
    assert limits.overflowed["too many label sets"] == 200_000 - MAX_LABEL_SETS
    assert len(limits._remembered) <= MAX_LABEL_SETS


def test_metrics_beyond_the_cap_share_one_series() -> None:
    metrics = OwnMetrics()
    for number in range(MAX_METRICS + 7):
        metrics.record(f"metric.{number}", 1)
    keys, values = metrics.drain()
    assert keys[-7:] == [OVERFLOW_KEY] * 7
    assert len(values) == MAX_METRICS + 7
    assert metrics.overflowed == {"too many metrics": 7, "too many label sets": 0}


def test_many_spellings_of_one_series_do_not_fill_the_memory() -> None:
    limits = SeriesLimits()
    for number in range(25_000):
        limits.admit("x", (("id", "é" * 300 + str(number)),))
    assert len(limits._remembered) <= 20_000


def test_long_names_are_bounded() -> None:
    metrics = OwnMetrics()
    metrics.record("x" * 1000, 1)
    assert len(metrics.drain()[0][0].metric) == 200


def test_a_fork_does_not_tell_the_readings_of_its_parent() -> None:
    metrics = OwnMetrics()
    metrics.record("x", 1)
    metrics.after_fork()
    assert metrics.drain() == ([], [])


@pytest.mark.parametrize(
    "returned",
    [
        {"jobs": 3, ("jobs", (("kind", "slow"),)): 4},
        {"jobs": 3, ("jobs", None): 3, SeriesKey("jobs", (("kind", "slow"),)): 4},
        [("jobs", 3), ("jobs", 4, {"kind": "slow"})],
        (("jobs", 3, None), ["jobs", 4, [("kind", "slow")]]),
    ],
)
def test_a_function_may_return_its_values_in_several_shapes(returned: object, now: Instant) -> None:
    sensor = CallableSensor(lambda: returned, name="jobs")
    readings = sensor.read(now)
    assert dict(zip(sensor.layout, readings, strict=True)) == {
        SeriesKey("jobs"): 3, SeriesKey("jobs", (("kind", "slow"),)): 4,
    }  # fmt: skip
    layout = sensor.layout
    sensor.read(now)
    assert sensor.layout is layout


async def a_coroutine() -> dict[str, float]:
    return {}


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda: None, "returned NoneType"),
        (lambda: "text", "returned str"),
        (lambda: {"x": "text"}, "found the text"),
        (lambda: {"x": None}, "found NoneType"),
        (lambda: {1: 1}, "name of a metric"),
        (lambda: [1], "expected .name, number"),
        (lambda: [("x", 1, 5)], "labels as a mapping or pairs"),
        (lambda: {f"x{number}": 1 for number in range(1001)}, "returned 1001 values"),
        (a_coroutine, "plain function"),
    ],
)
def test_a_function_that_returns_something_else_is_told_what_was_expected(
    function: Any, complaint: str, now: Instant
) -> None:
    with pytest.raises(SampleError, match=complaint):
        CallableSensor(function).read(now)


def test_a_value_that_is_not_finite_is_absent(now: Instant) -> None:
    assert math.isnan(CallableSensor(lambda: {"x": math.inf}).read(now)[0])


def test_a_sensor_is_named_after_its_function() -> None:
    assert CallableSensor(a_coroutine).name == "a_coroutine"
    assert CallableSensor(dict, name="mine").name == "mine"
