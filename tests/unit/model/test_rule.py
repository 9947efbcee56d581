from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.metrics import CATALOGUE, CATEGORY_DEFAULTS
from tocsin.model.rule import AlertRule

CPU, GENERAL, MEMORY = AlertCategory.CPU_USAGE, AlertCategory.GENERAL, AlertCategory.MEMORY_THRESHOLD
WARNING = AlertSeverity.WARNING


def rule(category: Any = CPU, threshold: Any = 85, **fields: Any) -> AlertRule:
    return AlertRule(fields.pop("name", "r"), category, fields.pop("severity", WARNING), threshold, **fields)


def problems(**fields: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        rule(**fields)
    return [(problem.key, problem.found, problem.expected) for problem in caught.value.problems]


@pytest.mark.parametrize("category", [category for category in AlertCategory if category is not GENERAL])
def test_every_category_but_general_has_a_metric_of_its_own(category: AlertCategory) -> None:
    own = CATEGORY_DEFAULTS[category]
    found = rule(category, 5)

    assert found.metric == own.metric
    assert found.metric in CATALOGUE
    assert found.window_s >= own.window_s
    assert found.aggregate == (own.aggregate or "last")


def test_general_without_a_metric_is_refused() -> None:
    assert problems(category=GENERAL) == [("metric", "''", "a metric, since category general has none of its own")]


def test_the_missions_own_call_needs_no_unit() -> None:
    found = AlertRule("high-cpu", AlertCategory.CPU_USAGE, AlertSeverity.CRITICAL, 90.0)

    assert (found.limit, found.unit, found.condition, found.enabled) == (0.9, "1", AlertCondition.GREATER_THAN, True)


@pytest.mark.parametrize(
    ("category", "threshold", "limit"),
    [
        (AlertCategory.MEMORY_LEAK, 36, 10_000),  # MB/hour
        (AlertCategory.MEMORY_GROWTH, 5, 5e6),  # MB/s
        (AlertCategory.MEMORY_EFFICIENCY, 0.5, 0.5),  # a score
        (AlertCategory.MEMORY_THRESHOLD, 650, 650e6),  # MB
        (AlertCategory.CPU_USAGE, 85, 0.85),  # %
        (AlertCategory.DISK_IO, 100, 0.1),  # ms
        (AlertCategory.NETWORK_IO, 10, 10),  # a second
        (AlertCategory.APPLICATION_LATENCY, 500, 0.5),  # ms
    ],
)
def test_a_bare_number_is_in_the_unit_of_the_category(category: AlertCategory, threshold: float, limit: float) -> None:
    assert rule(category, threshold).limit == pytest.approx(limit, rel=1e-12)
    assert rule(category, str(threshold)).limit == pytest.approx(limit, rel=1e-12)


@pytest.mark.parametrize(
    ("category", "metric", "threshold", "limit"),
    [
        (MEMORY, "", "650 MB", 650e6),
        (MEMORY, "", "1 GiB", 2**30),
        (MEMORY, "system.memory.utilization", 90, 0.9),
        (GENERAL, "process.cpu.utilization", 150, 1.5),
        (GENERAL, "tocsin.eventloop.lag", "50 ms", 0.05),
        (GENERAL, "process.thread.count", 200, 200),
        (GENERAL, "orders.open", 12, 12),
        (GENERAL, "orders.open", -3, -3),
    ],
)
def test_a_threshold_is_read_by_the_unit_of_its_metric(
    category: AlertCategory, metric: str, threshold: float | str, limit: float
) -> None:
    assert rule(category, threshold, metric=metric).limit == limit


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"threshold": "50 ms"}, "a percentage such as '85 %', since system.cpu.utilization is in 1"),
        ({"threshold": "fast"}, "a percentage such as '85 %'; 'fast' is not a number with a unit"),
        ({"threshold": 0.85}, "a percentage: write 85 or '85 %'; to mean less than one percent write '0.85 %'"),
        ({"threshold": "0.85"}, "a percentage: write 85 or '85 %'; to mean less than one percent write '0.85 %'"),
        ({"threshold": 1}, "a percentage: write 100 or '100 %'; to mean one percent write '1 %'"),
        ({"threshold": 0.005}, "a percentage: to mean less than one percent write '0.005 %'"),
        ({"threshold": -5}, "a percentage of 0 % or more"),
        ({"threshold": True}, "a percentage such as '85 %'"),
        ({"threshold": None}, "a percentage such as '85 %'"),
        ({"threshold": math.nan}, "a finite number"),
        ({"threshold": math.inf}, "a finite number"),
        ({"threshold": 10**400}, "a finite number"),
        (
            {"category": MEMORY, "threshold": 700_000_000},
            "megabytes: 7e+08 MB is 700 TB; write the unit, as in '650 MB'",
        ),
        ({"category": GENERAL, "metric": "process.memory.usage"}, "a size such as '650 MB'"),
        ({"category": GENERAL, "metric": "process.memory.usage", "threshold": "650"}, "a size such as '650 MB'"),
        ({"category": GENERAL, "metric": "tocsin.eventloop.lag"}, "a time such as '50 ms'"),
        (
            {"category": GENERAL, "metric": "process.thread.count", "threshold": "85 %"},
            "a number without unit, since process.thread.count is in {thread}",
        ),
    ],
)
def test_a_threshold_that_cannot_be_meant_is_refused_in_words(fields: dict[str, Any], expected: str) -> None:
    assert [(key, words) for key, _, words in problems(**fields)] == [("threshold", expected)]


def test_less_than_one_percent_can_be_said_with_the_unit() -> None:
    assert rule(threshold="0.85 %").limit == pytest.approx(0.0085)


def test_without_a_clear_threshold_the_alert_ends_two_percent_back() -> None:
    assert rule(threshold=50).clear_limit == pytest.approx(0.49)
    assert rule(threshold=50, condition=AlertCondition.LESS_THAN).clear_limit == pytest.approx(0.51)
    assert rule(threshold=50, condition=AlertCondition.EQUALS).clear_limit == 0.5
    assert rule(GENERAL, -100, metric="celsius").clear_limit == -102


@pytest.mark.parametrize(
    ("condition", "clear", "expected"),
    [
        ("greater_than", 84, None),
        ("greater_than", 85, None),
        ("greater_than", 86, "a value at or below the threshold 85"),
        ("less_than", 86, None),
        ("less_than", 85, None),
        ("less_than", 84, "a value at or above the threshold 85"),
        ("equals", 10, None),
    ],
)
def test_a_clear_threshold_stands_on_the_good_side(condition: str, clear: float, expected: str | None) -> None:
    if expected is None:
        assert rule(condition=condition, clear_threshold=clear).clear_limit == clear / 100
    else:
        found = problems(condition=condition, clear_threshold=clear)
        assert found == [("clear_threshold", str(clear), expected)]


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({"name": ""}, "name", "a name that says what is wrong"),
        ({"name": None}, "name", "a name that says what is wrong"),
        ({"severity": "criticl"}, "severity", "info, warning or critical (did you mean 'critical'?)"),
        ({"severity": 7}, "severity", "info, warning or critical"),
        (
            {"condition": "anomalous"},
            "threshold",
            "none, since what is anomalous is learned from the metric itself",
        ),
        ({"horizon_s": 60}, "horizon_s", "None, or the condition will_exceed"),
        (
            {"condition": "will_exceed", "horizon_s": 59.0},
            "horizon_s",
            "seconds, from 60 to 2592000 (30 days)",
        ),
        ({"condition": "will_exceed", "horizon_s": "4h"}, "horizon_s", "seconds, from 60 to 2592000 (30 days)"),
        (
            {"condition": "will_exceed", "aggregate": "avg"},
            "aggregate",
            "none, since will_exceed looks at the readings themselves",
        ),
        (
            {"condition": "will_exceed", "window_s": 5.0},
            "window_s",
            "none, since will_exceed looks back as far as it looks ahead (horizon_s)",
        ),
        (
            {"condition": "will_exceed", "threshold": "85 %", "clear_threshold": "90 %"},
            "clear_threshold",
            "a value at or below the threshold '85 %'",
        ),
        ({"enabled": "yes"}, "enabled", "True or False"),
        ({"metric": 5}, "metric", "the name of a metric"),
        ({"for_s": "30s"}, "for_s", "seconds, 0 or more"),
        ({"for_s": -1}, "for_s", "seconds, 0 or more"),
        ({"for_s": True}, "for_s", "seconds, 0 or more"),
        ({"keep_firing_for_s": math.inf}, "keep_firing_for_s", "seconds, 0 or more"),
        ({"window_s": math.nan}, "window_s", "seconds, 0 or more"),
        ({"for_s": 10**400}, "for_s", "seconds, 0 or more"),
        ({"no_data": "drop"}, "no_data", "one of hold, alert"),
        ({"on_error": None}, "on_error", "one of hold, alert"),
        ({"component": 5}, "component", "a text"),
        ({"labels": ["a"]}, "labels", "a mapping of texts"),
        ({"recommendations": 5}, "recommendations", "a list of texts"),
        ({"sensitivity": "high"}, "sensitivity", "false alarms a week, more than 0, or None"),
        ({"message": "{value"}, "message", "a text whose braces hold a plain name, or are doubled"),
        ({"message": "{}"}, "message", "a text whose braces hold a plain name, or are doubled"),
        ({"message": "{value.real}"}, "message", "a text whose braces hold a plain name, or are doubled"),
        ({"message": 5}, "message", "a text whose braces hold a plain name, or are doubled"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused_in_words(fields: dict[str, Any], key: str, expected: str) -> None:
    found = problems(**fields)

    assert len(found) == 1
    assert (found[0][0], found[0][2]) == (key, expected)


@pytest.mark.parametrize(
    ("key", "word", "meant"),
    [
        ("category", "cpu_usge", "cpu_usage"),
        ("condition", "greater_then", "greater_than"),
        ("aggregate", "agv", "avg"),
        ("severity", "Warnin", "warning"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest(key: str, word: str, meant: str) -> None:
    [(found_key, found, expected)] = problems(**{key: word})

    assert (found_key, found) == (key, repr(word))
    assert expected.endswith(f"(did you mean {meant!r}?)")


def test_all_mistakes_are_named_at_once() -> None:
    found = problems(name="", severity="bad", threshold="50 ms", for_s=-1, no_data="x", labels=3)

    assert [key for key, _, _ in found] == ["name", "severity", "for_s", "no_data", "labels", "threshold"]


def test_a_mistake_says_where_what_and_how_it_would_be_right() -> None:
    with pytest.raises(ConfigError) as caught:
        rule(name="cpu", severity="bad")

    assert str(caught.value) == (
        "AlertRule 'cpu': severity: found 'bad', expected info, warning or critical. Example: severity=\"warning\""
    )


def test_kinds_may_be_given_as_words_and_numbers() -> None:
    found = rule("MEMORY_LEAK", 50, severity=3, condition="Less_Than")

    assert found.category is AlertCategory.MEMORY_LEAK
    assert found.severity is AlertSeverity.CRITICAL
    assert found.condition is AlertCondition.LESS_THAN


def test_a_counter_is_watched_by_its_rate_over_a_minute() -> None:
    found = rule(GENERAL, 5, metric="system.network.dropped")

    assert (found.aggregate, found.window_s, found.unit) == ("rate", 60.0, "{packet}/s")


def test_an_aggregate_without_a_window_looks_at_a_minute() -> None:
    assert rule(aggregate="avg").window_s == 60.0
    assert rule(aggregate="last").window_s == 0.0


def test_one_recommendation_may_stand_alone() -> None:
    assert rule(recommendations="Look").recommendations == ("Look",)
    assert rule(recommendations=["Look", "Act"]).recommendations == ("Look", "Act")


def test_a_rule_survives_the_way_through_json() -> None:
    found = rule(threshold="85 %", labels={"cpu": "0"}, recommendations=["Look"], message="{value}")

    assert msgspec.json.decode(msgspec.json.encode(found), type=AlertRule) == found


def test_changing_a_rule_checks_it_again() -> None:
    with pytest.raises(ConfigError):
        msgspec.structs.replace(rule(), threshold=0.85)


_anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.lists(st.text(max_size=3), max_size=2)
)
_words = st.sampled_from(
    ["85 %", "50 ms", "5 MB/s", "avg", "rate", "last", "equals", "less_than", "disk_io", "general"]
)


@given(
    st.dictionaries(
        st.sampled_from(
            [field for field in AlertRule.__struct_fields__ if field not in {"name", "category", "threshold"}]
        ),
        _anything | _words,
        max_size=6,
    ),
    _anything | _words | st.sampled_from(AlertCategory),
    _anything | _words,
)
def test_whatever_the_fields_are_the_rule_is_right_or_a_config_error(
    fields: dict[str, Any], category: Any, threshold: Any
) -> None:
    try:
        found = rule(category, threshold, **fields)
    except ConfigError:
        return
    assert math.isfinite(found.limit)
    assert math.isfinite(found.clear_limit)
