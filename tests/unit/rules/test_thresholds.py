from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.levels import ThresholdKind
from tocsin.rules.detectors.anomaly import AnomalyDetector
from tocsin.rules.thresholds import dynamic_threshold, effective_threshold, learned_bound

values = st.floats(min_value=-1e6, max_value=1e6)


def test_the_missions_example_gives_seventy() -> None:
    assert dynamic_threshold(85.0, [40, 60]) == 70.0


def test_the_static_threshold_is_never_exceeded() -> None:
    assert dynamic_threshold(60.0, [40, 60]) == 60.0


def test_the_deviation_is_that_of_the_population() -> None:
    assert dynamic_threshold(85.0, [50]) == 50.0
    assert dynamic_threshold(1000.0, [2, 4, 4, 4, 5, 5, 7, 9]) == 9.0


@pytest.mark.parametrize("history", [[], (), [math.nan], [math.inf, -math.inf, math.nan]])
def test_without_history_it_is_the_static_threshold(history: list[float]) -> None:
    assert dynamic_threshold(85.0, history) == 85.0


def test_what_is_not_finite_is_left_out() -> None:
    assert dynamic_threshold(85.0, [40, math.nan, 60, math.inf]) == 70.0


@given(values, st.lists(values))
def test_it_lies_between_the_mean_and_the_static_threshold(static: float, history: list[float]) -> None:
    found = dynamic_threshold(static, history)

    assert found <= static
    assert found == static or not history or found >= min(history) - 1e-6


@given(values, st.lists(values, min_size=1))
def test_the_order_of_the_history_does_not_matter(static: float, history: list[float]) -> None:
    shuffled = sorted(history)

    assert dynamic_threshold(static, shuffled) == pytest.approx(dynamic_threshold(static, history), abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "learned", "threshold"),
    [
        (ThresholdKind.STATIC, 60.0, 85.0),
        (ThresholdKind.DYNAMIC, 60.0, 60.0),
        (ThresholdKind.DYNAMIC, 95.0, 85.0),
        (ThresholdKind.DYNAMIC, None, 85.0),
        (ThresholdKind.BOTH, 60.0, 85.0),
        (ThresholdKind.BOTH, 95.0, 95.0),
        (ThresholdKind.BOTH, None, 85.0),
        (ThresholdKind.SIGMA, 10.0, 70.0),
    ],
)
def test_each_kind_has_its_bound(kind: ThresholdKind, learned: float | None, threshold: float) -> None:
    assert effective_threshold(kind, 85.0, learned=learned, history=[40, 60]) == threshold


def test_nothing_is_learned_on_the_first_day_and_a_bound_after_it() -> None:
    detector, rng = AnomalyDetector(legal_range=(0.0, 100.0)), Random(1)
    for number in range(1500):
        at_s = 1_767_571_200.0 + 60.0 * number
        if number < 1440:
            assert learned_bound(detector, at_s) is None
        detector.update(rng.gauss(30.0, 2.0), at_s)
    bound = learned_bound(detector, at_s + 60.0)
    assert bound is not None
    assert 36.0 < bound < 60.0
