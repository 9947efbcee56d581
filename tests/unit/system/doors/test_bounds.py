"""The bound of any metric as of now, as `get_dynamic_threshold` gives it."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from tocsin import AlertCategory, AlertRule, AlertSeverity, AlertSystem, ConfigError, VirtualClock
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

LEARNING_PASSES, KNOWN_PASSES = 60, 1500
STEP_S = 60.0  # after 1,500 of which a day is known


def a_rule(name: str = "deep", threshold: float | str = 100.0, **fields: Any) -> AlertRule:
    plain = {"metric": "depth", "adjust": "dynamic", **fields}
    return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, **plain)


ANOMALOUS: dict[str, Any] = {"threshold": "", "condition": "anomalous", "adjust": "static"}


def a_system(*rules: AlertRule, metric: str = "depth", size: float = 1.0) -> tuple[AlertSystem, VirtualClock]:
    """One whose metric is 40 ± 2 sizes, a reading a minute."""
    rng = Random(7)
    values = [rng.gauss(40.0, 2.0) * size for _ in range(KNOWN_PASSES)]
    settings: dict[str, Any] = {"rules": rules, "default_rules": False, "check_interval": STEP_S}
    return system_for_tests(RecordingChannel(), sensors=[ScriptedSensor(metric, values)], **settings)


def pass_by(system: AlertSystem, clock: VirtualClock, passes: int) -> None:
    for _ in range(passes):
        system._core.one_pass()
        clock.advance(STEP_S)


def test_a_metric_of_ones_own_has_its_threshold_while_it_is_learned_and_then_the_bound() -> None:
    system, clock = a_system(a_rule())
    assert system.get_dynamic_threshold("depth") == 100.0
    pass_by(system, clock, LEARNING_PASSES)
    assert system.get_dynamic_threshold("depth") == 100.0
    pass_by(system, clock, KNOWN_PASSES - LEARNING_PASSES)
    assert 44.0 < system.get_dynamic_threshold("depth") < 70.0


def test_a_bound_below_is_the_highest_and_one_that_both_must_break_is_the_laxer() -> None:
    low = a_rule("low", 10.0, condition="less_than")
    both = a_rule("both", 10.0, condition="less_than", adjust="both")
    system, clock = a_system(low)
    other, other_clock = a_system(both)
    pass_by(system, clock, KNOWN_PASSES)
    pass_by(other, other_clock, KNOWN_PASSES)
    assert 15.0 < system.get_dynamic_threshold("depth") < 36.0
    assert other.get_dynamic_threshold("depth") == 10.0


def test_what_is_anomalous_has_no_bound_until_a_day_is_known() -> None:
    system, clock = a_system(a_rule(**ANOMALOUS))
    assert system.get_dynamic_threshold("depth") == math.inf
    pass_by(system, clock, KNOWN_PASSES)
    assert 44.0 < system.get_dynamic_threshold("depth") < 70.0


def test_the_bound_of_a_share_is_in_percent() -> None:
    metric = "process.memory.utilization"
    system, clock = a_system(a_rule(threshold="90 %", metric=metric), metric=metric, size=0.01)
    assert system.get_dynamic_threshold(metric) == pytest.approx(90.0)
    pass_by(system, clock, KNOWN_PASSES)
    assert 44.0 < system.get_dynamic_threshold(metric) < 70.0


def test_of_several_rules_it_is_the_bound_that_is_met_first_and_a_disabled_one_has_none() -> None:
    system, _ = a_system(a_rule("warning", 70.0, adjust="static"), a_rule("critical", 90.0, adjust="static"))
    assert system.get_dynamic_threshold("depth") == 70.0
    system.disable_rule("warning")
    assert system.get_dynamic_threshold("depth") == 90.0


@pytest.mark.parametrize("metric", ["depths", "waiting"])
def test_a_metric_without_a_bound_is_a_clear_error(metric: str) -> None:
    system, _ = a_system(a_rule("filling", 90.0, adjust="static", condition="will_exceed", metric="waiting"))
    with pytest.raises(ConfigError, match=f"get_dynamic_threshold: metric: found '{metric}', expected"):
        system.get_dynamic_threshold(metric)
