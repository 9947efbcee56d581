"""What the charts are told of rules that learn: the expected band, and what a rule may cost in false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertCondition, AlertRule, AlertSeverity
from tocsin.testing import ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from tocsin.clock import VirtualClock
    from tocsin.system import AlertSystem

WAVES = [40.0, 42.0, 41.0, 39.0, 43.0, 40.5]


def unusual(name: str, metric: str, **more: Any) -> AlertRule:
    return AlertRule(
        name,
        AlertCategory.GENERAL,
        AlertSeverity.INFO,
        condition=AlertCondition.ANOMALOUS,
        metric=metric,
        min_change=5,
        **more,
    )


def lived(seconds: int, *rules: AlertRule) -> tuple[AlertSystem, VirtualClock]:
    sensors = [ScriptedSensor("own.level", WAVES * 100), ScriptedSensor("own.plain", WAVES * 100, name="plain")]
    system, clock = system_for_tests(sensors=sensors, rules=list(rules))
    for _ in range(seconds):
        clock.advance(1.0)
        system._core.one_pass()
    return system, clock


def test_a_series_that_is_learned_has_a_band_around_what_is_expected_and_another_has_none() -> None:
    system, clock = lived(300, unusual("odd", "own.level"))
    answer = system.answers()["readings"]({"metric": ["own.level", "own.plain"], "since_s": 100.0})
    [band] = answer["bands"]
    assert (band["metric"], band["labels"]) == ("own.level", {})
    assert 38.0 < band["expected"][-1] < 44.0
    assert band["low"][-1] <= band["expected"][-1] - 5.0
    assert band["high"][-1] >= band["expected"][-1] + 5.0
    now_s = clock.now().utc.timestamp()
    assert band["times"][0] <= now_s - 100.0 < band["times"][1], "one before the stretch, since it held then"
    assert now_s - band["times"][-1] <= 10.0


def test_what_is_no_bound_is_none_and_no_number() -> None:
    system, _ = lived(1, unusual("odd", "own.level"))
    [band] = system.answers()["readings"]({"metric": ["own.level"]})["bands"]
    assert (band["expected"], band["low"], band["high"]) == ([40.0], [None], [None])


def test_a_sum_of_a_metric_has_no_band_in_the_chart_of_the_metric_itself() -> None:
    system, _ = lived(100, unusual("odd", "own.level", aggregate="delta", window_s=10.0))
    assert system.answers()["readings"]({"metric": ["own.level"]})["bands"] == []


def test_a_rule_that_learns_names_its_share_of_the_false_alarms() -> None:
    system, _ = lived(
        10,
        unusual("odd", "own.level"),
        unusual("too", "own.plain"),
        unusual("own", "own.plain", sensitivity=3.0),
        AlertRule("bound", AlertCategory.GENERAL, AlertSeverity.INFO, 50, metric="own.plain"),
    )
    found = {rule["name"]: rule["budget"] for rule in system.answers()["shown_rules"]({})["rules"]}
    assert found == {"odd": pytest.approx(0.5), "too": pytest.approx(0.5), "own": 3.0, "bound": None}
